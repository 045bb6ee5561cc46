/* queue_loss.c - compares the markers on the broker's queues with those that the store has noted.
 *
 * The marker of a lost queue is made again only after the loss was recorded in the store. A crash in between leaves the
 * marker missing, so the next set-up finds the same loss: it may be handled twice, never skipped. Publishes nothing. */
#include "queue_loss.h"

#include "common/base/chaos.h"
#include "common/work/links.h"

#include <stdio.h>
#include <string.h>

int tern_queue_loss_load(struct queue_loss *loss, const struct tern_catalogue *catalogue, const char *service,
                         struct tern_db *reader, struct tern_error *err)
{
    for (const char *const *queue = catalogue->services; *queue; queue++) {
        if (!tern_catalogue_consumes_from(catalogue, *queue, service)) continue;
        TERN_ASSERT(loss->count < TERN_COUNT(loss->markers), "a catalogue has few services");
        int noted = tern_queue_markers_has(reader, *queue, err);
        if (noted < 0) return -1;
        struct queue_marker *marker = &loss->markers[loss->count++];
        *marker = (struct queue_marker){.queue = *queue, .noted = noted > 0};
        (void)snprintf(marker->name, sizeof marker->name, "%.32s.known.%.56s.%.56s", catalogue->exchange, service,
                       *queue);
    }
    return 0;
}

/* Adds the queues whose markers are noted and missing. */
static int find_lost(const struct queue_loss *loss, struct tern_amqp *link, struct tern_queue_news *ret_lost,
                     struct tern_error *err)
{
    for (size_t i = 0; i < loss->count; i++) {
        const struct queue_marker *marker = &loss->markers[i];
        if (!marker->noted) continue;
        int there = tern_amqp_has_marker(link, marker->name, err);
        if (there < 0) return -1;
        if (there == 0) ret_lost->queues[ret_lost->count++] = marker->queue;
    }
    return 0;
}

/* Makes the markers that are not noted, and reports the queues on which our user may not. */
static int make_missing(const struct queue_loss *loss, struct tern_amqp *link, struct tern_queue_news *ret_made,
                        struct tern_error *err)
{
    char forbidden[TERN_NAMES_SIZE] = "";
    for (size_t i = 0; i < loss->count; i++) {
        const struct queue_marker *marker = &loss->markers[i];
        if (marker->noted) continue;
        int answer = tern_amqp_mark_queue(link, marker->queue, marker->name, err);
        if (answer < 0) return -1;
        if (answer == TERN_AMQP_FORBIDDEN) {
            size_t length = strlen(forbidden);
            (void)snprintf(forbidden + length, sizeof forbidden - length, "%s%s", length > 0 ? ", " : "",
                           marker->queue);
        } else {
            ret_made->queues[ret_made->count++] = marker->queue;
        }
    }
    if (forbidden[0] != '\0') tern_links_lacks(loss->links, TERN_LACKS_MARKERS, forbidden);
    return 0;
}

/* On the writer thread. */
static enum tern_outcome run_record(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    struct tern_queue_news *news = argument;
    int64_t window_ms = tern_config_number(ctx->config, "REPUBLISH_WINDOW_S") * 1000;
    return tern_queue_markers_record(ctx->db, news, window_ms, ctx->online_ms, err) < 0 ? TERN_RETRY : TERN_DONE;
}

/* Has the writer record the news, and waits for the commit; a loss is logged and counted. -1: the store did not take
 * it. */
static int record(struct queue_loss *loss, struct tern_queue_news *news, struct tern_error *err)
{
    const struct tern_conversation silent = {0}; /* it emits nothing */
    if (tern_work_command(loss->queue, run_record, news, &silent, err) != TERN_COMMITTED)
        return tern_error_prefix(err, "what the broker has cannot be noted");
    /* Both have the catalogue's own texts: pointers compare. */
    for (size_t i = 0; i < loss->count; i++)
        for (size_t k = 0; k < news->count; k++)
            if (loss->markers[i].queue == news->queues[k]) loss->markers[i].noted = !news->lost;
    if (!news->lost) return 0;
    for (size_t i = 0; i < news->count; i++)
        tern_log_warn(loss->log, "the broker has forgotten a queue, and what was in it",
                      TERN_STR("queue", news->queues[i]));
    tern_metric_add(loss->metrics, &TERN_METRIC_queues_lost_total, (int64_t)news->count, NULL, NULL, NULL);
    if (news->republish.id > 0)
        tern_log_info(loss->log, "republishing the recent log", TERN_INT("afterSeq", news->republish.after_seq),
                      TERN_INT("throughSeq", news->republish.through_seq));
    return 0;
}

int tern_queue_loss_set_up(struct queue_loss *loss, struct tern_amqp *link, int64_t now_ms, int64_t sent_through,
                           struct tern_republish_range *ret_range, struct tern_error *err)
{
    struct tern_queue_news lost = {.lost = true, .through_seq = sent_through}, made = {0};
    loss->checked_ms = now_ms;
    if (find_lost(loss, link, &lost, err) < 0) return -1;
    if (lost.count > 0) {
        TERN_CHAOS_POINT("forgot.before_record");
        if (record(loss, &lost, err) < 0) return -1;
        *ret_range = lost.republish;
        TERN_CHAOS_POINT("forgot.before_marker");
    }
    if (make_missing(loss, link, &made, err) < 0) return -1;
    if (made.count == 0) return 0;
    TERN_CHAOS_POINT("forgot.before_noted");
    return record(loss, &made, err);
}

/* Asks without waiting. A marker that is there gives no answer; one that is missing makes the link start over. */
int tern_queue_loss_probe(struct queue_loss *loss, struct tern_amqp *link, int interval_ms, int64_t now_ms,
                          struct tern_error *err)
{
    if (now_ms - loss->checked_ms < interval_ms) return 0;
    loss->checked_ms = now_ms;
    for (size_t i = 0; i < loss->count; i++)
        if (loss->markers[i].noted && tern_amqp_expect_marker(link, loss->markers[i].name, err) < 0) return -1;
    return 0;
}
