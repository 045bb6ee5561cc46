/* log_page.h - a page of the event log, decoded on one thread and folded on another. */
#ifndef TERN_PROJECTION_LOG_PAGE_H
#define TERN_PROJECTION_LOG_PAGE_H

#include "tern/projection.h"

struct tern_log_page {
    const struct tern_catalogue *catalogue; /* whose upcasters lift older events */
    size_t room;                            /* rows that it can hold */
    size_t read;                            /* rows of the log that it stands for, also those that no fold wants */
    int64_t last_seq;                       /* of the last of them */
    size_t count;                           /* decoded events */
    struct tern_fold_event *events;
    struct tern_event *decoded; /* owned, like what they own */
};

void tern_log_page_init(struct tern_log_page *page, const struct tern_catalogue *catalogue, size_t room);
void tern_log_page_fini(struct tern_log_page *page);
/* Replaces what it holds by the rows after `after_seq`, decoding those that the projection folds. -1 with `err`. */
int tern_log_page_read(struct tern_log_page *page, struct tern_db *db, const struct tern_projection *projection,
                       int64_t after_seq, struct tern_error *err);
/* Folds what it holds. -1 with `err`, which names the event. */
int tern_log_page_fold(const struct tern_log_page *page, const struct tern_projection *projection,
                       const struct tern_fold *fold, struct tern_error *err);

#endif
