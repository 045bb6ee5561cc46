/* tern/backoff.h - how long to wait before the next attempt: for messages, publications, jobs. Pure. */
#ifndef TERN_BACKOFF_H
#define TERN_BACKOFF_H

#include <stdint.h>

/* No back-off is longer: 5 min and a quarter. */
enum { TERN_BACKOFF_MOST_MS = 375000 };
/* min(200 ms * 2^(attempt-1), 5 min) with +-25% jitter: `random` is any random number. */
int64_t tern_backoff_ms(int64_t base_ms, int64_t attempt, uint64_t random);

#endif
