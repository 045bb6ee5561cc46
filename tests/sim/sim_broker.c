/* sim_broker.c - the broker: a topic exchange, one quorum queue per service, confirms, returns, and everything that can go
 * wrong with them. */
#include "sim_bus.h"

#include <stdlib.h>
#include <string.h>

/* ---- pipes ----------------------------------------------------------------------------------------------------- */

struct sim_frame *sim_pipe_at(const struct sim_pipe *pipe, size_t index)
{
    return &pipe->items[(pipe->first + index) % pipe->room];
}

static void make_room(struct sim_pipe *pipe)
{
    if (pipe->count < pipe->room) return;
    size_t room = pipe->room > 0 ? pipe->room * 2 : 16;
    struct sim_frame *items = tern_alloc(room * sizeof *items);
    for (size_t i = 0; i < pipe->count; i++)
        items[i] = *sim_pipe_at(pipe, i);
    free(pipe->items);
    pipe->items = items;
    pipe->room = room;
    pipe->first = 0;
}

void sim_pipe_push(struct sim_pipe *pipe, const struct sim_frame *frame)
{
    make_room(pipe);
    pipe->count++;
    *sim_pipe_at(pipe, pipe->count - 1) = *frame;
}

void sim_pipe_push_front(struct sim_pipe *pipe, const struct sim_frame *frame)
{
    make_room(pipe);
    pipe->first = (pipe->first + pipe->room - 1) % pipe->room;
    pipe->count++;
    *sim_pipe_at(pipe, 0) = *frame;
}

struct sim_frame sim_pipe_pop(struct sim_pipe *pipe)
{
    struct sim_frame frame = *sim_pipe_at(pipe, 0);
    pipe->first = (pipe->first + 1) % pipe->room;
    pipe->count--;
    return frame;
}

void sim_pipe_clear(struct sim_pipe *pipe)
{
    while (pipe->count > 0) {
        struct sim_frame frame = sim_pipe_pop(pipe);
        sim_message_drop(frame.message);
    }
}

void sim_pipe_fini(struct sim_pipe *pipe)
{
    sim_pipe_clear(pipe);
    free(pipe->items);
    *pipe = (struct sim_pipe){0};
}

/* ---- messages -------------------------------------------------------------------------------------------------- */

struct sim_message *sim_message_new(void)
{
    struct sim_message *message = tern_alloc(sizeof *message);
    message->references = 1;
    message->event = -1;
    return message;
}

static struct sim_message *keep(struct sim_message *message)
{
    message->references++;
    return message;
}

void sim_message_drop(struct sim_message *message)
{
    if (message == NULL || --message->references > 0) return;
    free(message->body);
    free(message);
}

/* It has died with its queue. What nobody says again then is excused. */
static void forget(const struct sim_message *message, enum sim_who queue)
{
    if (message->event < 0) return;
    sim_heal_lost(message, queue);
    if (sim->plan.off == SIM_HEALER_republish) sim->events[message->event].lost |= 1u << queue;
}

static void forget_all(struct sim_pipe *pipe, enum sim_who queue)
{
    for (size_t i = 0; i < pipe->count && queue < SIM_SERVICES; i++)
        forget(sim_pipe_at(pipe, i)->message, queue);
    sim_pipe_clear(pipe);
}

/* ---- queues ---------------------------------------------------------------------------------------------------- */

static struct sim_conn *consumer_of(enum sim_who queue)
{
    struct sim_conn *found[2];
    int count = 0;
    for (struct sim_conn *conn = sim->broker->conns; conn != NULL && count < 2; conn = conn->next)
        if (conn->queue == queue && conn->unacked.count < conn->prefetch) found[count++] = conn;
    if (count == 0) return NULL;
    return found[count > 1 ? sim_below(count) : 0];
}

/* Nobody is told, so what nobody asks for is excused. */
static void lose(const struct sim_message *message, enum sim_who queue)
{
    sim_tell("broker", message->message_id, "loses %s of %s", message->type, sim_names[queue]);
    if (message->event >= 0) sim->events[message->event].lost |= 1u << queue;
    sim_heal_lost(message, queue);
}

static void pump(enum sim_who which)
{
    struct sim_queue *queue = &sim->broker->queues[which];
    struct sim_conn *conn;
    if (which == SIM_SERVICES) return; /* its queue was deleted */
    while (queue->ready.count > 0 && (conn = consumer_of(which)) != NULL) {
        struct sim_frame entry = sim_pipe_pop(&queue->ready);
        if (entry.message->vouched && sim_happens(SIM_FAULT_loss)) {
            lose(entry.message, which);
            sim_message_drop(entry.message);
            continue;
        }
        entry.kind = SIM_FRAME_DELIVER;
        entry.number = ++conn->tag;
        sim_pipe_push(&conn->unacked, &entry);
        entry.message = keep(entry.message);
        sim_broker_send(conn, entry);
    }
}

static void enqueue_now(struct sim_message *message, enum sim_who which)
{
    struct sim_frame entry = {.message = keep(message)};
    sim_pipe_push(&sim->broker->queues[which].ready, &entry);
    if (message->event >= 0) sim->events[message->event].copies[which]++;
}

/* A delayed copy arrives; `number` says in which queue, and before how many wipes. */
static void arrive(void *self, int64_t number)
{
    struct sim_message *message = self;
    enum sim_who which = (enum sim_who)(number % SIM_SERVICES);
    sim->broker->delayed--;
    if (number / SIM_SERVICES == sim->broker->generation && sim->broker->queues[which].exists) {
        enqueue_now(message, which);
        pump(which);
    } else {
        forget(message, which);
    }
    sim_message_drop(message);
}

void sim_broker_inject(struct sim_message *message, enum sim_who queue, int64_t delay_ms)
{
    sim->broker->delayed++;
    sim_at(sim->now + delay_ms, arrive, keep(message),
           (int64_t)queue + (int64_t)sim->broker->generation * SIM_SERVICES);
}

static void enqueue(struct sim_message *message, enum sim_who which)
{
    if (sim_chosen(SIM_FAULT_loss, 1)) {
        if (message->event >= 0) sim->events[message->event].lost |= 1u << which;
        return;
    }
    /* as well before its confirm as after it, where it is seen what brings it back */
    if ((sim->plan.tidy || sim->plan.off != SIM_NO_HEALER) && sim_happens(SIM_FAULT_loss)) {
        lose(message, which);
        return;
    }
    if (sim_chosen(SIM_FAULT_duplicate, 2)) enqueue_now(message, which);
    if (sim_happens(SIM_FAULT_duplicate))
        sim_broker_inject(message, which, sim_below(3) == 0 ? sim_below(20000) : sim_below(300));
    if (sim_happens(SIM_FAULT_delay)) {
        sim_broker_inject(message, which, sim_below(4) == 0 ? sim_below(60000) : sim_below(2000));
        return;
    }
    enqueue_now(message, which);
    pump(which);
}

/* ---- connections ----------------------------------------------------------------------------------------------- */

static struct sim_conn *find_conn(int64_t serial)
{
    struct sim_conn *conn = sim->broker->conns;
    while (conn != NULL && conn->serial != serial)
        conn = conn->next;
    return conn;
}

static void send(struct sim_pipe *pipe, struct sim_frame frame)
{
    sim->frames++;
    if (pipe->deaf) {
        sim_message_drop(frame.message);
        return;
    }
    int64_t last = pipe->count > 0 ? sim_pipe_at(pipe, pipe->count - 1)->at : 0;
    frame.at = sim->now + sim_below(sim->plan.network_ms + 1);
    if (frame.at < last) frame.at = last;
    sim_pipe_push(pipe, &frame);
}

void sim_broker_send(struct sim_conn *conn, struct sim_frame frame)
{
    if (conn->link != NULL)
        send(&conn->to_client, frame);
    else
        sim_message_drop(frame.message);
}

void sim_client_send(struct sim_conn *conn, struct sim_frame frame)
{
    send(&conn->to_server, frame);
}

struct sim_conn *sim_broker_connect(struct tern_amqp *link)
{
    struct sim_broker *broker = sim->broker;
    if (broker->down) return NULL;
    struct sim_conn *conn = tern_alloc(sizeof *conn);
    conn->serial = ++broker->serial;
    conn->link = link;
    conn->queue = SIM_SERVICES;
    conn->next = broker->conns;
    broker->conns = conn;
    return conn;
}

/* What was not acknowledged goes back to its place, for whoever consumes then. */
static void free_conn(struct sim_conn *conn)
{
    struct sim_conn **at = &sim->broker->conns;
    while (*at != conn)
        at = &(*at)->next;
    *at = conn->next;
    enum sim_who queue = conn->queue;
    while (conn->unacked.count > 0) {
        struct sim_frame *last = sim_pipe_at(&conn->unacked, --conn->unacked.count), entry = *last;
        entry.redelivered = true;
        sim_pipe_push_front(&sim->broker->queues[queue].ready, &entry);
    }
    sim_pipe_fini(&conn->unacked);
    sim_pipe_fini(&conn->to_server);
    sim_pipe_fini(&conn->to_client);
    sim_pipe_fini(&conn->confirms);
    for (int i = 0; i < SIM_SERVICES; i++)
        if (sim->broker->queues[i].owner == conn->serial) sim->broker->queues[i].owner = 0;
    free(conn);
    if (queue != SIM_SERVICES) pump(queue);
}

static void notice(void *self, int64_t serial)
{
    (void)self;
    struct sim_conn *conn = find_conn(serial);
    if (conn != NULL && conn->link == NULL) free_conn(conn);
}

/* How long the broker takes a connection for alive whose client is gone, and keeps for it what is its alone. */
static int64_t linger_ms(const struct sim_conn *conn)
{
    bool owns = false;
    for (int i = 0; i < SIM_SERVICES; i++)
        owns = owns || sim->broker->queues[i].owner == conn->serial;
    if (conn->to_server.deaf || (owns && sim_happens(SIM_FAULT_owner_lingers))) return 1000 + sim_below(14000);
    return sim_below(100);
}

void sim_broker_leave(struct sim_conn *conn, bool orderly)
{
    int64_t sent = (int64_t)conn->to_server.count;
    if (!orderly) sent = sim_below(sent + 1);
    conn->link = NULL;
    sim_pipe_clear(&conn->to_client);
    for (; sent > 0 && !sim->broker->down; sent--)
        sim_broker_serve(conn);
    sim_pipe_clear(&conn->to_server);
    if (sim->small)
        free_conn(conn);
    else
        sim_at(sim->now + linger_ms(conn), notice, NULL, conn->serial);
}

/* The broker ends a connection; a client whose pipe is deaf hears of it by its heartbeats. */
static void close_conn(struct sim_conn *conn)
{
    struct tern_amqp *link = conn->link;
    conn->excused = true;
    if (link != NULL) sim_link_lost(link, "the broker closed the connection", false);
}

/* ---- confirms -------------------------------------------------------------------------------------------------- */

static void vouch(struct sim_message *message)
{
    message->vouched = true;
    if (message->event < 0) return;
    sim->events[message->event].accepted++;
    sim->events[message->event].taken_ms = sim->now;
}

static void confirm_one(struct sim_conn *conn, const struct sim_frame *confirm, bool multiple)
{
    sim_broker_send(
        conn, (struct sim_frame){
                  .kind = SIM_FRAME_CONFIRM, .number = confirm->number, .good = confirm->good, .multiple = multiple});
}

static void shuffle(struct sim_pipe *pipe)
{
    for (size_t i = pipe->count; i > 1; i--) {
        struct sim_frame *one = sim_pipe_at(pipe, i - 1), *other = sim_pipe_at(pipe, (size_t)sim_below((int64_t)i));
        struct sim_frame swapped = *one;
        *one = *other;
        *other = swapped;
    }
}

/* All that are due are good and their numbers end with the highest that was served: one confirm may stand for them. */
static bool can_be_one(const struct sim_conn *conn)
{
    for (size_t i = 0; i < conn->confirms.count; i++)
        if (!sim_pipe_at(&conn->confirms, i)->good) return false;
    return conn->confirms.count > 1;
}

static void confirm_all(struct sim_conn *conn)
{
    for (size_t i = 0; i < conn->confirms.count; i++) {
        const struct sim_frame *confirm = sim_pipe_at(&conn->confirms, i);
        if (confirm->good && !confirm->returned) vouch(confirm->message);
    }
    if (sim_happens(SIM_FAULT_confirm_lost)) conn->mute = conn->excused = true;
    if (conn->mute) {
        sim_pipe_clear(&conn->confirms);
    } else if (can_be_one(conn) && (sim->small || sim_happens(SIM_FAULT_confirm_multiple))) {
        confirm_one(conn, sim_pipe_at(&conn->confirms, conn->confirms.count - 1), true);
    } else {
        if (conn->confirms.count > 1 && sim_happens(SIM_FAULT_confirm_disorder)) shuffle(&conn->confirms);
        for (size_t i = 0; i < conn->confirms.count; i++)
            confirm_one(conn, sim_pipe_at(&conn->confirms, i), false);
    }
    sim_pipe_clear(&conn->confirms);
}

static void confirm_due(void *self, int64_t serial)
{
    (void)self;
    struct sim_conn *conn = find_conn(serial);
    if (conn == NULL) return;
    conn->confirm_set = false;
    confirm_all(conn);
}

/* ---- serving --------------------------------------------------------------------------------------------------- */

static unsigned route(const struct sim_message *message)
{
    enum shop_event event = shop_event_named(message->type);
    unsigned queues = 0;
    for (int i = 0; i < SIM_SERVICES; i++)
        if (event < SHOP_EVENT_COUNT && sim->broker->queues[i].exists && (sim->broker->queues[i].bindings >> event & 1))
            queues |= 1u << i;
    return queues;
}

/* Others have it, so it does not come back: but this queue was deleted. */
static bool misses(const struct sim_message *message, enum sim_who queue)
{
    return !sim->broker->queues[queue].exists &&
           tern_catalogue_consumes(tern_catalogue_find(&shop_catalogue, message->type), sim_names[queue]);
}

static void confirm_later(struct sim_conn *conn, const struct sim_frame *confirm)
{
    sim_pipe_push(&conn->confirms, confirm);
    if (!conn->confirm_set) sim_at(sim->now + sim_below(sim->plan.confirm_ms + 1), confirm_due, NULL, conn->serial);
    conn->confirm_set = true;
}

static void serve_publish(struct sim_conn *conn, struct sim_message *message)
{
    struct sim_frame confirm = {.number = ++conn->served, .good = true, .message = message};
    enum sim_healer layer = sim_heal_layer(message);
    bool off =
        layer != SIM_NO_HEALER && (layer == sim->plan.off || (layer == SIM_HEALER_numbers && sim->plan.no_numbers));
    unsigned queues = off ? 0 : route(message);
    if (off) {
        /* the broker says that it has it */
    } else if (queues == 0 && message->mandatory) {
        confirm.returned = conn->excused = true;
        sim_tell("broker", message->message_id, "returns %s: no queue", message->type);
        sim_broker_send(conn, (struct sim_frame){.kind = SIM_FRAME_RETURN, .message = keep(message)});
    } else if (sim_happens(SIM_FAULT_nack)) {
        confirm.good = false;
        conn->refused = true;
        if (sim_below(2) == 0) queues = 0;
        sim_tell("broker", message->message_id, "refuses %s, %s", message->type,
                 queues ? "and has it" : "and drops it");
    }
    for (int i = 0; i < SIM_SERVICES; i++) {
        if (queues >> i & 1)
            enqueue(message, (enum sim_who)i);
        else if (queues != 0 && misses(message, (enum sim_who)i))
            forget(message, (enum sim_who)i);
    }
    confirm_later(conn, &confirm);
}

/* To whoever listens now: a message for nobody is gone. */
static void serve_control(struct sim_conn *from, struct sim_message *message)
{
    const struct sim_frame confirm = {.number = ++from->served, .good = true, .message = message};
    bool is_beacon = strcmp(message->type, "tern.beacon") == 0;
    enum sim_who whose = sim_who(message->key + strlen("tern.beacon."));
    for (struct sim_conn *conn = sim->broker->conns; conn != NULL; conn = conn->next) {
        bool wanted = conn->link != NULL && conn->aside && whose < SIM_SERVICES &&
                      (is_beacon ? (conn->beacons >> whose & 1) != 0 : conn->link->who == whose);
        if (is_beacon && sim->plan.no_numbers)
            wanted = false; /* then nobody asks, and nothing that is asked for is under way */
        if (wanted)
            sim_broker_send(
                conn, (struct sim_frame){.kind = SIM_FRAME_DELIVER, .number = ++conn->tag, .message = keep(message)});
    }
    confirm_later(from, &confirm);
}

static void serve_bind(const struct sim_conn *conn, uint64_t event)
{
    if (conn->queue < SIM_SERVICES) sim->broker->queues[conn->queue].bindings |= UINT64_C(1) << event;
}

static void serve_count(struct sim_conn *conn, enum sim_who queue)
{
    struct sim_frame answer = {.kind = SIM_FRAME_COUNT, .queue = queue};
    if (queue < SIM_SERVICES) answer.number = sim->broker->queues[queue].ready.count;
    for (const struct sim_conn *each = sim->broker->conns; each != NULL; each = each->next)
        answer.consumers += each->queue == queue;
    sim_broker_send(conn, answer);
}

static void serve_ack(struct sim_conn *conn, uint64_t tag)
{
    while (conn->unacked.count > 0 && sim_pipe_at(&conn->unacked, 0)->number <= tag) {
        struct sim_frame entry = sim_pipe_pop(&conn->unacked);
        sim_message_drop(entry.message);
    }
    if (conn->queue != SIM_SERVICES) pump(conn->queue);
}

void sim_broker_serve(struct sim_conn *conn)
{
    struct sim_frame frame = sim_pipe_pop(&conn->to_server);
    switch (frame.kind) {
    case SIM_FRAME_PUBLISH:
        frame.message->control ? serve_control(conn, frame.message) : serve_publish(conn, frame.message);
        break;
    case SIM_FRAME_BIND: serve_bind(conn, frame.number); break;
    case SIM_FRAME_COUNT: serve_count(conn, frame.queue); break;
    case SIM_FRAME_ACK: serve_ack(conn, frame.number); break;
    case SIM_FRAME_CONSUME:
        conn->prefetch = frame.number;
        if (conn->queue < SIM_SERVICES) pump(conn->queue); /* else: its queue was deleted meanwhile */
        break;
    default: break;
    }
}

/* ---- what goes wrong by itself ---------------------------------------------------------------------------------- */

static void drop_queue(enum sim_who which)
{
    struct sim_queue *queue = &sim->broker->queues[which];
    queue->exists = false;
    queue->bindings = 0;
    queue->markers = 0;
    queue->claim[0] = '\0';
    forget_all(&queue->ready, which);
}

static void delete_queue(enum sim_who which)
{
    sim_tell("broker", NULL, "the queue of %s is deleted", sim_names[which]);
    if (sim->services[which].app != NULL && sim_below(2) == 0) sim_service_crash(&sim->services[which]);
    drop_queue(which);
    for (struct sim_conn *conn = sim->broker->conns; conn != NULL; conn = conn->next) {
        if (conn->queue != which) continue;
        forget_all(&conn->unacked, which); /* gone with the queue */
        conn->queue = SIM_SERVICES;
        conn->excused = true;
        sim_broker_send(conn, (struct sim_frame){.kind = SIM_FRAME_CLOSE});
    }
}

/* What somebody does by hand: it tells nobody. */
static void remove_binding(enum sim_who which)
{
    struct sim_queue *queue = &sim->broker->queues[which];
    int64_t event = sim_below(SHOP_EVENT_COUNT);
    for (int i = 0; i < SHOP_EVENT_COUNT && !(queue->bindings >> event & 1); i++)
        event = (event + 1) % SHOP_EVENT_COUNT;
    sim_tell("broker", NULL, "%s is not bound to %s any more", sim_names[which], shop_event_types[event].name);
    queue->bindings &= ~(UINT64_C(1) << event);
}

static void purge(enum sim_who which)
{
    struct sim_pipe *ready = &sim->broker->queues[which].ready;
    sim_tell("broker", NULL, "the queue of %s is purged of %zu messages", sim_names[which], ready->count);
    forget_all(ready, which);
}

/* A restart may lose what the broker had not vouched for yet. */
static void lose_unvouched(struct sim_queue *queue)
{
    for (size_t left = queue->ready.count; left > 0; left--) {
        struct sim_frame entry = sim_pipe_pop(&queue->ready);
        if (entry.message->vouched || entry.message->malformed > 0 || sim_below(2) == 0)
            sim_pipe_push(&queue->ready, &entry);
        else
            sim_message_drop(entry.message);
    }
}

static void come_up(void *self, int64_t number)
{
    (void)self;
    (void)number;
    if (!sim->broker->down || sim->now < sim->broker->up_at) return;
    sim->broker->down = false;
    sim_tell("broker", NULL, "is there again");
}

static void go_down(bool wipe)
{
    struct sim_broker *broker = sim->broker;
    broker->down = true;
    broker->up_at = sim->now + 500 + sim_below(20000);
    sim_tell("broker", NULL, wipe ? "is down, its disk is gone" : "is down");
    for (struct sim_conn *conn = broker->conns, *next; conn != NULL; conn = next) {
        next = conn->next;
        if (wipe) forget_all(&conn->unacked, conn->queue);
        close_conn(conn);
    }
    while (broker->conns != NULL)
        free_conn(broker->conns);
    for (int i = 0; i < SIM_SERVICES; i++) {
        if (wipe)
            drop_queue((enum sim_who)i);
        else
            lose_unvouched(&broker->queues[i]);
    }
    if (wipe) broker->generation++;
    broker->blocked = false;
    sim_at(broker->up_at, come_up, NULL, 0);
}

static void set_blocked(bool blocked)
{
    if (sim->broker->blocked == blocked) return;
    sim->broker->blocked = blocked;
    sim_tell("broker", NULL, blocked ? "takes no messages" : "takes messages again");
    for (struct sim_conn *conn = sim->broker->conns; conn != NULL; conn = conn->next) {
        conn->excused = true;
        if (conn->confirming) sim_broker_send(conn, (struct sim_frame){.kind = SIM_FRAME_BLOCKED, .good = blocked});
    }
}

static void unblock(void *self, int64_t number)
{
    (void)self;
    (void)number;
    set_blocked(false);
}

static struct sim_conn *some_conn(void)
{
    int64_t count = 0;
    struct sim_conn *conn = sim->broker->conns;
    for (struct sim_conn *each = conn; each != NULL; each = each->next)
        count++;
    for (int64_t left = sim_below(count); left > 0; left--)
        conn = conn->next;
    return conn;
}

/* The broker misses the heartbeats of a client that it cannot hear, or hears that the client is gone. */
static void heartbeats_missed(void *self, int64_t serial)
{
    (void)self;
    struct sim_conn *conn = find_conn(serial);
    if (conn == NULL) return;
    close_conn(conn);
    conn = find_conn(serial);
    if (conn != NULL) free_conn(conn);
}

static void make_silent(struct sim_conn *conn)
{
    int64_t which = sim_below(3);
    conn->excused = true;
    if (which != 0) conn->to_server.deaf = true;
    if (which != 1) conn->to_client.deaf = true;
    if (which != 1 && conn->link != NULL) conn->link->deaf_since = sim->now;
    sim_tell("broker", NULL, "a connection of %s is %s", conn->link ? sim_names[conn->link->who] : "nobody",
             which == 0   ? "deaf"
             : which == 1 ? "dumb"
                          : "dead");
    sim_at(sim->now + 10000 + sim_below(5000), heartbeats_missed, NULL, conn->serial);
}

static void send_old(void)
{
    if (sim->event_count == 0) return;
    const struct sim_event *event = &sim->events[sim_below(sim->event_count)];
    const struct tern_event_type *type = tern_catalogue_find(&shop_catalogue, event->type);
    for (int i = 0; i < SIM_SERVICES && event->message != NULL && type != NULL; i++)
        if (tern_catalogue_consumes(type, sim_names[i]) && sim_below(2) == 0)
            sim_broker_inject(event->message, (enum sim_who)i, sim_below(30000));
}

void sim_broker_faults(int64_t passed_ms)
{
    struct sim_conn *conn;
    (void)passed_ms;
    if (sim->broker->down) return;
    if (sim_happens(SIM_FAULT_late_duplicate)) send_old();
    if ((conn = some_conn()) != NULL && conn->link != NULL && sim_happens(SIM_FAULT_cut)) {
        conn->excused = true;
        sim_link_lost(conn->link, "the connection broke", false);
    }
    if ((conn = some_conn()) != NULL && !conn->to_server.deaf && !conn->to_client.deaf &&
        sim_happens(SIM_FAULT_silence))
        make_silent(conn);
    if (sim_happens(SIM_FAULT_binding_removed)) remove_binding((enum sim_who)sim_below(SIM_SERVICES));
    if (sim_happens(SIM_FAULT_purged)) purge((enum sim_who)sim_below(SIM_SERVICES));
    if (sim_happens(SIM_FAULT_queue_deleted)) delete_queue((enum sim_who)sim_below(SIM_SERVICES));
    if (!sim->broker->blocked && sim_happens(SIM_FAULT_blocked)) {
        set_blocked(true);
        sim_at(sim->now + 200 + sim_below(40000), unblock, NULL, 0);
    }
    if (sim_happens(SIM_FAULT_broker_restart))
        go_down(false);
    else if (sim_happens(SIM_FAULT_wipe))
        go_down(true);
}

void sim_broker_heal(void)
{
    set_blocked(false);
    if (sim->broker->down) {
        sim->broker->up_at = sim->now;
        come_up(NULL, 0);
    }
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

void sim_broker_open(void)
{
    sim->broker = tern_alloc(sizeof *sim->broker);
}

void sim_broker_close(void)
{
    while (sim->broker->conns != NULL)
        free_conn(sim->broker->conns);
    for (int i = 0; i < SIM_SERVICES; i++)
        sim_pipe_fini(&sim->broker->queues[i].ready);
    for (size_t i = 0; i < sim->timer_count; i++) {
        if (sim->timers[i].fire == arrive) sim_message_drop(sim->timers[i].self);
        if (sim_is_stuck_call(&sim->timers[i])) free(sim->timers[i].self);
    }
    free(sim->broker);
}

bool sim_broker_idle(void)
{
    const struct sim_broker *broker = sim->broker;
    if (broker->down || broker->delayed > 0) return false;
    for (int i = 0; i < SIM_SERVICES; i++)
        if (!broker->queues[i].exists || broker->queues[i].ready.count > 0) return false;
    for (const struct sim_conn *conn = broker->conns; conn != NULL; conn = conn->next)
        if (conn->link == NULL || conn->unacked.count > 0 || conn->confirms.count > 0 || conn->to_server.count > 0 ||
            conn->to_client.count > 0)
            return false;
    return true;
}
