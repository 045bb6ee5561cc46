/* test_said.c - the event log as the list of what was said. A mark in the context's last_seq is not enough: the test's
 * own is kept in a table. */
#include "test_said.h"

#include <string.h>

#include "common/outbox/log_store.h"
#include "store.h"
#include "tern/event_log.h"
#include "tern_test.h"

static const char make_mark[] = "CREATE TABLE IF NOT EXISTS temp.said (seq INTEGER NOT NULL)";
static const char forget_mark[] = "DELETE FROM temp.said";
static const char set_mark[] = "INSERT INTO temp.said SELECT coalesce(max(seq), 0) FROM event_log";
static const char get_mark[] = "SELECT coalesce(max(seq), 0) FROM temp.said";

static void run(struct test_context *test, const char *sql)
{
    struct tern_error err = {0};
    if (tern_db_run(test->ctx.db, sql, TERN_DB_NO_ARGS, &err) < 0) fail_msg("%s", err.text);
}

void test_said_clear(struct test_context *test)
{
    run(test, make_mark);
    run(test, forget_mark);
    run(test, set_mark);
}

struct listening {
    struct tern_text types;
    enum shop_event event;
    void *payload;
    bool found;
};

static int hear(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    struct listening *listening = self;
    struct tern_event event;
    tern_text_printf(&listening->types, "%s%s", listening->types.length ? " " : "", row->type);
    if (!listening->payload || strcmp(row->type, shop_event_types[listening->event].name) != 0) return 0;
    if (tern_event_decode(row->body, row->body_length, &event, err) < 0) return -1;
    int status = shop_decode(listening->event, &event, listening->payload, err);
    listening->found = true;
    tern_event_fini(&event);
    return status;
}

static void listen(struct test_context *test, struct listening *listening)
{
    struct tern_error err = {0};
    run(test, make_mark);
    int64_t mark = test_store_number(test->ctx.db, get_mark);
    if (tern_event_log_own(test->ctx.db, mark, -1, 10000, hear, listening, &err) < 0) fail_msg("%s", err.text);
}

void test_said(struct test_context *test, const char *types)
{
    struct listening listening = {0};
    listen(test, &listening);
    assert_string_equal(listening.types.bytes ? listening.types.bytes : "", types);
    tern_text_fini(&listening.types);
}

void test_said_last(struct test_context *test, enum shop_event event, void *ret_payload)
{
    struct listening listening = {.event = event, .payload = ret_payload};
    listen(test, &listening);
    if (!listening.found)
        fail_msg("%s was not said, but: %s", shop_event_types[event].name,
                 listening.types.bytes ? listening.types.bytes : "nothing");
    tern_text_fini(&listening.types);
}
