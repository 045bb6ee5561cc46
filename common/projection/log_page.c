/* log_page.c - reads and decodes rows of the event log, and folds them.
 *
 * Decoding is most of the cost, and needs no store: it is done before the page is handed to the writer. */
#include "log_page.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void tern_log_page_init(struct tern_log_page *page, const struct tern_catalogue *catalogue, size_t room)
{
    *page = (struct tern_log_page){.catalogue = catalogue,
                                   .room = room,
                                   .events = tern_alloc(room * sizeof page->events[0]),
                                   .decoded = tern_alloc(room * sizeof page->decoded[0])};
}

static void clear(struct tern_log_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        tern_event_fini(&page->decoded[i]);
    page->count = page->read = 0;
}

void tern_log_page_fini(struct tern_log_page *page)
{
    clear(page);
    free(page->events);
    free(page->decoded);
    *page = (struct tern_log_page){0};
}

struct reading {
    struct tern_log_page *page;
    const struct tern_projection *projection;
};

static bool is_wanted(const struct tern_projection *projection, const char *type)
{
    for (const char *const *wanted = projection->types; *wanted; wanted++)
        if (strcmp(*wanted, type) == 0) return true;
    return false;
}

static int fill_event(const struct tern_log_row *row, struct tern_event *event)
{
    *event = (struct tern_event){.number = row->number};
    if (tern_copy(event->event_id, sizeof event->event_id, row->event_id) < 0 ||
        tern_copy(event->type, sizeof event->type, row->type) < 0 ||
        tern_copy(event->subject, sizeof event->subject, row->subject) < 0 ||
        tern_copy(event->correlation_id, sizeof event->correlation_id, row->correlation_id) < 0 ||
        tern_copy(event->causation_id, sizeof event->causation_id, row->causation_id) < 0)
        return -1;
    return tern_copy(event->traceparent, sizeof event->traceparent, row->traceparent);
}

static int take_row(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    const struct reading *reading = self;
    struct tern_log_page *page = reading->page;
    page->read++;
    page->last_seq = row->seq;
    if (!is_wanted(reading->projection, row->type)) return 0;
    struct tern_event *event = &page->decoded[page->count];
    if (fill_event(row, event) < 0 || tern_event_decode_stored(row->body, row->body_length, event, err) < 0)
        return tern_error_set(err, "event %" PRId64 " of the log is damaged", row->seq);
    const struct tern_event_type *type = tern_catalogue_find(page->catalogue, row->type);
    if (type && tern_event_lift(event, type, err) < 0) {
        tern_event_fini(event);
        return tern_error_prefix(err, "event %" PRId64 " of the log", row->seq);
    }
    page->events[page->count++] = (struct tern_fold_event){.event = event,
                                                           .seq = row->seq,
                                                           .subject_version = row->subject_version,
                                                           .logged_at_ms = row->logged_at_ms,
                                                           .origin = row->origin};
    return 0;
}

int tern_log_page_read(struct tern_log_page *page, struct tern_db *db, const struct tern_projection *projection,
                       int64_t after_seq, struct tern_error *err)
{
    struct reading reading = {page, projection};
    clear(page);
    page->last_seq = after_seq;
    return tern_event_log_all(db, after_seq, (int)page->room, take_row, &reading, err) < 0 ? -1 : 0;
}

int tern_log_page_fold(const struct tern_log_page *page, const struct tern_projection *projection,
                       const struct tern_fold *fold, struct tern_error *err)
{
    for (size_t i = 0; i < page->count; i++)
        if (projection->fold(fold, &page->events[i], err) < 0)
            return tern_error_prefix(err, "event %" PRId64 " of the log, %s about %s", page->events[i].seq,
                                     page->decoded[i].type, page->decoded[i].subject);
    return 0;
}
