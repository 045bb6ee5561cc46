/* timers.h - fires the timers of a service that are due, each in a unit of work of its own. */
#ifndef TERN_JOBS_TIMERS_H
#define TERN_JOBS_TIMERS_H

#include "common/work/links.h"
#include "tern/timers.h"

/* Writer thread only. */
struct tern_timers {
    const struct tern_timer_kind *kinds; /* NULL: none */
    struct tern_links *links;            /* timers fire only while the service is online; NULL: always */
    int64_t backoff_ms;                  /* RETRY_BACKOFF_MS, for one that failed */
    struct tern_log_quota failures;
};

/* Inside a batch: takes one due timer and fires it. 1 when it did, 0 when none may fire now, -1: the store failed. */
int tern_timers_due(struct tern_timers *timers, struct tern_context *ctx, struct tern_error *err);
/* When tern_timers_due will have something to do: UTC ms; INT64_MAX: never, or not before the service is online. */
int64_t tern_timers_next_due(const struct tern_timers *timers, struct tern_context *ctx);

#endif
