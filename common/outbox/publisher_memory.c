/* publisher_memory.c - notices that the broker has lost queues, and says the log again.
 *
 * A marker of this service's own hangs on each queue that hears it, and goes with the queue: other services that
 * declare the queue anew do not bring it back, so each publisher finds out by itself, whoever connects first. The loss
 * is in the store before the marker is made again, so a crash repeats it and never skips it. */
#include "publisher_parts.h"
#include "tern/bug.h"
#include "tern/chaos.h"
#include "tern/topology.h"

#include <stdio.h>
#include <string.h>

enum { PROBE_MS = 10000, REPUBLISHED_PER_S = 2000, REPUBLISHED_PAGE = 32 };

static bool hears_us(const struct tern_publisher *publisher, const char *queue)
{
    const struct tern_catalogue *catalogue = publisher->settings.catalogue;
    for (size_t i = 0; i < catalogue->type_count; i++)
        if (strcmp(catalogue->types[i].producer, publisher->service) == 0 &&
            tern_catalogue_hears(&catalogue->types[i], queue))
            return true;
    return false;
}

static int add_marker(struct tern_publisher *publisher, const char *queue, struct tern_error *err)
{
    struct publish_memory *memory = &publisher->memory;
    TERN_ASSERT(memory->count < TERN_COUNT(memory->markers), "a catalogue has few services");
    int noted = tern_broker_memory_has(publisher->settings.reader, queue, err);
    if (noted < 0) return -1;
    struct publish_marker *marker = &memory->markers[memory->count++];
    *marker = (struct publish_marker){.queue = queue, .noted = noted > 0};
    (void)snprintf(marker->name, sizeof marker->name, "%.32s.known.%.56s.%.56s",
                   publisher->settings.catalogue->exchange, publisher->service, queue);
    return 0;
}

int publisher_memory_load(struct tern_publisher *publisher, struct tern_error *err)
{
    struct publish_memory *memory = &publisher->memory;
    const char *const *queue = publisher->settings.catalogue->services;
    if (publisher->settings.remember == NULL) return 0;
    for (; *queue != NULL; queue++)
        if (hears_us(publisher, *queue) && add_marker(publisher, *queue, err) < 0) return -1;
    if (tern_republish_load(publisher->settings.reader, &memory->republish, err) < 0) return -1;
    publish_again_init(&memory->stream, memory->republish.after_seq);
    return 0;
}

/* ---- the markers --------------------------------------------------------------------------------------------- */

static int look_for_markers(struct tern_publisher *publisher, struct tern_broker_news *lost, struct tern_error *err)
{
    struct publish_memory *memory = &publisher->memory;
    for (size_t i = 0; i < memory->count; i++) {
        struct publish_marker *marker = &memory->markers[i];
        if (!marker->noted) continue;
        int there = tern_amqp_has_marker(publisher->link, marker->name, err);
        if (there < 0) return -1;
        if (there == 0) lost->queues[lost->count++] = marker->queue;
    }
    return 0;
}

static void set_noted(struct publish_memory *memory, const struct tern_broker_news *news)
{
    for (size_t i = 0; i < memory->count; i++)
        for (size_t k = 0; k < news->count; k++)
            if (memory->markers[i].queue == news->queues[k]) memory->markers[i].noted = !news->lost;
}

/* In the store first: until then the marker stays away, and the next set-up finds the same. */
static int begin_to_republish(struct tern_publisher *publisher, struct tern_broker_news *lost, struct tern_error *err)
{
    struct publish_memory *memory = &publisher->memory;
    TERN_CHAOS_POINT("forgot.before_record");
    if (publisher->settings.remember(publisher->settings.self, lost, err) < 0) return -1;
    TERN_CHAOS_POINT("forgot.before_marker");
    set_noted(memory, lost);
    memory->republish = lost->republish;
    memory->said = 0;
    publish_again_init(&memory->stream, memory->republish.after_seq);
    for (size_t i = 0; i < lost->count; i++)
        tern_log_warn(publisher->settings.log, "the broker has forgotten a queue, and what was in it",
                      TERN_STR("queue", lost->queues[i]));
    tern_metric_add(publisher->settings.metrics, &TERN_METRIC_broker_forgot_total, (int64_t)lost->count, NULL, NULL,
                    NULL);
    if (memory->republish.id > 0)
        tern_log_info(publisher->settings.log, "saying the recent log again",
                      TERN_INT("afterSeq", memory->republish.after_seq),
                      TERN_INT("throughSeq", memory->republish.through_seq));
    return 0;
}

static void add_queue(char names[TERN_NAMES_SIZE], const char *queue)
{
    size_t length = strlen(names);
    (void)snprintf(names + length, TERN_NAMES_SIZE - length, "%s%s", length > 0 ? ", " : "", queue);
}

static int make_markers(struct tern_publisher *publisher, struct tern_broker_news *made, struct tern_error *err)
{
    struct publish_memory *memory = &publisher->memory;
    char forbidden[TERN_NAMES_SIZE] = "";
    for (size_t i = 0; i < memory->count; i++) {
        const struct publish_marker *marker = &memory->markers[i];
        if (marker->noted) continue;
        int answer = tern_amqp_mark_queue(publisher->link, marker->queue, marker->name, err);
        if (answer < 0) return -1;
        if (answer == TERN_AMQP_FORBIDDEN)
            add_queue(forbidden, marker->queue);
        else
            made->queues[made->count++] = marker->queue;
    }
    if (forbidden[0] != '\0' && publisher->settings.lacks)
        publisher->settings.lacks(publisher->settings.self, TERN_LACKS_MARKERS, forbidden);
    return 0;
}

int publisher_recall(struct tern_publisher *publisher, struct tern_error *err)
{
    struct publish_memory *memory = &publisher->memory;
    struct tern_broker_news lost = {.lost = true, .through_seq = publisher->cursor}, made = {0};
    memory->probed_ms = tern_steady(publisher->clock);
    if (look_for_markers(publisher, &lost, err) < 0) return -1;
    if (lost.count > 0 && begin_to_republish(publisher, &lost, err) < 0) return -1;
    if (make_markers(publisher, &made, err) < 0) return -1;
    if (made.count > 0) TERN_CHAOS_POINT("forgot.before_noted");
    if (made.count > 0 && publisher->settings.remember(publisher->settings.self, &made, err) < 0) return -1;
    set_noted(memory, &made);
    return 0;
}

int publisher_probe_markers(struct tern_publisher *publisher, struct tern_error *err)
{
    struct publish_memory *memory = &publisher->memory;
    int probe_ms = publisher->settings.link.limits.probe_ms > 0 ? publisher->settings.link.limits.probe_ms : PROBE_MS;
    if (publisher->now_ms - memory->probed_ms < probe_ms) return 0;
    memory->probed_ms = publisher->now_ms;
    for (size_t i = 0; i < memory->count; i++)
        if (memory->markers[i].noted && tern_amqp_expect_marker(publisher->link, memory->markers[i].name, err) < 0)
            return -1;
    return 0;
}

/* ---- the log, again ------------------------------------------------------------------------------------------ */

static bool is_heard(const struct tern_publisher *publisher, const char *name)
{
    const struct tern_event_type *type = tern_catalogue_find(publisher->settings.catalogue, name);
    return type != NULL && type->heard_by[0] != NULL;
}

static int visit_forgotten(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    struct tern_publisher *publisher = self;
    struct publish_again *stream = &publisher->memory.stream;
    stream->cursor = row->seq;
    if (TERN_BUG(republish_short) && row->seq == publisher->memory.republish.through_seq) return 0;
    if (!is_heard(publisher, row->type) || publisher_is_on_its_way(publisher, row->seq)) return 0;
    struct publish_slot *slot = publisher_send_row(publisher, row, PUBLISH_REPUBLISHED, err);
    if (slot == NULL) return -1;
    publish_again_sent(stream, slot, row->seq);
    TERN_CHAOS_POINT("forgot.mid");
    return 0;
}

int publisher_republish(struct tern_publisher *publisher, struct tern_error *err)
{
    struct publish_memory *memory = &publisher->memory;
    struct publish_again *stream = &memory->stream;
    if (memory->republish.id == 0) return 0;
    publish_again_retry(stream, publisher->now_ms);
    while (stream->more && publisher_may_send(publisher)) {
        size_t room = publish_again_room(stream, &publisher->window, REPUBLISHED_PER_S, publisher->now_ms);
        int limit = room < REPUBLISHED_PAGE ? (int)room : REPUBLISHED_PAGE;
        if (limit == 0) return 0;
        int visited = tern_event_log_own(publisher->settings.reader, stream->cursor, memory->republish.through_seq,
                                         limit, visit_forgotten, publisher, err);
        if (visited < 0) return -1;
        if (visited == limit) continue;
        stream->more = false;
        stream->cursor = memory->republish.through_seq; /* what is left are rows of others */
    }
    return 0;
}

void publisher_republish_passed(struct tern_publisher *publisher)
{
    struct publish_memory *memory = &publisher->memory;
    if (memory->stream.mark < memory->republish.through_seq) return;
    tern_log_info(publisher->settings.log, "the recent log is said again", TERN_INT("events", memory->said));
    memory->republish.id = 0;
}
