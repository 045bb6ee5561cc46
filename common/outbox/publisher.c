/* publisher.c - publishes committed rows of the event log, and reports to the writer what the broker confirmed.
 *
 * The publisher owns these objects, none of which knows it or calls back; only here do they meet.
 *
 *                          +-- publish_returned  rows that came back, and later rows of their subjects
 *     event log --rows-->  +-- position          the last new row sent, in the order of the log
 *                          +-- republish asked   rows that somebody asked for
 *                          +-- republish lost    the recent log, after queue_loss found lost queues
 *                          +-- publish_control   beacons, requests to resend
 *                                   |
 *                             publish_sender --> broker --> publish_window      what is not answered yet
 *                                                                 |
 *     writer <-- publish_progress <-- report <-- answers <--------+-- publish_stall   nothing is answered
 *
 * A round (on_work) sends returned rows first, because they are older, then new rows, then republished ones; a beacon
 * that is due goes before all of them. Fresh commits and what a crash left take the same path: the log is read above
 * the position while the window has room. A lost connection takes the position back to the last answered row.
 * Invariant: no row counts as published before its confirm. Never writes to the store: the writer takes the progress
 * and records it. */
#include "publisher.h"

#include "backlog.h"
#include "common/base/chaos.h"
#include "common/base/ids.h"
#include "common/base/log_setup.h"
#include "common/work/fatal.h"
#include "common/work/links.h"
#include "publish_control.h"
#include "publish_progress.h"
#include "publish_send.h"
#include "publish_stall.h"
#include "publish_window.h"
#include "queue_loss.h"
#include "republish.h"
#include "returned.h"
#include "tern/backoff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STACK_BYTES = 16 * 1024 * 1024,
    CONFIRM_MS = 30000,    /* a publication without an answer for so long: the connection counts as lost */
    REDECLARE_MS = 5000,   /* between two new connections because of returned events, at least */
    STUBBORN_ATTEMPTS = 6, /* an event refused so often asks for a new channel */
    STUBBORN_MS = 60000,   /* between two of those, at least */
    STAND_BY_MS = 1000,    /* until the next attempt; tern_publisher_own wakes the link before that */
    PROBE_MS = 10000,      /* between two checks of the queues' markers */
    ASKED_FOR_PER_S = 500, /* rows republished on request, per second */
    LOST_PER_S = 2000      /* rows republished after a queue loss, per second */
};

#define LINK_LABEL "publisher"

struct tern_publisher {
    struct tern_publisher_settings settings;
    char *service, *queue_type; /* owned copies of those in the settings */
    const struct tern_clock *clock;
    struct tern_amqp *link; /* owned */
    pthread_t thread;
    bool started;

    /* Any thread. */
    atomic_int_fast64_t committed; /* the last committed seq */
    atomic_bool asked_waits;       /* requests to republish were committed */
    atomic_bool up;                /* connected and set up */
    atomic_bool owned;             /* the service owns its queue */
    atomic_bool flushing;          /* draining: only new and returned rows are sent any more */
    struct publish_progress progress;
    struct publish_control control; /* any thread: tern_publish_control_ask */
    struct publish_stall stall;     /* any thread: tern_publish_stall_ms */

    /* The publisher's thread only. */
    struct publish_sender sender;
    struct publish_window window;
    struct publish_returned returned;
    struct republish asked, lost;
    struct queue_loss loss;
    int64_t position;        /* every OWN row up to this seq was sent, or is returned */
    int64_t read_through;    /* every committed row up to this seq was read */
    int64_t unblocked_ms;    /* steady, like all times here: when blocking changed last */
    int64_t declared_ms;     /* when the topology was declared last */
    bool blocked;            /* connection.blocked */
    bool redeclare;          /* a route may be missing: declare the topology on a new connection */
    struct tern_ids *chance; /* owned; random numbers for the jitter */
    struct tern_log *story;  /* owned; buffers the lines of one burst of confirms; NULL: no log */
    struct tern_log_quota came_back;
};

/* ---- one round of work --------------------------------------------------------------------------------------- */

/* What the visitors of log rows below get and leave. */
struct row_visit {
    struct tern_publisher *publisher;
    struct republish *republish; /* visit_republished: whose rows these are */
    bool stopped;                /* visit_new: the page ended early, at a row that cannot be sent now */
    bool sent;                   /* visit_returned: the log still has the row */
};

static int visit_returned(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    struct row_visit *visit = self;
    if (tern_publish_send_row(&visit->publisher->sender, row, PUBLISH_RETURNED, row->seq, false, err) < 0) return -1;
    visit->sent = true;
    return 1;
}

static int send_returned(struct tern_publisher *publisher, struct tern_error *err)
{
    struct publish_returned *returned = &publisher->returned;
    int64_t now_ms = publisher->sender.now_ms;
    struct returned_row *row;
    while (tern_publish_may_send(&publisher->sender) && (row = tern_publish_returned_due(returned, now_ms))) {
        struct row_visit visit = {.publisher = publisher};
        if (tern_event_log_own(publisher->settings.reader, row->seq - 1, row->seq, 1, visit_returned, &visit, err) < 0)
            return -1;
        row->in_flight = visit.sent;
        if (!visit.sent) tern_publish_returned_confirm(returned, row->seq, now_ms); /* gone from the log */
    }
    return 0;
}

static int visit_new(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    struct row_visit *visit = self;
    struct tern_publisher *publisher = visit->publisher;
    struct publish_returned *returned = &publisher->returned;
    visit->stopped = !tern_publish_may_send(&publisher->sender) || returned->unreported >= TERN_PROGRESS_RETURNS;
    if (visit->stopped) return 1;
    /* After a lost connection the position may go back over rows in the list: those are tried when they are due. */
    if (returned->count == 0 || !tern_publish_returned_find(returned, row->seq)) {
        if (returned->count > 0 && tern_publish_returned_has_subject(returned, row->subject))
            tern_publish_returned_add_behind(returned, row->seq, row->subject, publisher->sender.now_ms);
        else if (tern_publish_send_row(&publisher->sender, row, PUBLISH_NEW, row->seq, false, err) < 0)
            return -1;
    }
    publisher->position = row->seq;
    return 0;
}

/* Reads a page once a quarter of the window is free: a query for each confirmed row would cost more than it brings.
 * Nothing new is sent while returned rows are unreported (the position cannot pass them) or too many wait. */
static int send_new(struct tern_publisher *publisher, struct tern_error *err)
{
    const struct publish_window *window = &publisher->window;
    while ((window->open == 0 || publish_window_room(window) >= window->size / 4) &&
           publisher->returned.unreported == 0 &&
           publish_returned_waiting(&publisher->returned) < PUBLISH_RETURNED_MAX) {
        int64_t committed = atomic_load(&publisher->committed), before = publisher->position;
        if (publisher->read_through >= committed || !tern_publish_may_send(&publisher->sender)) return 0;
        int limit = (int)publish_window_room(window);
        struct row_visit visit = {.publisher = publisher};
        int visited = tern_event_log_own(publisher->settings.reader, before, -1, limit, visit_new, &visit, err);
        if (visited < 0) return -1;
        if (visited < limit && !visit.stopped) publisher->read_through = committed;
        if (publisher->position == before) return 0;
    }
    return 0;
}

static int visit_republished(void *self, const struct tern_log_row *row, int64_t position, bool nudge,
                             struct tern_error *err)
{
    const struct row_visit *visit = self;
    struct tern_publisher *publisher = visit->publisher;
    struct republish *republish = visit->republish;
    const struct returned_row *returned = tern_publish_returned_find(&publisher->returned, row->seq);
    const struct tern_event_type *type = tern_catalogue_find(publisher->settings.catalogue, row->type);
    /* A row that is still to be sent for the first time goes out in its own order. */
    if (returned ? !returned->confirmed : row->seq > publisher->position) return 0;
    if (republish->kind == PUBLISH_LOST && !(type && type->consumers[0])) return 0; /* no queue of ours lost it */
    if (tern_publish_send_row(&publisher->sender, row, republish->kind, position, nudge, err) < 0) return -1;
    tern_republish_sent(republish);
    if (republish->kind == PUBLISH_LOST) TERN_CHAOS_POINT("forgot.mid");
    return 0;
}

static int send_republished(struct tern_publisher *publisher, struct republish *republish, struct tern_error *err)
{
    struct row_visit visit = {.publisher = publisher, .republish = republish};
    tern_republish_retry(republish, publisher->sender.now_ms);
    while (republish->more && tern_publish_may_send(&publisher->sender)) {
        size_t room = tern_republish_room(republish, &publisher->window, publisher->sender.now_ms);
        if (room == 0) return 0;
        if (tern_republish_read(republish, publisher->settings.reader, room, visit_republished, &visit, err) < 0)
            return -1;
    }
    return 0;
}

/* While flushing, nothing is sent that the next run would send anyway. */
static int send_all(struct tern_publisher *publisher, struct tern_error *err)
{
    bool flushing = atomic_load(&publisher->flushing);
    if (!flushing &&
        tern_publish_control_send(&publisher->control, &publisher->sender, publisher->settings.reader, err) < 0)
        return -1;
    if (send_returned(publisher, err) < 0 || send_new(publisher, err) < 0) return -1;
    if (flushing) return 0;
    if (atomic_load(&publisher->asked_waits) && atomic_exchange(&publisher->asked_waits, false))
        publisher->asked.more = true;
    return send_republished(publisher, &publisher->asked, err) < 0 ? -1
                                                                   : send_republished(publisher, &publisher->lost, err);
}

/* -1 when the oldest publication has waited too long. Time in which the broker is blocked does not count. */
static int check_confirms(struct tern_publisher *publisher, struct tern_error *err)
{
    const struct publish_window *window = &publisher->window;
    if (window->open == 0 || publisher->blocked) return 0;
    int64_t since_ms = tern_publish_window_slot(window, window->first)->sent_ms;
    if (since_ms < publisher->unblocked_ms) since_ms = publisher->unblocked_ms;
    if (publisher->sender.now_ms - since_ms <= CONFIRM_MS) return 0;
    tern_metric_add(publisher->settings.metrics, &TERN_METRIC_publish_failures_total, 1, "timeout", NULL, NULL);
    return tern_error_set(err, "the broker has not confirmed an event for %d s", CONFIRM_MS / 1000);
}

/* Every OWN row up to here is confirmed by the broker, or the writer knows it as returned. */
static int64_t confirmed_through(const struct tern_publisher *publisher)
{
    int64_t through = tern_publish_window_frontier(&publisher->window, PUBLISH_NEW, publisher->position);
    int64_t unreported = tern_publish_returned_lowest_unreported(&publisher->returned);
    return unreported <= through ? unreported - 1 : through;
}

/* Adds what happened since the last round to the progress, and announces it to the writer once. */
static void report(struct tern_publisher *publisher)
{
    struct publish_window *window = &publisher->window;
    int64_t to_wall_ms = tern_now(publisher->clock) - tern_steady(publisher->clock);
    tern_log_flush(publisher->story); /* before the mutex: it writes to a file */
    struct tern_publish_progress *news = tern_publish_progress_open(&publisher->progress);
    size_t changes = news->return_count;
    tern_publish_returned_report(&publisher->returned, to_wall_ms, news);
    int64_t through = confirmed_through(publisher), before = news->confirmed_through;
    if (through > before) news->confirmed_through = through;
    int64_t confirmed = tern_publish_window_take_confirmed(window);
    confirmed += (int64_t)tern_publish_returned_pass(&publisher->returned, news->confirmed_through);
    news->confirmed += confirmed;
    bool added = news->return_count > changes || news->confirmed_through > before || confirmed > 0;
    if (tern_republish_pass(&publisher->asked, window)) {
        news->again_done = tern_republish_report(&publisher->asked, publisher->settings.log);
        added = true;
    }
    if (tern_republish_pass(&publisher->lost, window)) {
        news->republish_id = publisher->lost.loss.id;
        news->republished = tern_republish_report(&publisher->lost, publisher->settings.log);
        added = true;
    }
    bool announce = tern_publish_progress_close(&publisher->progress, added, publisher->returned.unreported > 0,
                                                window->open, publisher->read_through);
    if (!announce) return;
    TERN_CHAOS_POINT("pub.after_confirm_before_mark");
    tern_backlog_report(publisher->settings.backlog, &publisher->progress);
}

static int on_work(void *self, struct tern_amqp *link, struct tern_error *err)
{
    struct tern_publisher *publisher = self;
    const struct tern_publisher_settings *settings = &publisher->settings;
    int probe_ms = settings->link.limits.probe_ms > 0 ? settings->link.limits.probe_ms : PROBE_MS;
    int64_t now_ms = publisher->sender.now_ms = tern_steady(publisher->clock);
    if (check_confirms(publisher, err) < 0) return -1;
    if (!atomic_load(&publisher->owned)) {
        report(publisher);
        return 0;
    }
    if (tern_queue_loss_probe(&publisher->loss, link, probe_ms, now_ms, err) < 0) return -1;
    /* A route may be missing. Nothing more is sent until all is answered; then a new connection declares the
     * topology. */
    bool wants_topology = publisher->redeclare && now_ms - publisher->declared_ms >= REDECLARE_MS;
    if (!wants_topology && send_all(publisher, err) < 0) {
        if (err->fault == TERN_FAULT_BROKEN) tern_fatal(settings->fatal, err);
        return -1;
    }
    report(publisher);
    if (wants_topology && publisher->window.open == 0)
        return tern_error_set(err, "events that have consumers are returned: declaring the topology again");
    tern_publish_stall_watch(&publisher->stall, now_ms, publisher->window.open,
                             publish_returned_waiting(&publisher->returned),
                             tern_publish_returned_oldest_ms(&publisher->returned));
    return 0;
}

/* ---- answers ------------------------------------------------------------------------------------------------- */

static int64_t back_off(struct tern_publisher *publisher, int64_t attempt)
{
    return tern_backoff_ms(publisher->settings.retry_base_ms, attempt, tern_ids_random(publisher->chance, UINT32_MAX));
}

/* A new or returned row was refused or returned: into the list, with a longer back-off each time. */
static void row_came_back(struct tern_publisher *publisher, const struct publish_slot *slot, const char *reason)
{
    const struct returned_row *before = tern_publish_returned_find(&publisher->returned, slot->position);
    int64_t attempt = before ? before->attempts + 1 : 1, now_ms = tern_steady(publisher->clock), left_out;
    tern_publish_returned_add(&publisher->returned, slot->position, slot->subject, reason, now_ms,
                              now_ms + back_off(publisher, attempt));
    /* When the limit of a full queue is lifted, RabbitMQ goes on refusing on channels that know it as full: only a new
     * channel learns of the change. */
    if (attempt >= STUBBORN_ATTEMPTS && publisher->sender.now_ms - publisher->declared_ms >= STUBBORN_MS)
        publisher->redeclare = true;
    enum tern_log_level level = tern_log_quota_take(&publisher->came_back, 1, now_ms, &left_out);
    tern_log_write(publisher->settings.log, level, "the broker returned an event", TERN_STR("eventType", slot->type),
                   TERN_STR("eventId", slot->event_id), TERN_STR("subject", slot->subject), TERN_STR("reason", reason),
                   TERN_INT("attempt", attempt), tern_log_count("leftOut", left_out), TERN_LOG_END);
}

static void row_confirmed(struct tern_publisher *publisher, const struct publish_slot *slot)
{
    tern_metric_add(publisher->settings.metrics, &TERN_METRIC_messages_published_total, 1, slot->type, NULL, NULL);
    tern_log_info(publisher->story, "published", TERN_STR("eventType", slot->type), TERN_STR("subject", slot->subject),
                  TERN_STR("eventId", slot->event_id), TERN_STR("correlationId", slot->correlation_id));
    if (slot->kind == PUBLISH_RETURNED)
        tern_publish_returned_confirm(&publisher->returned, slot->position, publisher->sender.now_ms);
}

static void republish_answered(struct tern_publisher *publisher, struct republish *republish,
                               const struct publish_slot *slot, bool confirmed)
{
    if (!confirmed) {
        int64_t wait_ms = back_off(publisher, republish->attempts + 1);
        tern_republish_failed(republish, slot->position, publisher->sender.now_ms + wait_ms);
        return;
    }
    tern_republish_confirmed(republish);
    tern_metric_add(publisher->settings.metrics, &TERN_METRIC_messages_republished_total, 1, slot->type, NULL, NULL);
    tern_log_write(publisher->story, slot->nudge ? TERN_LOG_INFO : TERN_LOG_DEBUG, "republished",
                   TERN_STR("eventType", slot->type), TERN_STR("subject", slot->subject),
                   TERN_STR("eventId", slot->event_id), TERN_STR("correlationId", slot->correlation_id), TERN_LOG_END);
}

/* The broker's final answer for one publication. A return comes before the ack and makes it one that counts for
 * nothing. */
static void slot_answered(struct tern_publisher *publisher, struct publish_slot *slot, bool acked)
{
    bool confirmed = acked && !slot->returned;
    const char *reason = slot->returned ? "return" : "nack";
    tern_publish_window_close(&publisher->window, slot, confirmed);
    if (slot->kind == PUBLISH_CONTROL) return;
    if (confirmed && tern_publish_stall_confirmed(&publisher->stall, publisher->sender.now_ms))
        tern_publish_returned_retry_all(&publisher->returned, publisher->sender.now_ms);
    if (!confirmed)
        tern_metric_add(publisher->settings.metrics, &TERN_METRIC_publish_failures_total, 1, reason, NULL, NULL);
    if (slot->kind == PUBLISH_ASKED_FOR || slot->kind == PUBLISH_LOST)
        republish_answered(publisher, slot->kind == PUBLISH_LOST ? &publisher->lost : &publisher->asked, slot,
                           confirmed);
    else if (confirmed)
        row_confirmed(publisher, slot);
    else
        row_came_back(publisher, slot, reason);
}

static int on_confirmed(void *self, uint64_t sequence, bool multiple, bool acked, struct tern_error *err)
{
    struct tern_publisher *publisher = self;
    struct publish_window *window = &publisher->window;
    TERN_CHAOS_POINT("pub.after_send_before_confirm");
    if (multiple && sequence == 0) sequence = window->next - 1; /* the protocol's "all of them" */
    if (sequence >= window->next)
        return tern_error_set(err, "the broker confirmed %llu, which was never sent", (unsigned long long)sequence);
    for (uint64_t i = multiple || sequence < window->first ? window->first : sequence; i <= sequence; i++) {
        struct publish_slot *slot = tern_publish_window_slot(window, i);
        if (slot->open) slot_answered(publisher, slot, acked);
    }
    tern_publish_window_pass(window);
    return 0;
}

/* basic.return names no sequence number; the message id finds the slot. Its ack follows. */
static int on_returned(void *self, const struct tern_amqp_returned *message, struct tern_error *err)
{
    struct tern_publisher *publisher = self;
    (void)err;
    struct publish_slot *slot = tern_publish_window_find(&publisher->window, message->message_id);
    if (slot) slot->returned = true;
    publisher->redeclare = true;
    return 0;
}

/* ---- the connection ------------------------------------------------------------------------------------------ */

/* Sets a new connection up; milliseconds: not yet, try again. The topology comes first, so nothing is published into
 * the void because its consumer has not started yet; then the markers; then confirms (confirm.select). */
static int on_ready(void *self, struct tern_amqp *link, struct tern_error *err)
{
    struct tern_publisher *publisher = self;
    if (!atomic_load(&publisher->owned)) return STAND_BY_MS;
    struct tern_topology_gaps gaps; /* the consumer reports them */
    struct tern_republish_range lost = {0};
    int64_t now_ms = tern_steady(publisher->clock);
    if (tern_topology_declare(link, publisher->settings.catalogue, publisher->queue_type, &gaps, err) < 0) return -1;
    int status = tern_queue_loss_set_up(&publisher->loss, link, now_ms, publisher->position, &lost, err);
    if (lost.id > 0) tern_republish_begin(&publisher->lost, &lost);
    if (status < 0 || tern_amqp_select_confirms(link, err) < 0) return -1;
    publisher->sender.now_ms = publisher->declared_ms = tern_steady(publisher->clock);
    atomic_store(&publisher->up, true);
    tern_publish_returned_shift(&publisher->returned,
                                tern_publish_stall_resume(&publisher->stall, publisher->sender.now_ms));
    publisher->redeclare = false;
    tern_publish_control_connected(&publisher->control);
    tern_publish_returned_retry_unrouted(&publisher->returned, publisher->sender.now_ms);
    tern_metric_set(publisher->settings.metrics, &TERN_METRIC_amqp_connected, 1, LINK_LABEL, NULL);
    tern_links_connected(publisher->settings.links, TERN_LINK_PUBLISHER);
    return 0;
}

/* The answers of open publications will never come, and their fate is unknown: they are published again, same
 * eventId. */
static void reset_connection(struct tern_publisher *publisher)
{
    struct publish_window *window = &publisher->window;
    int64_t frontier = tern_publish_window_frontier(window, PUBLISH_NEW, publisher->position);
    if (window->open > 0)
        tern_metric_add(publisher->settings.metrics, &TERN_METRIC_publish_failures_total, (int64_t)window->open, "lost",
                        NULL, NULL);
    tern_republish_reset(&publisher->asked, window);
    tern_republish_reset(&publisher->lost, window);
    tern_publish_window_reset(window, frontier);
    tern_publish_returned_reset(&publisher->returned, frontier, tern_steady(publisher->clock));
    if (frontier < publisher->position) publisher->read_through = 0;
    publisher->position = frontier;
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
    tern_publish_stall_pause(&publisher->stall, publisher->unblocked_ms);
    reset_connection(publisher);
    report(publisher);
    tern_links_lost(publisher->settings.links, TERN_LINK_PUBLISHER, tern_amqp_state(publisher->link).trouble, why);
}

static void on_blocked(void *self, bool blocked, const char *reason)
{
    struct tern_publisher *publisher = self;
    set_blocked(publisher, blocked);
    if (blocked)
        tern_publish_stall_pause(&publisher->stall, publisher->unblocked_ms);
    else
        tern_publish_returned_shift(&publisher->returned,
                                    tern_publish_stall_resume(&publisher->stall, publisher->unblocked_ms));
    tern_links_blocked(publisher->settings.links, blocked, reason);
}

/* ---- any thread ---------------------------------------------------------------------------------------------- */

void tern_publisher_committed(struct tern_publisher *publisher, int64_t last_seq)
{
    int_fast64_t known = atomic_load_explicit(&publisher->committed, memory_order_relaxed);
    while (known < last_seq && !atomic_compare_exchange_weak(&publisher->committed, &known, last_seq))
        ;
    tern_amqp_wake(publisher->link);
}

void tern_publisher_own(struct tern_publisher *publisher, bool owned)
{
    atomic_store(&publisher->owned, owned);
    tern_amqp_wake(publisher->link);
}

void tern_publisher_asked(struct tern_publisher *publisher)
{
    atomic_store(&publisher->asked_waits, true);
    tern_amqp_wake(publisher->link);
}

void tern_publisher_ask(struct tern_publisher *publisher, const struct tern_resend *resend)
{
    tern_publish_control_ask(&publisher->control, resend);
    tern_amqp_wake(publisher->link);
}

void tern_publisher_flush(struct tern_publisher *publisher, int timeout_ms)
{
    if (!publisher || !publisher->started) return;
    atomic_store(&publisher->flushing, true);
    tern_amqp_wake(publisher->link);
    tern_publish_progress_await_idle(&publisher->progress, &publisher->committed, &publisher->up, timeout_ms);
}

int64_t tern_publisher_stalled_ms(const struct tern_publisher *publisher)
{
    return tern_publish_stall_ms(&publisher->stall, tern_steady(publisher->clock));
}

struct tern_amqp_link_state tern_publisher_state(const struct tern_publisher *publisher)
{
    return tern_amqp_state(publisher->link);
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

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
    int created = tern_amqp_create(&settings, &owner, &publisher->link, err);
    publisher->settings.link.url = NULL; /* the link has its own copies */
    publisher->progress.link = publisher->link;
    publisher->sender = (struct publish_sender){.link = publisher->link,
                                                .window = &publisher->window,
                                                .catalogue = publisher->settings.catalogue,
                                                .service = publisher->service,
                                                .clock = publisher->clock,
                                                .owned = &publisher->owned};
    return created;
}

/* What earlier runs left to be done. */
static int load(struct tern_publisher *publisher, struct tern_error *err)
{
    const struct tern_publisher_settings *settings = &publisher->settings;
    struct tern_republish_range loss;
    if (tern_publish_returned_load(&publisher->returned, settings->reader, publisher->clock, err) < 0) return -1;
    if (!settings->queue) return 0;
    publisher->loss = (struct queue_loss){
        .queue = settings->queue, .links = settings->links, .log = settings->log, .metrics = settings->metrics};
    if (tern_queue_loss_load(&publisher->loss, settings->catalogue, publisher->service, settings->reader, err) < 0 ||
        tern_republish_range_load(settings->reader, &loss, err) < 0)
        return -1;
    tern_republish_begin(&publisher->lost, &loss);
    return 0;
}

int tern_publisher_create(const struct tern_publisher_settings *settings, struct tern_publisher **ret_publisher,
                          struct tern_error *err)
{
    struct tern_publisher *publisher = tern_alloc(sizeof *publisher);
    size_t window = settings->window == 0 ? 1 : settings->window;
    publisher->settings = *settings;
    publisher->service = tern_copy_text(settings->service);
    publisher->queue_type = tern_copy_text(settings->queue_type);
    publisher->clock = settings->link.clock ? settings->link.clock : &tern_clock_system;
    publisher->position = settings->start.confirmed_through;
    publisher->declared_ms = INT64_MIN / 2;
    atomic_store(&publisher->committed, settings->start.last_seq);
    atomic_store(&publisher->owned, !settings->needs_queue);
    tern_publish_progress_init(&publisher->progress, settings->start.confirmed_through);
    tern_publish_control_init(&publisher->control, settings->store, settings->republish_ms, settings->beacon_ms);
    tern_publish_stall_init(&publisher->stall, settings->log, tern_steady(publisher->clock));
    tern_publish_window_init(&publisher->window, window > PUBLISH_WINDOW_MAX ? PUBLISH_WINDOW_MAX : window);
    tern_republish_init(&publisher->asked, PUBLISH_ASKED_FOR,
                        settings->republish_per_s > 0 ? settings->republish_per_s : ASKED_FOR_PER_S);
    tern_republish_init(&publisher->lost, PUBLISH_LOST, LOST_PER_S);
    publisher->chance = tern_ids_create(publisher->clock, settings->seed);
    publisher->story = settings->log ? tern_log_create_buffered(settings->log) : NULL;
    if (create_link(publisher, err) < 0 || load(publisher, err) < 0) {
        tern_publisher_destroy(publisher);
        return -1;
    }
    *ret_publisher = publisher;
    return 0;
}

void tern_publisher_destroy(struct tern_publisher *publisher)
{
    if (!publisher) return;
    tern_publisher_stop(publisher);
    tern_amqp_destroy(publisher->link);
    tern_log_destroy(publisher->story);
    tern_ids_destroy(publisher->chance);
    tern_publish_returned_fini(&publisher->returned);
    tern_publish_window_fini(&publisher->window);
    tern_publish_control_fini(&publisher->control);
    tern_publish_progress_fini(&publisher->progress);
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
    int status = tern_thread_start(&publisher->thread, "publisher", STACK_BYTES, run, publisher);
    if (status != 0) return tern_error_set(err, "the publisher's thread cannot be started: %s", strerror(status));
    publisher->started = true;
    return 0;
}

void tern_publisher_stop(struct tern_publisher *publisher)
{
    if (!publisher || !publisher->started) return;
    tern_amqp_stop(publisher->link);
    (void)pthread_join(publisher->thread, NULL);
    publisher->started = false;
    tern_metric_set(publisher->settings.metrics, &TERN_METRIC_amqp_connected, 0, LINK_LABEL, NULL);
}
