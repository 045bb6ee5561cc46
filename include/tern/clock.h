/* tern/clock.h - time behind a seam, so that tests and the simulation can set it.
 *
 * Wall time is UTC milliseconds since 1970 and may jump. Steady time is milliseconds of CLOCK_BOOTTIME: it never jumps,
 * and is comparable only until the machine restarts. Measure durations with steady time only. Text form: RFC 3339, UTC,
 * always with milliseconds: 2026-11-23T14:30:00.123Z. All calls may be made from any thread. */
#ifndef TERN_CLOCK_H
#define TERN_CLOCK_H

#include "tern/base.h"

struct tern_clock {
    int64_t (*wall_ms)(void *self);   /* UTC milliseconds since 1970; any thread */
    int64_t (*steady_ms)(void *self); /* milliseconds since some start that never jumps; any thread */
    void *self;                       /* the clock's own state; passed to both */
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

/* Times outside the years 0000 to 9999 are clamped to them. */
void tern_time_format(int64_t wall_ms, char text[TERN_TIME_SIZE]);
/* Strict RFC 3339: upper-case T and Z or an offset, one to nine digits of fraction or none (cut to ms), real
 * days of real months, seconds 00-59 (a leap second 60 is read as 59.999). Returns 0, or -1 with `err`. */
struct tern_error;
int tern_time_parse(const char *text, int64_t *ret_wall_ms, struct tern_error *err);

#endif
