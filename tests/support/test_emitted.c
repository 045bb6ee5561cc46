/* test_emitted.c - the event log as the list of what was emitted. The context's last_seq is not enough: the test's own
 * position is kept in a table. */
#include "test_emitted.h"

#include <string.h>

#include "common/outbox/log_store.h"
#include "store.h"
#include "tern/event_log.h"
#include "tern_test.h"

static const char make_position[] = "CREATE TABLE IF NOT EXISTS temp.emitted (seq INTEGER NOT NULL)";
static const char forget_position[] = "DELETE FROM temp.emitted";
static const char set_position[] = "INSERT INTO temp.emitted SELECT coalesce(max(seq), 0) FROM event_log";
static const char get_position[] = "SELECT coalesce(max(seq), 0) FROM temp.emitted";

static void run(struct test_context *test, const char *sql)
{
    struct tern_error err = {0};
    if (tern_db_run(test->ctx.db, sql, TERN_DB_NO_ARGS, &err) < 0) fail_msg("%s", err.text);
}

void test_emitted_clear(struct test_context *test)
{
    run(test, make_position);
    run(test, forget_position);
    run(test, set_position);
}

struct search {
    struct tern_text types;
    enum shop_event event;
    void *payload;
    bool found;
};

static int visit(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    struct search *search = self;
    struct tern_event event;
    tern_text_printf(&search->types, "%s%s", search->types.length ? " " : "", row->type);
    if (!search->payload || strcmp(row->type, shop_event_types[search->event].name) != 0) return 0;
    if (tern_event_decode(row->body, row->body_length, &event, err) < 0) return -1;
    int status = shop_decode(search->event, &event, search->payload, err);
    search->found = true;
    tern_event_fini(&event);
    return status;
}

static void read_log(struct test_context *test, struct search *search)
{
    struct tern_error err = {0};
    run(test, make_position);
    int64_t position = test_store_number(test->ctx.db, get_position);
    if (tern_event_log_own(test->ctx.db, position, -1, 10000, visit, search, &err) < 0) fail_msg("%s", err.text);
}

void test_emitted(struct test_context *test, const char *types)
{
    struct search search = {0};
    read_log(test, &search);
    assert_string_equal(search.types.bytes ? search.types.bytes : "", types);
    tern_text_fini(&search.types);
}

void test_emitted_last(struct test_context *test, enum shop_event event, void *ret_payload)
{
    struct search search = {.event = event, .payload = ret_payload};
    read_log(test, &search);
    if (!search.found)
        fail_msg("%s was not emitted, but: %s", shop_event_types[event].name,
                 search.types.bytes ? search.types.bytes : "nothing");
    tern_text_fini(&search.types);
}
