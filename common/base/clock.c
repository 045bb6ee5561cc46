/* clock.c - the machine's clocks, and times as RFC 3339 text in UTC.
 *
 * Calendar arithmetic is written out, on the proleptic Gregorian calendar, because strptime and strftime depend on the
 * locale and the time zone. It is the usual arithmetic of eras of 400 years (Hinnant, "chrono-compatible low-level date
 * algorithms"): years begin in March, so that the leap day is the last day of a year. Keeps no state. */
#include "tern/clock.h"

#include <string.h>
#include <time.h>

#include "tern/error.h"

#define MS_PER_DAY   INT64_C(86400000)
#define FIRST_MS     INT64_C(-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define LAST_MS      INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */
#define DAYS_PER_ERA 146097                   /* 400 years */
#define EPOCH_DAYS   719468                   /* from 0000-03-01 to 1970-01-01 */

/* A date of the Gregorian calendar. */
struct civil {
    int year;  /* 0 to 9999 */
    int month; /* 1 to 12 */
    int day;   /* 1 to the last of the month */
};

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    int rc = clock_gettime(id, &now);
    TERN_ASSERT(rc == 0, "the machine has the clocks that are asked for");
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_wall_ms(void *self)
{
    (void)self;
    return read_clock(CLOCK_REALTIME);
}

/* CLOCK_BOOTTIME counts the time that the machine sleeps, which CLOCK_MONOTONIC leaves out (clock_gettime(2)). */
static int64_t system_steady_ms(void *self)
{
    (void)self;
    return read_clock(CLOCK_BOOTTIME);
}

const struct tern_clock tern_clock_system = {system_wall_ms, system_steady_ms, NULL};

/* Days since 1970-01-01 of a date of the years 0000 to 9999. */
static int64_t days_of(struct civil date)
{
    int year = date.month <= 2 ? date.year - 1 : date.year;
    int era = (year >= 0 ? year : year - 399) / 400;
    int year_of_era = year - era * 400;
    int month_from_march = (date.month + 9) % 12;
    int day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1; /* March to July, August to December: 153 days */
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)era * DAYS_PER_ERA + day_of_era - EPOCH_DAYS;
}

/* The inverse of days_of. */
static struct civil date_of(int64_t days)
{
    int64_t shifted = days + EPOCH_DAYS;
    int64_t era = (shifted >= 0 ? shifted : shifted - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int day_of_era = (int)(shifted - era * DAYS_PER_ERA);
    int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month_from_march = (5 * day_of_year + 2) / 153;
    struct civil date;
    date.day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    date.month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    date.year = year_of_era + (int)era * 400 + (date.month <= 2);
    return date;
}

/* Writes exactly `digits` digits, without a NUL. */
static void put_number(char *at, int digits, int number)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
}

void tern_time_format(int64_t wall_ms, char text[TERN_TIME_SIZE])
{
    if (wall_ms < FIRST_MS) wall_ms = FIRST_MS;
    if (wall_ms > LAST_MS) wall_ms = LAST_MS;
    int64_t days = (wall_ms - FIRST_MS) / MS_PER_DAY + FIRST_MS / MS_PER_DAY; /* rounded down before 1970, too */
    int ms = (int)(wall_ms - days * MS_PER_DAY);
    struct civil date = date_of(days);
    memcpy(text, "0000-00-00T00:00:00.000Z", TERN_TIME_SIZE);
    put_number(text, 4, date.year);
    put_number(text + 5, 2, date.month);
    put_number(text + 8, 2, date.day);
    put_number(text + 11, 2, ms / 3600000);
    put_number(text + 14, 2, ms / 60000 % 60);
    put_number(text + 17, 2, ms / 1000 % 60);
    put_number(text + 20, 3, ms % 1000);
}

/* Reads exactly `digits` digits, low <= number <= high, and then `mark` unless that is 0. Moves *at behind them. */
static int take_number(const char **at, int digits, int low, int high, char mark, int *ret_number)
{
    int number = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        if (**at < '0' || **at > '9') return -1;
        number = number * 10 + (**at - '0');
    }
    if (number < low || number > high) return -1;
    if (mark != 0 && *(*at)++ != mark) return -1;
    *ret_number = number;
    return 0;
}

/* "2026-11-23T"; the day must exist in its month. */
static int take_date(const char **at, int64_t *ret_days)
{
    static const int days_in_month[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct civil date;
    if (take_number(at, 4, 0, 9999, '-', &date.year) < 0 || take_number(at, 2, 1, 12, '-', &date.month) < 0) return -1;
    bool leap = (date.year % 4 == 0 && date.year % 100 != 0) || date.year % 400 == 0;
    int last = date.month == 2 && leap ? 29 : days_in_month[date.month - 1];
    if (take_number(at, 2, 1, last, 'T', &date.day) < 0) return -1;
    *ret_days = days_of(date);
    return 0;
}

/* An optional fraction, ".5" to ".123456789", cut to milliseconds. */
static int take_fraction(const char **at, int *ret_ms)
{
    *ret_ms = 0;
    if (**at != '.') return 0;
    (*at)++;
    size_t digits = strspn(*at, "0123456789");
    if (digits < 1 || digits > 9) return -1;
    for (size_t i = 0; i < 3; i++)
        *ret_ms = *ret_ms * 10 + (i < digits ? (*at)[i] - '0' : 0);
    *at += digits;
    return 0;
}

/* "14:30:00.123", in milliseconds since midnight. */
static int take_time_of_day(const char **at, int64_t *ret_ms)
{
    int hour, minute, second, ms;
    if (take_number(at, 2, 0, 23, ':', &hour) < 0 || take_number(at, 2, 0, 59, ':', &minute) < 0 ||
        take_number(at, 2, 0, 60, 0, &second) < 0 || take_fraction(at, &ms) < 0)
        return -1;
    if (second == 60) { /* POSIX time has no number for a leap second */
        second = 59;
        ms = 999;
    }
    *ret_ms = ((hour * 60 + minute) * INT64_C(60) + second) * 1000 + ms;
    return 0;
}

/* "Z", or "+01:00": how far local time is ahead of UTC. */
static int take_offset(const char **at, int64_t *ret_ms)
{
    char sign = *(*at)++;
    if (sign == 'Z') {
        *ret_ms = 0;
        return 0;
    }
    int hours, minutes;
    if ((sign != '+' && sign != '-') || take_number(at, 2, 0, 23, ':', &hours) < 0 ||
        take_number(at, 2, 0, 59, 0, &minutes) < 0)
        return -1;
    int64_t ms = (hours * 60 + minutes) * INT64_C(60000);
    *ret_ms = sign == '+' ? ms : -ms;
    return 0;
}

int tern_time_parse(const char *text, int64_t *ret_wall_ms, struct tern_error *err)
{
    const char *at = text;
    int64_t days, ms, offset_ms;
    if (take_date(&at, &days) < 0 || take_time_of_day(&at, &ms) < 0 || take_offset(&at, &offset_ms) < 0 || *at != '\0')
        return tern_error_set(err, "must be a time like 2026-11-23T14:30:00.123Z");
    *ret_wall_ms = days * MS_PER_DAY + ms - offset_ms;
    return 0;
}
