/* backoff.c - delays that double with each attempt up to a limit.
 *
 * The jitter spreads attempts that failed together, so that they do not come together again. Pure. */
#include "tern/backoff.h"

/* Doubling stops at the limit, so no number of attempts overflows. */
int64_t tern_backoff_ms(int64_t base_ms, int64_t attempt, uint64_t random)
{
    static const int64_t most_ms = TERN_BACKOFF_MOST_MS / 5 * 4; /* with 25% of jitter it reaches the limit */
    int64_t delay_ms = base_ms;
    for (int64_t i = 1; i < attempt && delay_ms < most_ms; i++)
        delay_ms *= 2;
    if (delay_ms > most_ms) delay_ms = most_ms;
    int64_t spread_ms = delay_ms / 4;
    return delay_ms - spread_ms + (int64_t)(random % (uint64_t)(2 * spread_ms + 1));
}
