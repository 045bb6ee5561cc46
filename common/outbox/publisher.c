/* publisher.c - the publisher lane: rows of the event log to the broker, confirms back to the writer.
 *
 * One path for fresh commits and for what a crash left: read the log from the cursor, send as long as the window has
 * room. The cursor falls back to the last answered row when a connection is lost. Nothing counts as published before
 * its confirm. A mandatory event that comes back means that a route is missing: it is held, and the topology is
 * declared anew. Never writes to the store: the writer takes the progress and records it. */
#include "publisher_parts.h"
#include "tern/backoff.h"
#include "tern/bug.h"
#include "tern/chaos.h"
#include "tern/topology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    STACK_BYTES = 16 * 1024 * 1024,
    CONFIRM_MS = 30000,
    REDECLARE_MS = 5000, /* at most that often because of returns */
    STUBBORN_MS = 60000, /* at most that often because of rows that are refused again and again */
    STUBBORN_ATTEMPTS = 6,
    STAND_BY_MS = 1000, /* it is woken when the queue is ours */
    WINDOW_MAX = 65535,
    AGAIN_PER_S = 500,
    AGAIN_PAGE = 32
};

#define LINK_LABEL "publisher"

/* ---- sending ------------------------------------------------------------------------------------------------- */

static void event_of_row(const struct tern_publisher *publisher, const struct tern_log_row *row,
                         struct tern_event *event)
{
    memset(event, 0, sizeof *event);
    event->timestamp_ms = row->logged_at_ms;
    event->number = row->number;
    (void)tern_copy(event->event_id, sizeof event->event_id, row->event_id);
    (void)tern_copy(event->type, sizeof event->type, row->type);
    (void)tern_copy(event->producer, sizeof event->producer, publisher->service);
    (void)tern_copy(event->correlation_id, sizeof event->correlation_id, row->correlation_id);
    (void)tern_copy(event->subject, sizeof event->subject, row->subject);
    (void)tern_copy(event->traceparent, sizeof event->traceparent, row->traceparent);
}

/* Opens a slot for it; the caller says what it stands for. */
struct publish_slot *publisher_send_row(struct tern_publisher *publisher, const struct tern_log_row *row,
                                        enum publish_nudge nudge, struct tern_error *err)
{
    struct tern_event event;
    struct tern_event_headers headers;
    struct tern_amqp_message message;
    uint64_t sequence;
    const struct tern_event_type *type = tern_catalogue_find(publisher->settings.catalogue, row->type);
    bool heard = type != NULL && type->heard_by[0] != NULL;
    event_of_row(publisher, row, &event);
    event.nudge = nudge == PUBLISH_NUDGE;
    event.republished = nudge == PUBLISH_REPUBLISHED;
    tern_event_message(&event, publisher->settings.catalogue->exchange, heard, row->body, row->body_length, &headers,
                       &message);
    if (tern_amqp_publish(publisher->link, &message, &sequence, err) < 0) return NULL;
    TERN_ASSERT(sequence == publisher->window.next, "the window counts as the broker does");
    struct publish_slot *slot = publish_window_add(&publisher->window);
    slot->seq = row->seq;
    slot->sent_ms = publisher->now_ms;
    slot->type = type != NULL ? type->name : "unknown";
    memcpy(slot->event_id, event.event_id, sizeof slot->event_id);
    memcpy(slot->subject, event.subject, sizeof slot->subject);
    memcpy(slot->correlation_id, event.correlation_id, sizeof slot->correlation_id);
    return slot;
}

bool publisher_may_send(struct tern_publisher *publisher)
{
    return publish_window_free(&publisher->window) > 0 && atomic_load(&publisher->owned) &&
           tern_amqp_may_publish(publisher->link);
}

struct row_visit {
    struct tern_publisher *publisher;
    bool stopped; /* there was a row that must wait */
    bool sent;    /* the held row was there, and was sent */
};

/* A new row. Returns 1 when it must wait for a better moment. */
static int visit_new(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    struct row_visit *visit = self;
    struct tern_publisher *publisher = visit->publisher;
    struct publish_holds *holds = &publisher->holds;
    visit->stopped = !publisher_may_send(publisher) || holds->dirty >= TERN_PROGRESS_HOLDS;
    if (visit->stopped) return 1;
    if (holds->count > 0 && publish_holds_find(holds, row->seq) != NULL) {
        /* held since before the connection was lost: sent again when it is due */
    } else if (holds->count > 0 && publish_holds_has_subject(holds, row->subject)) {
        publish_holds_behind(holds, row->seq, row->subject, publisher->now_ms);
    } else if (publisher_send_row(publisher, row, PUBLISH_NEW, err) == NULL) {
        return -1;
    }
    publisher->cursor = row->seq;
    return 0;
}

static int visit_held(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    struct row_visit *visit = self;
    struct publish_slot *slot = publisher_send_row(visit->publisher, row, PUBLISH_NEW, err);
    if (slot == NULL) return -1;
    slot->held = true;
    visit->sent = true;
    return 1;
}

/* What came back is tried again before anything new: it is older. */
static int send_held(struct tern_publisher *publisher, struct tern_error *err)
{
    struct publish_held *held;
    while (publisher_may_send(publisher) && (held = publish_holds_due(&publisher->holds, publisher->now_ms)) != NULL) {
        struct row_visit visit = {.publisher = publisher};
        if (tern_event_log_own(publisher->settings.reader, held->seq - 1, held->seq, 1, visit_held, &visit, err) < 0)
            return -1;
        held->in_flight = visit.sent;
        if (!visit.sent) publish_holds_release(&publisher->holds, held->seq, publisher->now_ms);
    }
    return 0;
}

/* Pages are worth a query: not one for each confirmed row. */
static bool page_is_worth_it(const struct tern_publisher *publisher)
{
    const struct publish_window *window = &publisher->window;
    return window->open == 0 || publish_window_free(window) >= window->size / 4;
}

static int send_new(struct tern_publisher *publisher, struct tern_error *err)
{
    while (page_is_worth_it(publisher) && publisher->holds.dirty == 0 &&
           publisher->holds.count - publisher->holds.released < PUBLISH_HOLDS_MAX) {
        int64_t committed = atomic_load(&publisher->committed);
        if (publisher->read_to >= committed || !publisher_may_send(publisher)) return 0;
        int limit = (int)publish_window_free(&publisher->window);
        int64_t before = publisher->cursor;
        struct row_visit visit = {.publisher = publisher};
        int visited = tern_event_log_own(publisher->settings.reader, before, -1, limit, visit_new, &visit, err);
        if (visited < 0) return -1;
        if (visited < limit && !visit.stopped) publisher->read_to = committed;
        if (publisher->cursor == before) return 0;
    }
    return 0;
}

/* ---- saying again -------------------------------------------------------------------------------------------- */

struct again_visit {
    struct tern_publisher *publisher;
    int64_t position;
    bool republished;
};

/* What was not sent yet, or came back, goes out by itself, and in its order. */
bool publisher_is_on_its_way(struct tern_publisher *publisher, int64_t seq)
{
    const struct publish_held *held = publish_holds_find(&publisher->holds, seq);
    return held != NULL ? !held->released : seq > publisher->cursor;
}

static int visit_again(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    struct again_visit *visit = self;
    struct tern_publisher *publisher = visit->publisher;
    if (publisher_is_on_its_way(publisher, row->seq)) return 0;
    struct publish_slot *slot =
        publisher_send_row(publisher, row, visit->republished ? PUBLISH_REPUBLISHED : PUBLISH_NUDGE, err);
    if (slot == NULL) return -1;
    slot->republished = visit->republished;
    publish_again_sent(&publisher->again, slot, visit->position);
    return 0;
}

static int send_again_page(struct tern_publisher *publisher, int room, struct tern_error *err)
{
    struct publish_again *again = &publisher->again;
    struct tern_outbox_again rows[AGAIN_PAGE];
    int limit = room < AGAIN_PAGE ? room : AGAIN_PAGE;
    int count = tern_outbox_again_list(publisher->settings.reader, again->cursor, rows, limit, err);
    for (int i = 0; i < count; i++) {
        struct again_visit visit = {publisher, rows[i].id, rows[i].republished};
        if (tern_event_log_own(publisher->settings.reader, rows[i].seq - 1, rows[i].seq, 1, visit_again, &visit, err) <
            0)
            return -1;
        again->cursor = rows[i].id;
    }
    if (count < limit) again->more = false;
    return count < 0 ? -1 : 0;
}

static int send_again(struct tern_publisher *publisher, struct tern_error *err)
{
    struct publish_again *again = &publisher->again;
    publish_again_retry(again, publisher->now_ms);
    if (atomic_load(&publisher->again_waits) && atomic_exchange(&publisher->again_waits, false)) again->more = true;
    while (again->more && publisher_may_send(publisher)) {
        size_t room = publish_again_room(again, &publisher->window, publisher->settings.again_per_s, publisher->now_ms);
        if (room == 0) return 0;
        if (send_again_page(publisher, (int)room, err) < 0) return -1;
    }
    return 0;
}

/* ---- answers ------------------------------------------------------------------------------------------------- */

static uint64_t chance(struct tern_publisher *publisher)
{
    return tern_ids_random(publisher->chance, UINT32_MAX);
}

static void slot_failed(struct tern_publisher *publisher, const struct publish_slot *slot, const char *reason)
{
    const struct publish_held *before = publish_holds_find(&publisher->holds, slot->seq);
    int64_t attempt = before != NULL ? before->attempts + 1 : 1;
    int64_t wait_ms = tern_backoff_ms(publisher->settings.retry_base_ms, attempt, chance(publisher));
    int64_t now_ms = tern_steady(publisher->clock), left_out;
    publish_holds_failed(&publisher->holds, slot->seq, slot->subject, reason, now_ms, now_ms + wait_ms);
    /* RabbitMQ goes on refusing on a channel when the limit of a full queue is lifted: only a new channel learns of it */
    if (attempt >= STUBBORN_ATTEMPTS && publisher->now_ms - publisher->declared_ms >= STUBBORN_MS)
        publisher->redeclare = true;
    tern_metric_add(publisher->settings.metrics, &TERN_METRIC_publish_failures_total, 1, reason, NULL, NULL);
    enum tern_log_level level = tern_log_quota_take(&publisher->came_back, 1, now_ms, &left_out);
    tern_log_write(publisher->settings.log, level, "event came back from the broker, held",
                   TERN_STR("eventType", slot->type), TERN_STR("eventId", slot->event_id),
                   TERN_STR("subject", slot->subject), TERN_STR("reason", reason), TERN_INT("attempt", attempt),
                   tern_log_count("leftOut", left_out), TERN_LOG_END);
}

static void again_failed(struct tern_publisher *publisher, const struct publish_slot *slot, const char *reason)
{
    struct publish_again *again = slot->stream;
    int64_t wait_ms = tern_backoff_ms(publisher->settings.retry_base_ms, ++again->attempts, chance(publisher));
    publish_again_failed(again, slot->position, publisher->now_ms + wait_ms);
    tern_metric_add(publisher->settings.metrics, &TERN_METRIC_publish_failures_total, 1, reason, NULL, NULL);
}

static void again_answered(struct tern_publisher *publisher, const struct publish_slot *slot, bool confirmed)
{
    if (!confirmed) {
        again_failed(publisher, slot, slot->returned ? "return" : "nack");
        return;
    }
    bool asked_for = slot->stream == &publisher->again;
    publish_again_confirmed(slot->stream);
    if (!asked_for) publisher->memory.said++;
    tern_metric_add(publisher->settings.metrics, &TERN_METRIC_messages_said_again_total, 1, slot->type, NULL, NULL);
    tern_log_write(publisher->story, asked_for && !slot->republished ? TERN_LOG_INFO : TERN_LOG_DEBUG, "said again",
                   TERN_STR("eventType", slot->type), TERN_STR("subject", slot->subject),
                   TERN_STR("eventId", slot->event_id), TERN_STR("correlationId", slot->correlation_id), TERN_LOG_END);
}

static void slot_answered(struct tern_publisher *publisher, struct publish_slot *slot, bool acked)
{
    bool confirmed = (acked || TERN_BUG(nack_ignored)) && !slot->returned;
    publish_window_close(&publisher->window, slot, confirmed);
    if (slot->control) return;
    if (confirmed) publisher_stall_confirmed(publisher);
    if (slot->stream != NULL) {
        again_answered(publisher, slot, confirmed);
        return;
    }
    if (!confirmed) {
        slot_failed(publisher, slot, slot->returned ? "return" : "nack");
        return;
    }
    tern_metric_add(publisher->settings.metrics, &TERN_METRIC_messages_published_total, 1, slot->type, NULL, NULL);
    tern_log_info(publisher->story, "published", TERN_STR("eventType", slot->type), TERN_STR("subject", slot->subject),
                  TERN_STR("eventId", slot->event_id), TERN_STR("correlationId", slot->correlation_id));
    if (slot->held) publish_holds_release(&publisher->holds, slot->seq, publisher->now_ms);
}

static int on_confirmed(void *self, uint64_t sequence, bool multiple, bool acked, struct tern_error *err)
{
    struct tern_publisher *publisher = self;
    struct publish_window *window = &publisher->window;
    TERN_CHAOS_POINT("pub.after_send_before_confirm");
    if (TERN_BUG(multiple_ignored)) multiple = false;
    if (multiple && sequence == 0) sequence = window->next - 1; /* the protocol's "all of them" */
    if (sequence >= window->next)
        return tern_error_set(err, "the broker confirmed %llu, which was never sent", (unsigned long long)sequence);
    for (uint64_t i = multiple || sequence < window->first ? window->first : sequence; i <= sequence; i++) {
        struct publish_slot *slot = publish_window_slot(window, i);
        if (slot->open) slot_answered(publisher, slot, acked);
    }
    publish_window_pass(window);
    return 0;
}

static int on_returned(void *self, const struct tern_amqp_returned *message, struct tern_error *err)
{
    struct tern_publisher *publisher = self;
    (void)err;
    struct publish_slot *slot = publish_window_find(&publisher->window, message->message_id);
    if (slot != NULL) slot->returned = !TERN_BUG(return_ignored);
    publisher->redeclare = true;
    return 0;
}

/* ---- the connection ------------------------------------------------------------------------------------------ */

static int check_confirms(struct tern_publisher *publisher, struct tern_error *err)
{
    struct publish_window *window = &publisher->window;
    if (window->open == 0 || publisher->blocked || TERN_BUG(confirm_never_late)) return 0;
    int64_t since_ms = publish_window_slot(window, window->first)->sent_ms;
    if (since_ms < publisher->unblocked_ms) since_ms = publisher->unblocked_ms;
    if (publisher->now_ms - since_ms <= CONFIRM_MS) return 0;
    tern_metric_add(publisher->settings.metrics, &TERN_METRIC_publish_failures_total, 1, "timeout", NULL, NULL);
    return tern_error_set(err, "the broker has not confirmed an event for %d s", CONFIRM_MS / 1000);
}

/* After that nothing new is sent until all is answered; then a new connection declares the routes again. */
static bool wants_new_topology(const struct tern_publisher *publisher)
{
    return publisher->redeclare && publisher->now_ms - publisher->declared_ms >= REDECLARE_MS;
}

/* What is new goes first. */
static int send_all(struct tern_publisher *publisher, struct tern_error *err)
{
    if (!atomic_load(&publisher->flushing) && publisher_send_control(publisher, err) < 0) return -1;
    if (send_held(publisher, err) < 0 || send_new(publisher, err) < 0) return -1;
    if (atomic_load(&publisher->flushing)) return 0;
    return send_again(publisher, err) < 0 ? -1 : publisher_republish(publisher, err);
}

static int on_work(void *self, struct tern_amqp *link, struct tern_error *err)
{
    struct tern_publisher *publisher = self;
    (void)link;
    publisher->now_ms = tern_steady(publisher->clock);
    if (check_confirms(publisher, err) < 0) return -1;
    if (!atomic_load(&publisher->owned)) {
        publisher_report(publisher);
        return 0;
    }
    if (publisher_probe_markers(publisher, err) < 0) return -1;
    if (!wants_new_topology(publisher)) {
        if (send_all(publisher, err) < 0) {
            if (err->fault == TERN_FAULT_BROKEN && publisher->settings.broken)
                publisher->settings.broken(publisher->settings.self, err);
            return -1;
        }
    } else if (publisher->window.open == 0) {
        publisher_report(publisher);
        return tern_error_set(err, "events that somebody hears come back: declaring the topology again");
    }
    publisher_report(publisher);
    publisher_stall_watch(publisher);
    return 0;
}

static int on_ready(void *self, struct tern_amqp *link, struct tern_error *err)
{
    struct tern_publisher *publisher = self;
    if (!atomic_load(&publisher->owned)) return STAND_BY_MS;
    struct tern_topology_gaps gaps; /* the consumer tells them */
    if (tern_topology_declare(link, publisher->settings.catalogue, publisher->queue_type, &gaps, err) < 0 ||
        publisher_recall(publisher, err) < 0 || tern_amqp_select_confirms(link, err) < 0)
        return -1;
    publisher->now_ms = publisher->declared_ms = tern_steady(publisher->clock);
    atomic_store(&publisher->up, true);
    publisher_stall_pause(publisher, false);
    publisher->redeclare = false;
    publisher->beacon_ms = INT64_MIN / 2;
    publish_holds_retry_returned(&publisher->holds, publisher->now_ms);
    tern_metric_set(publisher->settings.metrics, &TERN_METRIC_amqp_connected, 1, LINK_LABEL, NULL);
    if (publisher->settings.connected) publisher->settings.connected(publisher->settings.self);
    return 0;
}

/* Open confirms are unknown now: those rows are sent again. */
static void forget_connection(struct tern_publisher *publisher)
{
    int64_t frontier = publish_window_frontier(&publisher->window, publisher->cursor);
    if (TERN_BUG(open_confirms_forgotten)) frontier = publisher->cursor;
    if (publisher->window.open > 0)
        tern_metric_add(publisher->settings.metrics, &TERN_METRIC_publish_failures_total,
                        (int64_t)publisher->window.open, "lost", NULL, NULL);
    publish_again_lost(&publisher->again, &publisher->window);
    publish_again_lost(&publisher->memory.stream, &publisher->window);
    publish_window_reset(&publisher->window, frontier);
    publish_holds_reset(&publisher->holds, frontier, tern_steady(publisher->clock));
    if (frontier < publisher->cursor) publisher->read_to = 0;
    publisher->cursor = frontier;
}

static void set_blocked(struct tern_publisher *publisher, bool blocked)
{
    publisher->blocked = blocked;
    publisher->unblocked_ms = tern_steady(publisher->clock);
    tern_metric_set(publisher->settings.metrics, &TERN_METRIC_amqp_blocked, blocked ? 1 : 0, LINK_LABEL, NULL);
}

static void on_lost(void *self, const char *why)
{
    struct tern_publisher *publisher = self;
    if (atomic_exchange(&publisher->up, false))
        tern_metric_add(publisher->settings.metrics, &TERN_METRIC_amqp_reconnects_total, 1, LINK_LABEL, NULL, NULL);
    tern_metric_set(publisher->settings.metrics, &TERN_METRIC_amqp_connected, 0, LINK_LABEL, NULL);
    set_blocked(publisher, false);
    publisher_stall_pause(publisher, true);
    forget_connection(publisher);
    publisher_report(publisher);
    if (publisher->settings.lost) publisher->settings.lost(publisher->settings.self, why);
}

static void on_blocked(void *self, bool blocked, const char *reason)
{
    struct tern_publisher *publisher = self;
    set_blocked(publisher, blocked);
    publisher_stall_pause(publisher, blocked);
    if (publisher->settings.blocked) publisher->settings.blocked(publisher->settings.self, blocked, reason);
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

/* The store keeps wall time, which may have been set back meanwhile: nothing waits longer than a back-off. */
static int64_t steady_of(const struct tern_publisher *publisher, int64_t wall_ms)
{
    int64_t delay_ms = wall_ms - tern_now(publisher->clock);
    if (delay_ms > TERN_BACKOFF_MOST_MS) delay_ms = TERN_BACKOFF_MOST_MS;
    return tern_steady(publisher->clock) + delay_ms;
}

static int load_holds(struct tern_publisher *publisher, struct tern_error *err)
{
    const int limit = PUBLISH_HOLDS_MAX + WINDOW_MAX; /* the window may have been larger before */
    struct tern_outbox_held *rows = tern_alloc((size_t)limit * sizeof *rows);
    int count = tern_outbox_held(publisher->settings.reader, rows, limit, err);
    for (int i = 0; i < count; i++) {
        rows[i].next_try_ms = steady_of(publisher, rows[i].next_try_ms);
        publish_holds_load(&publisher->holds, &rows[i]);
    }
    free(rows);
    return count < 0 ? -1 : 0;
}

static int create_link(struct tern_publisher *publisher, struct tern_error *err)
{
    char name[128];
    struct tern_amqp_settings settings = publisher->settings.link;
    const struct tern_amqp_owner owner = {
        .ready = on_ready,
        .lost = on_lost,
        .confirmed = on_confirmed,
        .returned = on_returned,
        .blocked = on_blocked,
        .work = on_work,
        .self = publisher,
    };
    (void)snprintf(name, sizeof name, "%s-pub", publisher->service);
    settings.connection_name = name;
    settings.body_max = 0;
    return tern_amqp_create(&settings, &owner, &publisher->link, err);
}

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    TERN_ASSERT(pthread_cond_init(condition, &attributes) == 0, "a condition can be made");
    (void)pthread_condattr_destroy(&attributes);
}

static size_t window_size(unsigned wanted)
{
    return wanted == 0 ? 1 : wanted > WINDOW_MAX ? WINDOW_MAX : wanted;
}

int tern_publisher_create(const struct tern_publisher_settings *settings, struct tern_publisher **ret_publisher,
                          struct tern_error *err)
{
    struct tern_publisher *publisher = tern_alloc(sizeof *publisher);
    publisher->settings = *settings;
    publisher->service = tern_copy_text(settings->service);
    publisher->queue_type = tern_copy_text(settings->queue_type);
    publisher->clock = settings->link.clock != NULL ? settings->link.clock : &tern_clock_system;
    publisher->cursor = publisher->mark = publisher->progress.mark = settings->start.mark;
    publisher->declared_ms = INT64_MIN / 2;
    publisher->progress_ms = publisher->paused_ms = tern_steady(publisher->clock); /* there is no connection yet */
    atomic_store(&publisher->committed, settings->start.last_seq);
    atomic_store(&publisher->owned, !settings->needs_queue);
    publish_window_init(&publisher->window, window_size(settings->window));
    publish_again_init(&publisher->again, 0);
    if (publisher->settings.again_per_s == 0) publisher->settings.again_per_s = AGAIN_PER_S;
    publisher->chance = tern_ids_create(publisher->clock, settings->seed);
    publisher->story = settings->log != NULL ? tern_log_create_buffered(settings->log) : NULL;
    TERN_ASSERT(pthread_mutex_init(&publisher->mutex, NULL) == 0, "a mutex can be made");
    init_condition(&publisher->changed);
    if (create_link(publisher, err) < 0 || load_holds(publisher, err) < 0 ||
        publisher_memory_load(publisher, err) < 0) {
        tern_publisher_destroy(publisher);
        return -1;
    }
    publisher->settings.link.url = NULL; /* the link has its own copies */
    *ret_publisher = publisher;
    return 0;
}

void tern_publisher_destroy(struct tern_publisher *publisher)
{
    if (publisher == NULL) return;
    tern_publisher_stop(publisher);
    tern_amqp_destroy(publisher->link);
    publish_window_fini(&publisher->window);
    tern_log_destroy(publisher->story);
    tern_ids_destroy(publisher->chance);
    publish_holds_fini(&publisher->holds);
    (void)pthread_cond_destroy(&publisher->changed);
    (void)pthread_mutex_destroy(&publisher->mutex);
    free(publisher->service);
    free(publisher->queue_type);
    free(publisher);
}

static void *run(void *argument)
{
    struct tern_publisher *publisher = argument;
    tern_amqp_run(publisher->link);
    return NULL;
}

int tern_publisher_start(struct tern_publisher *publisher, struct tern_error *err)
{
    pthread_attr_t attributes;
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    int status = pthread_create(&publisher->thread, &attributes, run, publisher);
    (void)pthread_attr_destroy(&attributes);
    if (status != 0) return tern_error_set(err, "the publisher's thread cannot be started: %s", strerror(status));
    (void)pthread_setname_np(publisher->thread, "publisher");
    publisher->started = true;
    return 0;
}

void tern_publisher_stop(struct tern_publisher *publisher)
{
    if (publisher == NULL || !publisher->started) return;
    tern_amqp_stop(publisher->link);
    (void)pthread_join(publisher->thread, NULL);
    publisher->started = false;
    tern_metric_set(publisher->settings.metrics, &TERN_METRIC_amqp_connected, 0, LINK_LABEL, NULL);
}

struct tern_amqp_link_state tern_publisher_state(const struct tern_publisher *publisher)
{
    return tern_amqp_state(publisher->link);
}
