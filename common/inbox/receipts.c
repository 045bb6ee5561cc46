/* receipts.c - the numbers of the events that a service consumes: a gap is noticed, named, and asked for.
 *
 * Deliveries note what was received, in memory; it is written once per batch. A ripe beacon becomes a unit of work
 * here, and so does another service's request to resend. Requests of our own leave only after the commit. */
#include "receipts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/outbox/beacon.h"
#include "common/outbox/log_store.h"
#include "common/outbox/publisher.h"
#include "common/store/store.h"
#include "tern/event_log.h"
#include "tern/outbox.h"

enum {
    CONTROLS_MAX = 32, /* control messages in the writer's queue; more are dropped, they come again */
    AGAIN_MAX = 20000  /* rows waiting to be republished; beyond, no request to resend is served */
};

/* ---- life, and every batch
 * ----------------------------------------------------------------------------------------- */

void tern_receipts_init(struct tern_receipts *receipts, struct tern_work_queue *queue,
                        const struct tern_catalogue *catalogue, const char *service)
{
    *receipts = (struct tern_receipts){.catalogue = catalogue, .queue = queue};
    (void)pthread_mutex_init(&receipts->lock, NULL);
    tern_numbers_init(&receipts->numbers, catalogue, service, tern_steady(queue->clock));
}

void tern_receipts_fini(struct tern_receipts *receipts)
{
    (void)pthread_mutex_destroy(&receipts->lock);
}

int tern_receipts_load(struct tern_receipts *receipts, struct tern_db *db, bool adopts, struct tern_error *err)
{
    if (tern_db_begin(db, err) < 0) return -1;
    int done = tern_numbers_load(&receipts->numbers, db, err);
    if (done == 0 && adopts) done = tern_numbers_adopt(&receipts->numbers, db, err);
    if (done == 0) return tern_db_commit(db, err);
    tern_db_rollback(db);
    return -1;
}

int tern_receipts_refresh(struct tern_receipts *receipts, struct tern_context *ctx, struct tern_error *err)
{
    return receipts->numbers.stale ? tern_numbers_load(&receipts->numbers, ctx->db, err) : 0;
}

int tern_receipts_save(struct tern_receipts *receipts, struct tern_context *ctx, struct tern_error *err)
{
    return tern_numbers_save(&receipts->numbers, ctx->db, err);
}

void tern_receipts_failed(struct tern_receipts *receipts)
{
    receipts->numbers.stale = true;
}

/* ---- what is shown
 * ------------------------------------------------------------------------------------------------- */

/* A sentence for /readyz, about an older copy first; "" when nothing is wrong. */
static void describe(const struct tern_numbers *numbers, char *why, size_t size)
{
    why[0] = '\0';
    for (size_t i = 0; i < numbers->count; i++) {
        const struct tern_numbers_type *type = &numbers->types[i];
        if (type->copy_until > 0) {
            (void)snprintf(why, size,
                           "%s runs on an older copy of its store: of %s it had reported %" PRId64 ", and now %" PRId64,
                           type->type->producer, type->type->name, type->copy_until, type->reported_through);
            return;
        }
        if (type->missing > 0)
            (void)snprintf(why, size, "%" PRId64 " events of %s, from number %" PRId64 " on, did not arrive: asked for",
                           type->missing, type->type->name, type->through + 1);
    }
}

/* Writer thread: what other threads may see of the numbers. */
static void show(struct tern_receipts *receipts)
{
    char why[TERN_RECEIPTS_SIZE];
    int64_t missing = 0;
    for (size_t i = 0; i < receipts->numbers.count; i++)
        missing += receipts->numbers.types[i].missing;
    describe(&receipts->numbers, why, sizeof why);
    tern_metric_set(receipts->metrics, &TERN_METRIC_events_missing, (double)missing, NULL, NULL);
    (void)pthread_mutex_lock(&receipts->lock);
    memcpy(receipts->why, why, sizeof why);
    (void)pthread_mutex_unlock(&receipts->lock);
}

void tern_receipts_why(struct tern_receipts *receipts, char ret_why[TERN_RECEIPTS_SIZE])
{
    (void)pthread_mutex_lock(&receipts->lock);
    memcpy(ret_why, receipts->why, sizeof receipts->why);
    (void)pthread_mutex_unlock(&receipts->lock);
    if (ret_why[0] == '\0' && atomic_load(&receipts->deaf))
        tern_copy_cut(ret_why, TERN_RECEIPTS_SIZE,
                      "what does not arrive is not noticed: the broker's user may not listen for it");
}

/* ---- a beacon
 * ------------------------------------------------------------------------------------------------------ */

struct control_work {
    struct tern_work work;
    struct tern_receipts *receipts;
    struct tern_control control;
    struct tern_resend asks[TERN_TYPES_MAX]; /* beacon: what is to be asked for after the commit */
    size_t ask_count;
};

/* A gap is logged when it opens and when it closes, not for each beacon in between. */
static void log_gap(struct tern_context *ctx, const char *type, const struct tern_numbers_news *news, int64_t missing)
{
    if (news->opened)
        tern_log_write(ctx->log, TERN_LOG_WARN, "events did not arrive, asking for them", TERN_STR("eventType", type),
                       TERN_INT("missing", missing), TERN_INT("from", news->low), TERN_INT("to", news->high),
                       TERN_INT("completeBeforeS", news->for_ms / 1000), TERN_LOG_END);
    if (news->closed)
        tern_log_write(ctx->log, TERN_LOG_INFO, "no event is missing any more", TERN_STR("eventType", type),
                       TERN_INT("seconds", news->for_ms / 1000), TERN_LOG_END);
    if (news->lost > 0)
        tern_log_write(ctx->log, TERN_LOG_ERROR, "events are lost: their producer does not publish so old ones again",
                       TERN_STR("eventType", type), TERN_INT("lost", news->lost), TERN_INT("from", news->lost_low),
                       TERN_INT("to", news->lost_high), TERN_LOG_END);
}

/* A producer that is not what it was: for people, because events may be missing that nobody can name. */
static void log_store(struct tern_context *ctx, const struct tern_beacon *beacon, const char *type,
                      const struct tern_numbers_news *news)
{
    if (news->other_store)
        tern_log_write(ctx->log, TERN_LOG_WARN, "a producer counts its events anew: it has another store",
                       TERN_STR("producer", beacon->producer), TERN_STR("eventType", type),
                       TERN_STR("store", beacon->store), TERN_LOG_END);
    if (news->older_copy)
        tern_log_write(ctx->log, TERN_LOG_WARN, "a producer runs on an older copy of its store",
                       TERN_STR("producer", beacon->producer), TERN_STR("eventType", type),
                       TERN_INT("hadReported", news->was_reported), TERN_LOG_END);
}

static void count(struct tern_context *ctx, const char *type, const struct tern_numbers_news *news)
{
    int64_t asked = 0;
    for (size_t i = 0; i < news->ask.count; i++)
        asked += news->ask.ranges[i].to - news->ask.ranges[i].from + 1;
    if (news->missed > 0)
        tern_metric_add(ctx->metrics, &TERN_METRIC_events_missed_total, news->missed, type, NULL, NULL);
    if (news->healed > 0)
        tern_metric_add(ctx->metrics, &TERN_METRIC_events_healed_total, news->healed, type, NULL, NULL);
    if (news->lost > 0) tern_metric_add(ctx->metrics, &TERN_METRIC_events_lost_total, news->lost, type, NULL, NULL);
    if (asked > 0) tern_metric_add(ctx->metrics, &TERN_METRIC_events_asked_for_total, asked, type, NULL, NULL);
}

/* Never fails: it changes memory only, and the rows are written at the end of the batch. */
static enum tern_outcome run_beacon(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    struct control_work *item = (struct control_work *)work;
    const struct tern_beacon *beacon = &item->control.beacon;
    struct tern_numbers *numbers = &item->receipts->numbers;
    bool store_logged = false; /* one line per beacon, not one per type */
    (void)err;
    item->ask_count = 0;
    for (size_t i = 0; i < beacon->count; i++) {
        const char *type = beacon->types[i].type->name;
        struct tern_numbers_news news;
        const struct tern_numbers_type *known = tern_numbers_find(numbers, beacon->types[i].type);
        if (!known) continue;
        tern_numbers_compare(numbers, beacon, &beacon->types[i], tern_steady(ctx->clock), &news);
        if (!store_logged) log_store(ctx, beacon, type, &news);
        store_logged = store_logged || news.other_store || news.older_copy;
        log_gap(ctx, type, &news, known->missing);
        count(ctx, type, &news);
        if (news.ask.count > 0) item->asks[item->ask_count++] = news.ask;
    }
    return TERN_DONE;
}

/* ---- a request to publish again
 * -------------------------------------------------------------------------------------- */

static int republish_row(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    return tern_republish(self, row->seq, err);
}

/* How many rows, within [first, last] of the type's numbers; or -1. */
static int republish_ranges(struct tern_context *ctx, const struct tern_resend *resend, int64_t first, int64_t last,
                            struct tern_error *err)
{
    int total = 0;
    for (size_t i = 0; i < resend->count; i++) {
        int64_t from = resend->ranges[i].from > first ? resend->ranges[i].from : first;
        int64_t to = resend->ranges[i].to < last ? resend->ranges[i].to : last;
        int done =
            from <= to ? tern_event_log_numbered(ctx->db, resend->type->name, from, to, republish_row, ctx, err) : 0;
        if (done < 0) return -1;
        total += done;
    }
    return total;
}

/* The numbers that a beacon would name. What is not confirmed yet, or is returned, will be published anyway. */
static int span_of(struct tern_context *ctx, const struct tern_event_type *type, int64_t *ret_first, int64_t *ret_last,
                   struct tern_error *err)
{
    int64_t window_ms = tern_config_number(ctx->config, "REPUBLISH_WINDOW_S") * 1000, through_seq = 0, after_seq = 0;
    if (tern_outbox_confirmed(ctx->db, &through_seq, err) < 0 ||
        tern_beacon_first_seq(ctx->db, through_seq, window_ms, &after_seq, err) < 0 ||
        tern_event_log_number_through(ctx->db, type->name, after_seq, ret_first, err) < 0)
        return -1;
    ++*ret_first;
    return tern_event_log_number_through(ctx->db, type->name, through_seq, ret_last, err);
}

/* Puts the rows on the list to republish; the publisher learns of it after the commit. */
static enum tern_outcome run_resend(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    const struct tern_resend *resend = &((struct control_work *)work)->control.resend;
    int64_t waiting = 0, first = 0, last = 0;
    if (strcmp(resend->type->producer, ctx->service) != 0) return TERN_DONE;
    if (tern_outbox_request_count(ctx->db, &waiting, err) < 0 || span_of(ctx, resend->type, &first, &last, err) < 0)
        return TERN_RETRY;
    if (waiting > AGAIN_MAX) return TERN_DONE; /* it will be asked for again */
    int done = republish_ranges(ctx, resend, first, last, err);
    if (done < 0) return TERN_RETRY;
    tern_log_write(ctx->log, TERN_LOG_INFO, "asked for events that did not arrive, publishing them again",
                   TERN_STR("eventType", resend->type->name), TERN_INT("events", done), TERN_LOG_END);
    return TERN_DONE;
}

/* ---- their way through the writer
 * -------------------------------------------------------------------------------------- */

static void finish_control(struct tern_work *work, enum tern_work_end end)
{
    struct control_work *item = (struct control_work *)work;
    struct tern_receipts *receipts = item->receipts;
    for (size_t i = 0; end == TERN_WORK_DONE && i < item->ask_count; i++)
        tern_publisher_ask(receipts->publisher, &item->asks[i]);
    if (item->control.is_beacon) show(receipts);
    atomic_fetch_sub(&receipts->controls, 1);
    free(item); /* one that failed comes again by itself */
}

static const struct tern_work_kind beacon_kind = {
    .name = "beacon", .run = run_beacon, .finish = finish_control, .lazy = true};
static const struct tern_work_kind resend_kind = {
    .name = "resend", .run = run_resend, .finish = finish_control, .lazy = true};

void tern_receipts_control(struct tern_receipts *receipts, const struct tern_control *control)
{
    if (tern_work_draining(receipts->queue)) return;
    if (atomic_fetch_add(&receipts->controls, 1) >= CONTROLS_MAX) {
        atomic_fetch_sub(&receipts->controls, 1);
        return;
    }
    struct control_work *item = tern_alloc(sizeof *item);
    item->work.kind = control->is_beacon ? &beacon_kind : &resend_kind;
    item->receipts = receipts;
    item->control = *control;
    tern_work_submit(receipts->queue, &item->work);
}

/* ---- on the consumer's thread
 * -------------------------------------------------------------------------------------------- */

void tern_receipts_deaf(struct tern_receipts *receipts)
{
    if (atomic_exchange(&receipts->deaf, true)) return;
    tern_log_warn(receipts->log, "what does not arrive will not be noticed: the broker's user may not listen for it",
                  TERN_LOG_END);
}

void tern_receipts_dead_letters(struct tern_receipts *receipts, uint32_t messages)
{
    long long before = atomic_exchange(&receipts->dead, (long long)messages);
    tern_metric_set(receipts->metrics, &TERN_METRIC_dead_letters, (double)messages, NULL, NULL);
    if ((long long)messages > before)
        tern_log_warn(receipts->log, "messages were dead-lettered: somebody's policy, or one that cannot be read",
                      TERN_STR("queue", receipts->catalogue->dead_letter_exchange), TERN_INT("messages", messages));
}
