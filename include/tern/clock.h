/* tern/clock.h - time behind a seam, so that tests and the simulation can hold the hands of the clock.
 *
 * Wall time is UTC milliseconds since 1970 and may jump; steady time is milliseconds of CLOCK_BOOTTIME, never
 * jumps, and means nothing between two starts of the machine. Durations are measured with steady time only.
 * Text form: RFC 3339, UTC, always with milliseconds: 2026-11-23T14:30:00.123Z. */
#ifndef TERN_CLOCK_H
#define TERN_CLOCK_H

#include "tern/base.h"

struct tern_clock {
    int64_t (*wall_ms)(void *self);
    int64_t (*steady_ms)(void *self);
    void *self;
};

/* The machine's own clocks. */
extern const struct tern_clock tern_clock_system;

static inline int64_t tern_now(const struct tern_clock *clock)
{
    return clock->wall_ms(clock->self);
}
static inline int64_t tern_steady(const struct tern_clock *clock)
{
    return clock->steady_ms(clock->self);
}

enum { TERN_TIME_SIZE = 25 }; /* with the NUL */

/* Years 0000 to 9999; a time outside is clamped to them. */
void tern_time_format(int64_t wall_ms, char text[TERN_TIME_SIZE]);
/* Strict RFC 3339: upper-case T and Z or an offset, one to nine digits of fraction or none (cut to ms), real
 * days of real months, seconds 00-59 (a leap second 60 is read as 59.999). Returns 0, or -1 with `err`. */
struct tern_error;
int tern_time_parse(const char *text, int64_t *ret_wall_ms, struct tern_error *err);

#endif
