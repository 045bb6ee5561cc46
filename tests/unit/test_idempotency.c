/* test_idempotency.c - a request takes effect once per Idempotency-Key, whatever service it is sent to. */
#include "tern_test.h"

#include <string.h>

#include "common/service/once.h"
#include "common/store/store.h"
#include "store.h"
#include "test_context.h"

extern const struct tern_migration order_migrations[], tern_core_migrations[];

/* ---- a command that counts ---- */

struct counting {
    int runs, status;
    enum tern_outcome outcome;
    struct tern_once once;
    struct tern_text asked;
};

static enum tern_outcome count_run(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    struct counting *counting = argument;
    (void)ctx;
    (void)err;
    counting->runs++;
    return counting->outcome;
}

static void count_answer(const void *argument, struct tern_http_answer *answer)
{
    const struct counting *counting = argument;
    if (counting->status >= 400) {
        tern_http_problem(answer, counting->status, "No", "no");
        return;
    }
    answer->status = counting->status;
    tern_http_set_header(answer, "ETag", "\"%d\"", counting->runs);
    if (counting->status != 204) tern_text_printf(&answer->body, "{\"runs\":%d}\n", counting->runs);
}

static void begin(struct counting *counting, int status)
{
    *counting = (struct counting){.status = status, .outcome = TERN_DONE};
    counting->once = (struct tern_once){count_run, counting, count_answer, &counting->asked, NULL};
}

/* One request; its answer is in `work`, which is given back with tern_once_fini. */
static enum tern_outcome send_one(struct test_context *test, struct counting *counting, const char *operation,
                                  const char *key, struct tern_once_work *work)
{
    *work = (struct tern_once_work){.once = &counting->once};
    tern_once_ask(work, operation, key);
    return test_context_run(test, tern_once_run, work, NULL);
}

static void expect(struct test_context *test, struct counting *counting, const char *operation, const char *key,
                   bool replayed, const char *body)
{
    struct tern_once_work work;
    assert_int_equal(send_one(test, counting, operation, key, &work), TERN_DONE);
    assert_int_equal(work.replayed, replayed);
    assert_false(work.misused);
    assert_int_equal(work.answer.status, counting->status);
    assert_string_equal(work.answer.body.bytes ? work.answer.body.bytes : "", body);
    tern_once_fini(&work);
}

static void the_first_answer_comes_again_byte_for_byte(void **state)
{
    struct test_context *test = *state;
    struct counting counting;
    struct tern_once_work work;
    begin(&counting, 200);
    expect(test, &counting, "POST /a", "k", false, "{\"runs\":1}\n");
    expect(test, &counting, "POST /a", "k", true, "{\"runs\":1}\n");
    assert_int_equal(send_one(test, &counting, "POST /a", "k", &work), TERN_DONE);
    assert_string_equal(work.answer.headers.bytes, "ETag: \"1\"\n");
    tern_once_fini(&work);
    expect(test, &counting, "POST /a", "K", false, "{\"runs\":2}\n");
    expect(test, &counting, "POST /b", "k", false, "{\"runs\":3}\n"); /* a key belongs to a method and a path */
    counting.status = 204;
    expect(test, &counting, "POST /c", "k", false, "");
    expect(test, &counting, "POST /c", "k", true, "");
    assert_int_equal(counting.runs, 4);
}

static void without_a_key_everything_runs(void **state)
{
    struct test_context *test = *state;
    struct counting counting;
    struct tern_once_work work;
    begin(&counting, 200);
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(send_one(test, &counting, "POST /a", "", &work), TERN_DONE);
        assert_int_equal(counting.runs, i);
        tern_once_fini(&work);
    }
    assert_int_equal(test_store_number(test->ctx.db, "SELECT count(*) FROM idempotent_answers"), 0);
}

static void another_body_under_the_key_is_noticed(void **state)
{
    struct test_context *test = *state;
    struct counting counting;
    struct tern_once_work work;
    begin(&counting, 200);
    tern_text_add(&counting.asked, "{\"quantity\":1}");
    expect(test, &counting, "POST /a", "k", false, "{\"runs\":1}\n");
    tern_text_clear(&counting.asked);
    tern_text_add(&counting.asked, "{\"quantity\":2}");
    assert_int_equal(send_one(test, &counting, "POST /a", "k", &work), TERN_DONE);
    assert_true(work.misused);
    assert_int_equal(counting.runs, 1);
    tern_once_fini(&work);
    tern_text_fini(&counting.asked);
}

static void what_was_refused_may_be_mended_and_sent_again(void **state)
{
    struct test_context *test = *state;
    struct counting counting;
    struct tern_once_work work;
    begin(&counting, 409);
    assert_int_equal(send_one(test, &counting, "POST /a", "k", &work), TERN_DONE);
    assert_int_equal(work.answer.status, 409);
    assert_string_equal(work.content_type, "application/problem+json");
    tern_once_fini(&work);
    counting.outcome = TERN_REJECT;
    assert_int_equal(send_one(test, &counting, "POST /a", "k", &work), TERN_REJECT);
    tern_once_fini(&work);
    counting.outcome = TERN_DONE;
    counting.status = 200;
    expect(test, &counting, "POST /a", "k", false, "{\"runs\":3}\n");
    expect(test, &counting, "POST /a", "k", true, "{\"runs\":3}\n");
}

static void the_keys_of_an_older_order_service_stay_known(void **state)
{
    enum { OLD_STEPS = 4 };
    struct tern_migration old[OLD_STEPS + 1] = {{0}};
    struct tern_error err = {0};
    struct tern_db *db = NULL;
    struct tern_keyed_request request = {.operation = "POST /orders", .key = "basket"};
    struct tern_kept_answer answer = {0};
    (void)state;
    memcpy(old, order_migrations, OLD_STEPS * sizeof old[0]);
    assert_int_equal(tern_db_open("sqlite::memory:", &db, &err), 0);
    assert_int_equal(tern_db_migrate(db, "core", tern_core_migrations, &err), 0);
    assert_int_equal(tern_db_migrate(db, "service", old, &err), 0);
    tern_sha256("asked", 5, request.fingerprint);
    assert_int_equal(tern_db_run(db,
                                 "INSERT INTO idempotency_keys (operation, key, fingerprint, status, headers, body,"
                                 " kept_online_ms) VALUES ('POST /orders', 'basket', ?1, 201, 'ETag: \"1\"', '{}', 7)",
                                 TERN_DB_ARGS(tern_db_bytes(request.fingerprint, TERN_SHA256_SIZE)), &err),
                     1);
    assert_int_equal(tern_db_migrate(db, "service", order_migrations, &err), 0);
    assert_int_equal(tern_idempotency_find(db, &request, 1000, &answer, &err), TERN_KEY_ANSWERED);
    assert_int_equal(answer.status, 201);
    assert_string_equal(answer.headers.bytes, "ETag: \"1\"");
    assert_string_equal(answer.body.bytes, "{}");
    request.fingerprint[0] ^= 1;
    assert_int_equal(tern_idempotency_find(db, &request, 1000, &answer, &err), TERN_KEY_MISUSED);
    tern_text_fini(&answer.headers);
    tern_text_fini(&answer.body);
    tern_db_close(db);
}

static int set_up(void **state)
{
    struct test_context *test = test_calloc(1, sizeof *test);
    test_context_open(test, SHOP_SERVICE_ORDER, order_migrations, NULL);
    *state = test;
    return 0;
}

static int tear_down(void **state)
{
    test_context_close(*state);
    test_free(*state);
    return 0;
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_STORE(the_first_answer_comes_again_byte_for_byte),
        WITH_STORE(without_a_key_everything_runs),
        WITH_STORE(another_body_under_the_key_is_noticed),
        WITH_STORE(what_was_refused_may_be_mended_and_sent_again),
        cmocka_unit_test(the_keys_of_an_older_order_service_stay_known),
    };
    return cmocka_run_group_tests_name("idempotency", tests, NULL, NULL);
}
