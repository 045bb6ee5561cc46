/* tern/backoff.h - the delay before the next attempt, for messages, publications and jobs. Pure; any thread. */
#ifndef TERN_BACKOFF_H
#define TERN_BACKOFF_H

#include <stdint.h>

/* The longest delay, jitter included: 6 min 15 s. */
enum { TERN_BACKOFF_MOST_MS = 375000 };
/* min(base_ms * 2^(attempt - 1), 5 min) with a jitter of 25% up or down. `attempt` counts from 1; `random` is any
 * random number. */
int64_t tern_backoff_ms(int64_t base_ms, int64_t attempt, uint64_t random);

#endif
