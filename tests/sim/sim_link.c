/* sim_link.c - the AMQP link of common/amqp/amqp.h without sockets and threads: it takes the place of common/amqp/, and calls
 * its owner only when the simulation steps it. */
#include "sim_bus.h"

#include <stdlib.h>
#include <string.h>

enum { WORK_MS = 1000, SETTLED_MS = 5000, FRAMES_AT_ONCE = 32, SILENT_MS = 5000 };

/* ---- life ------------------------------------------------------------------------------------------------------ */

int tern_amqp_check_url(const char *url, const char *ca_file, struct tern_error *err)
{
    (void)url;
    (void)ca_file;
    (void)err;
    return 0;
}

int tern_amqp_create(const struct tern_amqp_settings *settings, const struct tern_amqp_owner *owner,
                     struct tern_amqp **ret_link, struct tern_error *err)
{
    struct tern_amqp *link = tern_alloc(sizeof *link);
    char service[64];
    const char *dash = strrchr(settings->connection_name, '-');
    (void)err;
    TERN_ASSERT(dash != NULL && (size_t)(dash - settings->connection_name) < sizeof service, "a link has a name");
    memcpy(service, settings->connection_name, (size_t)(dash - settings->connection_name));
    service[dash - settings->connection_name] = '\0';
    link->owner = *owner;
    link->who = sim_who(service);
    link->publisher = strcmp(dash, "-pub") == 0;
    link->connect_at = sim->now + sim_below(sim->plan.network_ms + 1);
    sim->services[link->who].links[link->publisher] = link;
    *ret_link = link;
    return 0;
}

void tern_amqp_destroy(struct tern_amqp *link)
{
    if (link == NULL) return;
    sim_link_detach(link);
    sim->services[link->who].links[link->publisher] = NULL;
    free(link);
}

void sim_link_detach(struct tern_amqp *link)
{
    struct sim_conn *conn = link->conn;
    link->conn = NULL;
    link->connected = link->blocked = link->standing_by = false;
    if (conn != NULL) sim_broker_leave(conn, false);
}

void tern_amqp_run(struct tern_amqp *link)
{
    (void)link;
}

void tern_amqp_wake(struct tern_amqp *link)
{
    if (link->work_at > sim->now) link->work_at = sim->now;
    if (link->standing_by && link->connect_at > sim->now) link->connect_at = sim->now;
}

void tern_amqp_stop(struct tern_amqp *link)
{
    (void)link;
}

struct tern_amqp_link_state tern_amqp_state(const struct tern_amqp *link)
{
    return (struct tern_amqp_link_state){
        .connected = link->connected, .blocked = link->blocked, .connects = link->connects};
}

const char *tern_amqp_version(void)
{
    return "a simulated broker";
}

/* ---- set-up ---------------------------------------------------------------------------------------------------- */

static int in_set_up(const struct tern_amqp *link, struct tern_error *err)
{
    TERN_ASSERT(link->in_set_up, "topology is declared in the set-up");
    if (link->conn->to_server.deaf || link->conn->to_client.deaf) return tern_error_set(err, "no answer in time");
    return sim->broker->down ? tern_error_set(err, "the broker went away") : 0;
}

int tern_amqp_declare_exchange(struct tern_amqp *link, const char *name, const char *type, struct tern_error *err)
{
    (void)name;
    (void)type;
    return in_set_up(link, err);
}

int tern_amqp_declare_queue(struct tern_amqp *link, const char *name, const struct tern_amqp_argument *arguments,
                            size_t count, struct tern_error *err)
{
    enum sim_who queue = sim_who(name);
    (void)arguments;
    (void)count;
    if (in_set_up(link, err) < 0) return -1;
    if (queue < SIM_SERVICES) sim->broker->queues[queue].exists = true;
    return 0;
}

int tern_amqp_mark_queue(struct tern_amqp *link, const char *queue, const char *marker, struct tern_error *err)
{
    (void)marker;
    if (in_set_up(link, err) < 0) return -1;
    sim->broker->queues[sim_who(queue)].markers |= 1U << link->who;
    return 0;
}

/* events.known.<service>.<queue>: each service asks for its own only. */
static bool has_marker(const struct tern_amqp *link, const char *marker)
{
    return sim->broker->queues[sim_who(strrchr(marker, '.') + 1)].markers >> link->who & 1;
}

int tern_amqp_has_marker(struct tern_amqp *link, const char *marker, struct tern_error *err)
{
    if (in_set_up(link, err) < 0) return -1;
    return has_marker(link, marker);
}

int tern_amqp_expect_marker(struct tern_amqp *link, const char *marker, struct tern_error *err)
{
    if (has_marker(link, marker)) return 0;
    link->conn->excused = true;
    return tern_error_set(err, "the broker has forgotten %s", marker);
}

/* <service>.owner */
int tern_amqp_own_queue(struct tern_amqp *link, const char *name, struct tern_error *err)
{
    struct sim_queue *queue = &sim->broker->queues[link->who];
    TERN_ASSERT(!link->publisher && strcmp(strrchr(name, '.'), ".owner") == 0, "the consumer owns its queue");
    if (in_set_up(link, err) < 0) return -1;
    if (queue->owner != 0 && queue->owner != link->conn->serial) return TERN_AMQP_TAKEN;
    queue->owner = link->conn->serial;
    return TERN_AMQP_GRANTED;
}

int tern_amqp_claim_queue(struct tern_amqp *link, const char *queue, const char *marker, const char *owner,
                          char ret_owner[TERN_AMQP_OWNER_SIZE], struct tern_error *err)
{
    char *claim = sim->broker->queues[sim_who(queue)].claim;
    (void)marker;
    if (in_set_up(link, err) < 0) return -1;
    if (claim[0] == '\0') tern_copy_whole(claim, sizeof sim->broker->queues[0].claim, owner);
    tern_copy_whole(ret_owner, TERN_AMQP_OWNER_SIZE, claim);
    return strcmp(claim, owner) == 0 ? TERN_AMQP_GRANTED : TERN_AMQP_TAKEN;
}

int tern_amqp_drop_marker(struct tern_amqp *link, const char *marker, struct tern_error *err)
{
    (void)link;
    (void)marker;
    (void)err;
    tern_broken(__FILE__, __LINE__, "nobody adopts a queue here");
}

int tern_amqp_bind(struct tern_amqp *link, const char *queue, const char *exchange, const char *key,
                   struct tern_error *err)
{
    enum sim_who which = sim_who(queue);
    (void)exchange;
    if (in_set_up(link, err) < 0) return -1;
    for (size_t i = 0; which < SIM_SERVICES && i < SHOP_EVENT_COUNT; i++) {
        char routing_key[TERN_ROUTING_KEY_SIZE];
        tern_routing_key(shop_event_types[i].name, routing_key);
        if (strcmp(routing_key, key) == 0) sim->broker->queues[which].bindings |= UINT64_C(1) << i;
    }
    return 0;
}

int tern_amqp_prefetch(struct tern_amqp *link, uint16_t count, struct tern_error *err)
{
    link->conn->prefetch = count;
    return in_set_up(link, err);
}

int tern_amqp_consume(struct tern_amqp *link, const char *queue, struct tern_error *err)
{
    link->conn->queue = sim_who(queue);
    sim_client_send(link->conn, (struct sim_frame){.kind = SIM_FRAME_CONSUME, .number = link->conn->prefetch});
    return in_set_up(link, err);
}

int tern_amqp_select_confirms(struct tern_amqp *link, struct tern_error *err)
{
    link->conn->confirming = true;
    if (sim->broker->blocked) sim_broker_send(link->conn, (struct sim_frame){.kind = SIM_FRAME_BLOCKED, .good = true});
    return in_set_up(link, err);
}

static bool begins_with(const char *text, const char *head)
{
    return strncmp(text, head, strlen(head)) == 0;
}

int tern_amqp_consume_aside(struct tern_amqp *link, const char *queue, const char *exchange, const char *const *keys,
                            size_t count, uint16_t prefetch, struct tern_error *err)
{
    (void)queue;
    (void)exchange;
    (void)prefetch;
    if (in_set_up(link, err) < 0) return -1;
    link->conn->aside = true;
    for (size_t i = 0; i < count; i++)
        if (begins_with(keys[i], "tern.beacon."))
            link->conn->beacons |= 1U << sim_who(keys[i] + strlen("tern.beacon."));
    return TERN_AMQP_GRANTED;
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

static const char *header(const struct tern_amqp_message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (strcmp(message->headers[i].name, name) == 0) return message->headers[i].value;
    return NULL;
}

static const char was_asked_for[] = "SELECT 1 FROM republish_request JOIN event_log USING (seq) WHERE event_id = ?1";

int tern_amqp_publish(struct tern_amqp *link, const struct tern_amqp_message *message, uint64_t *ret_sequence,
                      struct tern_error *err)
{
    struct sim_message *sent = sim_message_new();
    const char *traceparent = header(message, "traceparent"), *subject = header(message, "cloudEvents_subject");
    (void)err;
    tern_copy_whole(sent->message_id, sizeof sent->message_id, message->message_id);
    tern_copy_whole(sent->type, sizeof sent->type, message->type);
    const char *number = header(message, "x-tern-n");
    sent->control = message->transient;
    tern_copy_whole(sent->number, sizeof sent->number, number ? number : "");
    tern_copy_whole(sent->app_id, sizeof sent->app_id, message->app_id);
    tern_copy_whole(sent->key, sizeof sent->key, message->routing_key);
    tern_copy_whole(sent->traceparent, sizeof sent->traceparent, traceparent ? traceparent : "");
    const char *nudge = header(message, "x-tern-nudge");
    sent->nudge = nudge != NULL;
    sent->republished = nudge != NULL && strcmp(nudge, "republished") == 0;
    sent->asked = sent->republished && sim_number(sim->services[link->who].db, was_asked_for, sent->message_id) > 0;
    sent->mandatory = message->mandatory;
    sent->body = tern_copy_bytes(message->body, message->body_length);
    sent->length = message->body_length;
    *ret_sequence = ++link->sequence;
    if (!sent->control) {
        sent->event = sim_event_index(sent->message_id, sent->type, subject ? subject : "");
        sim_watch_publish(link, sent);
    }
    sim_client_send(link->conn, (struct sim_frame){.kind = SIM_FRAME_PUBLISH, .message = sent});
    return 0;
}

bool tern_amqp_alive(const struct tern_amqp *link)
{
    return link->deaf_since < 0 || sim->now - link->deaf_since < SILENT_MS;
}

bool tern_amqp_may_publish(const struct tern_amqp *link)
{
    return !link->blocked && tern_amqp_alive(link);
}

int tern_amqp_consume_again(struct tern_amqp *link, const char *queue, uint16_t prefetch, struct tern_error *err)
{
    (void)queue;
    (void)err;
    sim_client_send(link->conn, (struct sim_frame){.kind = SIM_FRAME_CONSUME, .number = prefetch});
    return 0;
}

int tern_amqp_bind_again(struct tern_amqp *link, const char *queue, const char *exchange, const char *key,
                         struct tern_error *err)
{
    (void)exchange;
    (void)err;
    for (size_t i = 0; sim_who(queue) < SIM_SERVICES && i < SHOP_EVENT_COUNT; i++) {
        char routing_key[TERN_ROUTING_KEY_SIZE];
        tern_routing_key(shop_event_types[i].name, routing_key);
        if (strcmp(routing_key, key) == 0)
            sim_client_send(link->conn, (struct sim_frame){.kind = SIM_FRAME_BIND, .number = i});
    }
    return 0;
}

int tern_amqp_count(struct tern_amqp *link, const char *queue, struct tern_error *err)
{
    (void)err;
    sim_client_send(link->conn, (struct sim_frame){.kind = SIM_FRAME_COUNT, .queue = sim_who(queue)});
    return 0;
}

void tern_amqp_probe_soon(struct tern_amqp *link)
{
    link->probe_at = link->work_at = sim->now;
}

int tern_amqp_ack(struct tern_amqp *link, uint64_t delivery_tag, bool multiple, struct tern_error *err)
{
    (void)err;
    TERN_ASSERT(multiple, "the consumer acknowledges by range");
    sim_watch_ack(link, delivery_tag);
    sim_client_send(link->conn, (struct sim_frame){.kind = SIM_FRAME_ACK, .number = delivery_tag});
    return 0;
}

int tern_amqp_dead_letter(struct tern_amqp *link, uint64_t delivery_tag, struct tern_error *err)
{
    (void)link;
    (void)delivery_tag;
    (void)err;
    tern_broken(__FILE__, __LINE__, "no message is so large here that its bytes are not kept");
}

int tern_amqp_cancel(struct tern_amqp *link, struct tern_error *err)
{
    (void)link;
    (void)err;
    return 0;
}

/* ---- stepping -------------------------------------------------------------------------------------------------- */

static int64_t backoff_ms(unsigned attempt)
{
    int64_t wait_ms = 200;
    for (unsigned i = 1; i < attempt && wait_ms < 10000; i++)
        wait_ms *= 2;
    if (wait_ms > 10000) wait_ms = 10000;
    return wait_ms / 2 + sim_below(wait_ms / 2 + 1);
}

void sim_link_lost(struct tern_amqp *link, const char *why, bool orderly)
{
    struct sim_conn *conn = link->conn;
    link->conn = NULL;
    link->connected = link->blocked = link->standing_by = false;
    if (conn != NULL) sim_broker_leave(conn, orderly);
    if (link->connected_at > 0 && sim->now - link->connected_at >= SETTLED_MS) link->attempt = 0;
    link->connected_at = 0;
    sim_tell(sim_names[link->who], NULL, "%s lost: %s", link->publisher ? "publisher" : "consumer", why);
    if (link->owner.lost != NULL) link->owner.lost(link->owner.self, why);
    link->connect_at = sim->now + backoff_ms(++link->attempt);
    sim_service_online(&sim->services[link->who]);
}

/* A callback said that it cannot go on. It must have a reason that the broker gave it. */
static void give_up(struct tern_amqp *link, const struct tern_error *err)
{
    SIM_CHECK(S2, link->conn->excused, NULL, "the %s of %s gave a sound connection up: %s",
              link->publisher ? "publisher" : "consumer", sim_names[link->who], err->text);
    sim_link_lost(link, err->text, true);
}

static bool is_silent(const struct tern_amqp *link)
{
    return link->deaf_since >= 0 && sim->now - link->deaf_since > 2 * SILENT_MS;
}

static void step_ready(struct tern_amqp *link)
{
    struct tern_error err = {.text = "no reason"};
    link->in_set_up = true;
    int ready = link->owner.ready(link->owner.self, link, &err);
    link->in_set_up = false;
    link->standing_by = ready > 0;
    if (ready > 0) {
        link->connect_at = sim->now + ready + sim_below(ready + 1);
        sim_tell(sim_names[link->who], NULL, "%s stands by", link->publisher ? "publisher" : "consumer");
        return;
    }
    if (ready < 0) {
        link->conn->excused = true;
        give_up(link, &err);
        return;
    }
    link->connected = true;
    link->connected_at = sim->now;
    link->work_at = sim->now;
    sim->services[link->who].lane_at = sim->now; /* jobs begin when the queue is ours */
    sim_service_online(&sim->services[link->who]);
}

static void step_connect(struct tern_amqp *link)
{
    link->conn = sim_broker_connect(link);
    if (link->conn == NULL) {
        sim_link_lost(link, "refused", false);
        return;
    }
    link->connects++;
    link->sequence = 0;
    link->deaf_since = -1;
    step_ready(link);
}

static void step_stand_by(struct tern_amqp *link)
{
    if (is_silent(link))
        sim_link_lost(link, "the broker has been silent", false);
    else
        step_ready(link);
}

/* In a small world nothing comes by itself. */
static int probe(struct tern_amqp *link, struct tern_error *err)
{
    if (link->publisher || sim->small || sim->now < link->probe_at) return 0;
    link->probe_at = sim->now + SIM_PROBE_MS;
    if (link->owner.probing(link->owner.self, link, err) < 0) return -1;
    return tern_amqp_count(link, sim_names[link->who], err);
}

static void step_work(struct tern_amqp *link)
{
    struct tern_error err = {.text = "no reason"};
    link->work_at = sim->now + (sim->patient ? 60 : 1) * WORK_MS;
    if (is_silent(link)) {
        sim_link_lost(link, "the broker has been silent", false);
        return;
    }
    if (probe(link, &err) < 0 || link->owner.work(link->owner.self, link, &err) < 0) give_up(link, &err);
}

static int deliver(struct tern_amqp *link, const struct sim_frame *frame, struct tern_error *err)
{
    const struct sim_message *message = frame->message;
    const struct tern_amqp_header headers[] = {
        {"traceparent",  message->traceparent                      },
        {"x-tern-n",     message->number                           },
        {"x-tern-nudge", message->republished ? "republished" : "1"}
    };
    const struct tern_amqp_delivery delivery = {.delivery_tag = frame->number,
                                                .redelivered = frame->redelivered,
                                                .exchange = "events",
                                                .routing_key = "",
                                                .message_id = message->message_id,
                                                .type = message->type,
                                                .content_type = "application/json",
                                                .correlation_id = "",
                                                .app_id = message->app_id,
                                                .aside = message->control,
                                                .headers = headers,
                                                .header_count = message->nudge ? 3 : 2,
                                                .body = message->body,
                                                .body_length = message->length};
    if (message->control) return link->owner.delivered(link->owner.self, &delivery, err);
    sim->counts->deliveries++;
    if (message->nudge && !message->republished && message->event >= 0 &&
        (sim->events[message->event].handled >> link->who & 1)) {
        struct sim_service *service = &sim->services[link->who];
        if (service->nudge_count < (int)TERN_COUNT(service->nudges))
            service->nudges[service->nudge_count++] = message->event;
    }
    sim_heal_delivered(message, link->who);
    sim_tell(sim_names[link->who], message->message_id, "gets %s%s%s", message->type,
             frame->redelivered ? " again" : "", message->nudge ? ", a nudge" : "");
    return link->owner.delivered(link->owner.self, &delivery, err);
}

static int read_one(struct tern_amqp *link, const struct sim_frame *frame, struct tern_error *err)
{
    const struct tern_amqp_returned returned = {.reply_code = 312,
                                                .reply_text = "NO_ROUTE",
                                                .exchange = "events",
                                                .routing_key = "",
                                                .message_id = frame->message ? frame->message->message_id : ""};
    switch (frame->kind) {
    case SIM_FRAME_DELIVER: return deliver(link, frame, err);
    case SIM_FRAME_CONFIRM:
        return link->owner.confirmed(link->owner.self, frame->number, frame->multiple, frame->good, err);
    case SIM_FRAME_COUNT:
        return link->owner.counted(link->owner.self,
                                   frame->queue < SIM_SERVICES ? sim_names[frame->queue] : "events.dead",
                                   (uint32_t)frame->number, frame->consumers, err);
    case SIM_FRAME_RETURN: return link->owner.returned(link->owner.self, &returned, err);
    case SIM_FRAME_BLOCKED:
        link->blocked = frame->good;
        if (link->owner.blocked != NULL) link->owner.blocked(link->owner.self, frame->good, "memory");
        sim_service_online(&sim->services[link->who]);
        return 0;
    default: return tern_error_set(err, "the broker cancelled the consumer");
    }
}

static void step_read(struct tern_amqp *link)
{
    struct tern_error err = {.text = "no reason"};
    struct sim_conn *conn = link->conn;
    int most = sim->small ? 1 : (int)sim_below(FRAMES_AT_ONCE) + 1;
    link->work_at = sim->now;
    while (most-- > 0 && conn->to_client.count > 0 && sim_pipe_at(&conn->to_client, 0)->at <= sim->now) {
        struct sim_frame frame = sim_pipe_pop(&conn->to_client);
        int read = read_one(link, &frame, &err);
        sim_message_drop(frame.message);
        if (read < 0) {
            give_up(link, &err);
            return;
        }
    }
}

static int64_t head_at(const struct sim_pipe *pipe)
{
    return pipe->count > 0 ? sim_pipe_at(pipe, 0)->at : INT64_MAX;
}

static int64_t not_before(int64_t at, int64_t earliest)
{
    return at < earliest ? earliest : at;
}

int64_t sim_link_wants(const struct tern_amqp *link, int step)
{
    int64_t stalled = sim->services[link->who].stalled_until;
    if (step == SIM_LINK_CONNECT)
        return link->conn == NULL || link->standing_by ? not_before(link->connect_at, stalled) : INT64_MAX;
    if (link->conn == NULL) return INT64_MAX;
    switch (step) {
    case SIM_LINK_WORK: return link->standing_by ? INT64_MAX : not_before(link->work_at, stalled);
    case SIM_LINK_READ: return not_before(head_at(&link->conn->to_client), stalled);
    default: return link->publisher && sim->broker->blocked ? INT64_MAX : head_at(&link->conn->to_server);
    }
}

void sim_link_step(struct tern_amqp *link, int step)
{
    switch (step) {
    case SIM_LINK_CONNECT: link->standing_by ? step_stand_by(link) : step_connect(link); break;
    case SIM_LINK_WORK: step_work(link); break;
    case SIM_LINK_READ: step_read(link); break;
    default: sim_broker_serve(link->conn); break;
    }
}
