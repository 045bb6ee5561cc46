/* read_stats.c - GET /stats: orders by status and day, money captured and refunded, what is not published yet.
 *
 * The figures come from a projection that lags: the answer says up to which event of the log they count. */
#include <inttypes.h>
#include <string.h>

#include "order_http.h"
#include "order_stats.h"
#include "tern/clock.h"
#include "tern/json.h"
#include "tern/money.h"

enum { DAYS_DEFAULT = 30, DAYS_MOST = 366, DAY_MS = 86400000 };

static const char *const stats_query[] = {"days", NULL};

/* Each row: one or two names, which say whether it belongs to the row before, and two figures to add up. */
static const char by_status[] =
    "SELECT status, currency, orders, value_minor FROM order_stats WHERE day >= ?1 ORDER BY status, currency";
static const char by_day[] =
    "SELECT day, currency, orders, value_minor FROM order_stats WHERE day >= ?1 ORDER BY day DESC, currency";
static const char money_by_currency[] =
    "SELECT '', currency, captured_minor, refunded_minor FROM money_stats WHERE day >= ?1 ORDER BY currency";
static const char money_by_day[] =
    "SELECT day, currency, captured_minor, refunded_minor FROM money_stats WHERE day >= ?1 ORDER BY day DESC, currency";

/* A list of the answer. */
struct list {
    const char *sql;
    const char *name;           /* of the first column; NULL: it is left out */
    bool money;                 /* both figures are amounts; else the first is a number of orders */
    bool all_days;              /* whatever was asked for */
    const char *before, *after; /* JSON around it */
};
static const struct list lists[] = {
    {by_status,         "status", false, true,  "\"byStatus\":[",         "]," },
    {by_day,            "day",    false, false, "\"byDay\":[",            "]," },
    {money_by_currency, NULL,     true,  true,  "\"money\":{\"total\":[", "]," },
    {money_by_day,      "day",    true,  false, "\"byDay\":[",            "]},"},
};

/* A line of a list: the sum of all rows with its names. */
struct line {
    char name[TERN_WORD_SIZE], currency[TERN_WORD_SIZE];
    int64_t first, second;
};

static void print_line(const struct list *list, const struct line *line, bool is_first, struct tern_text *out)
{
    char first[TERN_MONEY_SIZE], second[TERN_MONEY_SIZE];
    if (line->first == 0 && line->second == 0) return;
    tern_money_format(line->first, first);
    tern_money_format(line->second, second);
    tern_text_add(out, is_first ? "{" : ",{");
    if (list->name) tern_text_printf(out, "\"%s\":\"%s\",", list->name, line->name);
    tern_text_printf(out, "\"currency\":\"%s\",", line->currency);
    if (list->money)
        tern_text_printf(out, "\"captured\":%s,\"refunded\":%s}", first, second);
    else
        tern_text_printf(out, "\"orders\":%" PRId64 ",\"value\":%s}", line->first, second);
}

static int64_t add(int64_t sum, int64_t figure)
{
    return sum > INT64_MAX - figure ? INT64_MAX : sum + figure;
}

static int print_list(struct tern_db *db, const struct list *list, const char *since, struct tern_text *out,
                      struct tern_error *err)
{
    struct tern_db_rows rows;
    struct line line = {.name = ""};
    size_t begin = out->length + strlen(list->before);
    int got;
    tern_text_add(out, list->before);
    if (tern_db_query(db, &rows, list->sql, TERN_DB_ARGS(tern_db_text(list->all_days ? "0" : since)), err) < 0)
        return -1;
    while ((got = tern_db_next(&rows, err)) > 0) {
        const char *name = tern_db_column_text(&rows, 0), *currency = tern_db_column_text(&rows, 1);
        if (strcmp(line.name, name) != 0 || strcmp(line.currency, currency) != 0) {
            print_line(list, &line, out->length == begin, out);
            line = (struct line){.name = ""};
            tern_copy_whole(line.name, sizeof line.name, name);
            tern_copy_whole(line.currency, sizeof line.currency, currency);
        }
        line.first = add(line.first, tern_db_column_int(&rows, 2));
        line.second = add(line.second, tern_db_column_int(&rows, 3));
    }
    tern_db_done(&rows);
    print_line(list, &line, out->length == begin, out);
    tern_text_add(out, list->after);
    return got < 0 ? -1 : 0;
}

struct asked {
    struct tern_app *app;
    int64_t days;
};

static int fill_stats(struct tern_db *db, const struct order_read *read, const void *asked_of, struct tern_error *err)
{
    const struct asked *asked = asked_of;
    struct tern_projection_progress progress = {0};
    char since[TERN_TIME_SIZE];
    struct tern_text *out = &read->answer->body;
    (void)tern_app_projection(asked->app, ORDER_STATS, &progress);
    tern_time_format(read->now_ms - (asked->days - 1) * DAY_MS, since);
    since[ORDER_DAY_SIZE - 1] = '\0';
    tern_text_add(out, "{");
    for (size_t i = 0; i < TERN_COUNT(lists); i++)
        if (print_list(db, &lists[i], since, out, err) < 0) return -1;
    tern_text_printf(out, "\"backlog\":%" PRId64 ",\"position\":%" PRId64 ",\"behind\":%" PRId64 "}\n",
                     tern_app_backlog(asked->app), progress.position, progress.behind);
    return 1;
}

void read_stats(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct asked asked = {self, DAYS_DEFAULT};
    struct order_read read = {request, answer, NULL, tern_now(tern_app_clock(asked.app))};
    if (!tern_http_query_known(request, answer, stats_query) ||
        !tern_http_query_number(request, answer, "days", 1, DAYS_MOST, &asked.days))
        return;
    order_http_read(asked.app, &read, fill_stats, &asked);
}
