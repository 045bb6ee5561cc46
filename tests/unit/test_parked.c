/* test_parked.c - what people may do about deferred messages: order, filters, paging, audit, and what they get to see.
 *
 * The unit of work runs what is tried again; the handler of OrderCancelled is the test's. */
#include "tern_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/inbox/inbox_store.h"
#include "common/inbox/parked_print.h"
#include "common/work/work.h"
#include "shop/catalogue.h"
#include "store.h"
#include "tern/inbox.h"
#include "test_runtime.h"

enum { BATCH_MAX = 8 };
#define ID(n)       "01a20a82-b729-723d-b48f-8e5b618ed60" #n
#define NUMBER(sql) test_store_number(runtime->app.ctx.db, sql)

static struct {
    char ran[256]; /* subjects and last digits of the ids, in order */
    bool rejects;  /* what the handler thinks of everything */
} play;

static enum tern_outcome on_cancelled(struct tern_context *ctx, const struct tern_event *event, struct tern_error *err)
{
    size_t length = strlen(play.ran);
    (void)ctx;
    (void)snprintf(play.ran + length, sizeof play.ran - length, "%s%c ", event->subject, event->event_id[35]);
    if (!play.rejects) return TERN_DONE;
    (void)tern_error_set(err, "never");
    return TERN_REJECT;
}

static const struct tern_handler handlers[] = {
    {SHOP_TYPE(ORDER_CANCELLED), on_cancelled}
};
static int set_up(void **state)
{
    struct test_runtime *runtime = test_malloc(sizeof *runtime);
    memset(&play, 0, sizeof play);
    test_runtime_open(runtime, TEST_IN_MEMORY, TEST_CLOCK_BY_HAND, BATCH_MAX);
    test_runtime_build_inbox(runtime, handlers, TERN_COUNT(handlers), 5, 200);
    *state = runtime;
    return 0;
}

static int tear_down(void **state)
{
    struct test_runtime *runtime = *state;
    test_runtime_close(runtime);
    test_free(runtime);
    return 0;
}

/* ---- what is deferred ---------------------------------------------------------------------------------------------- */

static const struct tern_parked_caller caller = {.now_ms = 50, .request_id = "req-1", .remote = "127.0.0.9"};
static const struct tern_parked_filter all = {.state = TERN_PARKED_ANY_STATE};

static int64_t hold(struct test_runtime *runtime, const char *id, const char *subject, enum tern_deferred_state how,
                    const char *reason, const char *body)
{
    struct tern_error err;
    struct tern_deferred deferred = {.state = how,
                                     .attempts = how == TERN_DEFERRED_PARKED ? 5 : 0,
                                     .first_at_ms = 10,
                                     .last_at_ms = 20,
                                     .error = "why not"};
    strcpy(deferred.event_id, id);
    strcpy(deferred.subject, subject);
    strcpy(deferred.type, "OrderCancelled");
    strcpy(deferred.reason, reason);
    deferred.body = tern_copy_text(body);
    deferred.body_length = strlen(body);
    if (tern_deferred_add(runtime->app.ctx.db, &deferred, &err) < 0) fail_msg("%s", err.text);
    tern_deferred_fini(&deferred);
    return deferred.position;
}

/* An event of this type, parked or behind. */
static void hold_event(struct test_runtime *runtime, const char *id, const char *type, const char *subject,
                       enum tern_deferred_state how, const char *reason)
{
    char body[1024];
    (void)snprintf(
        body, sizeof body,
        "{\"eventId\":\"%s\",\"eventType\":\"%s\",\"timestamp\":\"2026-11-23T14:30:00.123Z\","
        "\"producer\":\"order-service\",\"version\":\"1.0\",\"correlationId\":\"%s\",\"subject\":\"%s\","
        "\"data\":{\"orderId\":\"A\",\"paymentToken\":\"tok_very_secret\",\"customer\":{\"email\":\"a@b.c\"}}}",
        id, type, id, subject);
    bool readable = strcmp(reason, TERN_PARKED_UNKNOWN_TYPE) != 0;
    hold(runtime, readable ? id : "", readable ? subject : "", how, reason, body);
}

typedef int single_act(struct tern_db *db, const char *name, const struct tern_parked_caller *who,
                       struct tern_deferred *ret_deferred, struct tern_error *err);

/* As the admin command does it: a work of the writer. */
struct act_work {
    struct tern_work work;
    struct tern_retries *retries;
    single_act *what;
    const char *name;
    const struct tern_parked_filter *filter; /* of many, without a name */
    int limit, result;
};

static enum tern_outcome run_act(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    struct act_work *item = (struct act_work *)work;
    struct tern_deferred deferred = {0};
    const struct tern_parked_caller now = {ctx->now_ms, 0, caller.request_id, caller.remote};
    item->result = item->name ? item->what(ctx->db, item->name, &now, &deferred, err)
                              : tern_parked_retry_many(ctx->db, item->filter, item->limit, &now, err);
    tern_deferred_fini(&deferred);
    return item->result < 0 || tern_retries_load(item->retries, ctx, err) < 0 ? TERN_RETRY : TERN_DONE;
}

static void finish_act(struct tern_work *work, enum tern_work_end end)
{
    if (end != TERN_WORK_DONE) fail_msg("%s", work->err.text);
}

static const struct tern_work_kind act_kind = {.name = "act", .run = run_act, .finish = finish_act};

/* Then everything that became due has run. */
static int act_with(struct test_runtime *runtime, struct act_work *item)
{
    item->work.kind = &act_kind;
    item->retries = runtime->app.retries;
    tern_work_submit(&runtime->app.queue, &item->work);
    test_runtime_settle(runtime);
    return item->result;
}

static int act(struct test_runtime *runtime, single_act *what, const char *name)
{
    return act_with(runtime, &(struct act_work){.what = what, .name = name});
}

static int act_on_many(struct test_runtime *runtime, const struct tern_parked_filter *filter, int limit)
{
    return act_with(runtime, &(struct act_work){.filter = filter, .limit = limit});
}

static int note_name(void *self, const struct tern_deferred *deferred, struct tern_error *err)
{
    char *names = self, name[TERN_PARKED_NAME_SIZE];
    (void)err;
    tern_parked_name(deferred, name);
    size_t length = strlen(name);
    assert_null(deferred->body);
    strcat(strcat(names, length > 2 ? name + length - 2 : name), " ");
    return 0;
}

static void list_is(struct test_runtime *runtime, const struct tern_parked_filter *filter, int64_t behind, int limit,
                    const char *wanted)
{
    char names[256] = "";
    assert_true(tern_parked_list(runtime->app.ctx.db, filter, behind, limit, note_name, names, NULL) >= 0);
    assert_string_equal(names, wanted);
}

/* ---- acting ------------------------------------------------------------------------------------------------------ */

static void a_retried_message_runs_with_its_id_and_those_behind_it_follow_in_order(void **state)
{
    struct test_runtime *runtime = *state;
    hold_event(runtime, ID(1), "OrderCancelled", "A", TERN_DEFERRED_PARKED, TERN_PARKED_REJECTED);
    hold_event(runtime, ID(2), "OrderCancelled", "A", TERN_DEFERRED_BEHIND, "retry");
    hold_event(runtime, ID(3), "OrderCancelled", "B", TERN_DEFERRED_PARKED, TERN_PARKED_REJECTED);
    hold_event(runtime, ID(4), "OrderCancelled", "A", TERN_DEFERRED_BEHIND, "retry");
    assert_int_equal(act(runtime, tern_parked_retry, ID(1)), TERN_PARKED_DONE);
    assert_string_equal(play.ran, "A1 A2 A4 ");
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred"), 1);
    assert_int_equal(NUMBER("SELECT count(*) FROM inbox"), 3);
    test_runtime_metric(runtime, "tern_parked_messages 1");
    test_runtime_metric(runtime, "tern_deferred_messages 0");
}

static void a_retried_message_that_fails_again_is_parked_again_with_its_attempts_counted_anew(void **state)
{
    struct test_runtime *runtime = *state;
    play.rejects = true;
    hold_event(runtime, ID(1), "OrderCancelled", "A", TERN_DEFERRED_PARKED, TERN_PARKED_EXHAUSTED);
    hold_event(runtime, ID(2), "OrderCancelled", "A", TERN_DEFERRED_BEHIND, "retry");
    assert_int_equal(act(runtime, tern_parked_retry, ID(1)), TERN_PARKED_DONE);
    assert_string_equal(play.ran, "A1 ");
    assert_int_equal(NUMBER("SELECT attempts FROM deferred WHERE state = 2 AND reason = 'rejected'"), 1);
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred WHERE state = 1"), 1);
}

static void a_discarded_message_never_comes_back_and_the_next_of_its_subject_runs(void **state)
{
    struct test_runtime *runtime = *state;
    hold_event(runtime, ID(1), "OrderCancelled", "A", TERN_DEFERRED_PARKED, TERN_PARKED_REJECTED);
    hold_event(runtime, ID(2), "OrderCancelled", "A", TERN_DEFERRED_BEHIND, "retry");
    assert_int_equal(act(runtime, tern_parked_discard, ID(1)), TERN_PARKED_DONE);
    assert_string_equal(play.ran, "A2 ");
    assert_int_equal(tern_inbox_has(runtime->app.ctx.db, ID(1), NULL), 1);
    assert_int_equal(act(runtime, tern_parked_discard, ID(1)), TERN_PARKED_NONE);
    test_runtime_metric(runtime, "tern_parked_messages 0");
}

static void what_cannot_be_read_is_judged_anew_and_keeps_its_reason(void **state)
{
    struct test_runtime *runtime = *state;
    hold_event(runtime, ID(1), "NobodySaysThis", "A", TERN_DEFERRED_PARKED, TERN_PARKED_UNKNOWN_TYPE);
    hold(runtime, "", "", TERN_DEFERRED_PARKED, TERN_PARKED_MALFORMED, "{broken");
    hold(runtime, "", "", TERN_DEFERRED_PARKED, TERN_PARKED_OVERSIZED, "");
    for (int i = 1; i <= 3; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "raw-%d", i);
        assert_int_equal(act(runtime, tern_parked_retry, name), TERN_PARKED_DONE);
    }
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred WHERE state = 2 AND attempts = 1"), 3);
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred WHERE reason = 'unknown_type' AND position = 1"), 1);
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred WHERE reason = 'malformed' AND position = 2"), 1);
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred WHERE reason = 'oversized' AND error = 'why not'"), 1);
    assert_string_equal(play.ran, "");
}

static void what_has_become_readable_is_handled(void **state)
{
    struct test_runtime *runtime = *state;
    hold_event(runtime, ID(1), "OrderCancelled", "A", TERN_DEFERRED_PARKED, TERN_PARKED_UNKNOWN_TYPE);
    assert_int_equal(act(runtime, tern_parked_retry, "raw-1"), TERN_PARKED_DONE);
    assert_string_equal(play.ran, "A1 ");
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred"), 0);
}

static void only_what_is_parked_is_touched(void **state)
{
    struct test_runtime *runtime = *state;
    hold_event(runtime, ID(1), "OrderCancelled", "A", TERN_DEFERRED_PARKED, TERN_PARKED_REJECTED);
    hold_event(runtime, ID(2), "OrderCancelled", "A", TERN_DEFERRED_BEHIND, "retry");
    assert_int_equal(act(runtime, tern_parked_retry, ID(2)), TERN_PARKED_REFUSED);
    assert_int_equal(act(runtime, tern_parked_discard, ID(2)), TERN_PARKED_REFUSED);
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred WHERE state = 1"), 1);
    assert_int_equal(NUMBER("SELECT count(*) FROM parked_audit WHERE result = 'refused'"), 2);
    assert_int_equal(act(runtime, tern_parked_retry, ID(9)), TERN_PARKED_NONE);
    static const char *const nobody[] = {"raw-1", "raw-", "raw-01", "raw-9999999999999999999", "x", "raw-1x"};
    for (size_t i = 0; i < TERN_COUNT(nobody); i++)
        assert_int_equal(act(runtime, tern_parked_retry, nobody[i]), TERN_PARKED_NONE);
}

static void many_are_retried_by_filter_oldest_first_and_each_is_audited(void **state)
{
    struct test_runtime *runtime = *state;
    hold_event(runtime, ID(1), "OrderCancelled", "A", TERN_DEFERRED_PARKED, TERN_PARKED_REJECTED);
    hold_event(runtime, ID(2), "OrderCancelled", "A", TERN_DEFERRED_BEHIND, "retry");
    hold_event(runtime, ID(3), "OrderCancelled", "B", TERN_DEFERRED_PARKED, TERN_PARKED_REJECTED);
    hold_event(runtime, ID(4), "OrderCancelled", "C", TERN_DEFERRED_PARKED, TERN_PARKED_REJECTED);
    hold_event(runtime, ID(5), "OrderCancelled", "D", TERN_DEFERRED_PARKED, TERN_PARKED_EXHAUSTED);
    const struct tern_parked_filter rejected = {.reason = TERN_PARKED_REJECTED};
    const struct tern_parked_filter too_old = {.before_ms = 10};
    assert_int_equal(act_on_many(runtime, &too_old, 10), 0);
    assert_int_equal(act_on_many(runtime, &rejected, 2), 2);
    assert_string_equal(play.ran, "A1 B3 A2 ");
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred WHERE state = 2"), 2);
    assert_int_equal(NUMBER("SELECT count(*) FROM parked_audit WHERE action = 'retry' AND result = 'done'"), 2);
}

static int note_act(void *self, const struct tern_parked_act *done, struct tern_error *err)
{
    (void)err;
    strcat(strcat(strcat(strcat(self, done->action), "="), done->result), " ");
    assert_string_equal(done->request_id, "req-1");
    assert_string_equal(done->remote, "127.0.0.9");
    assert_true(done->at_ms > 0);
    return 0;
}

static void each_act_is_written_down_with_who_and_when(void **state)
{
    struct test_runtime *runtime = *state;
    char acts[128] = "";
    play.rejects = true;
    hold_event(runtime, ID(1), "OrderCancelled", "A", TERN_DEFERRED_PARKED, TERN_PARKED_REJECTED);
    act(runtime, tern_parked_retry, ID(1));
    act(runtime, tern_parked_discard, ID(1));
    assert_int_equal(tern_parked_acts(runtime->app.ctx.db, ID(1), note_act, acts, NULL), 2);
    assert_string_equal(acts, "retry=done discard=done ");
    assert_int_equal(NUMBER("SELECT attempts FROM parked_audit WHERE action = 'retry' AND type = 'OrderCancelled'"), 5);
}

static int do_all(struct tern_db *db, void *self, struct tern_error *err)
{
    struct tern_deferred deferred = {0};
    char names[256] = "";
    (void)self;
    int result = tern_parked_list(db, &all, 0, 10, note_name, names, err) < 0 ? -1 : 0;
    if (result == 0) result = tern_parked_retry(db, ID(1), &caller, &deferred, err);
    tern_deferred_fini(&deferred);
    if (result >= 0) result = tern_parked_retry_many(db, &all, 10, &caller, err);
    if (result >= 0) result = tern_parked_discard(db, ID(2), &caller, &deferred, err);
    tern_deferred_fini(&deferred);
    return result;
}

static void a_store_that_fails_is_told(void **state)
{
    struct test_runtime *runtime = *state;
    hold_event(runtime, ID(1), "OrderCancelled", "A", TERN_DEFERRED_PARKED, TERN_PARKED_REJECTED);
    hold_event(runtime, ID(2), "OrderCancelled", "B", TERN_DEFERRED_PARKED, TERN_PARKED_REJECTED);
    test_store_fail_each(runtime->app.ctx.db, do_all, NULL);
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

static void the_list_is_in_order_of_arrival_page_by_page(void **state)
{
    struct test_runtime *runtime = *state;
    hold_event(runtime, ID(1), "OrderCancelled", "A", TERN_DEFERRED_PARKED, TERN_PARKED_REJECTED);
    hold_event(runtime, ID(2), "OrderCancelled", "A", TERN_DEFERRED_BEHIND, "retry");
    hold(runtime, "", "", TERN_DEFERRED_PARKED, TERN_PARKED_MALFORMED, "x");
    list_is(runtime, &all, 0, 10, "01 02 -3 ");
    list_is(runtime, &all, 0, 2, "01 02 ");
    list_is(runtime, &all, 2, 2, "-3 ");
}

static void the_list_can_be_filtered(void **state)
{
    struct test_runtime *runtime = *state;
    hold_event(runtime, ID(1), "OrderCancelled", "A", TERN_DEFERRED_PARKED, TERN_PARKED_REJECTED);
    hold_event(runtime, ID(2), "OrderCancelled", "A", TERN_DEFERRED_BEHIND, "retry");
    hold_event(runtime, ID(3), "OrderCancelled", "B", TERN_DEFERRED_RETRY, "retry");
    const struct {
        struct tern_parked_filter filter;
        const char *wanted;
    } cases[] = {
        {{.state = TERN_DEFERRED_PARKED},                                   "01 "      },
        {{.state = TERN_DEFERRED_RETRY},                                    "03 "      },
        {{.state = TERN_PARKED_ANY_STATE, .subject = "A"},                  "01 02 "   },
        {{.state = TERN_PARKED_ANY_STATE, .reason = "rejected"},            "01 "      },
        {{.state = TERN_PARKED_ANY_STATE, .type = "OrderCancelled"},        "01 02 03 "},
        {{.state = TERN_PARKED_ANY_STATE, .type = "OrderPlaced"},           ""         },
        {{.state = TERN_PARKED_ANY_STATE, .before_ms = 10},                 ""         },
        {{.state = TERN_PARKED_ANY_STATE, .before_ms = 11, .since_ms = 10}, "01 02 03 "},
        {{.state = TERN_PARKED_ANY_STATE, .since_ms = 11},                  ""         },
    };
    for (size_t i = 0; i < TERN_COUNT(cases); i++)
        list_is(runtime, &cases[i].filter, 0, 10, cases[i].wanted);
}

static void shown_as(const void *body, size_t length, const char *wanted)
{
    struct tern_text out = {0};
    tern_parked_print_message(body, length, &out);
    assert_string_equal(out.bytes, wanted);
    tern_text_fini(&out);
}
#define SHOWN_AS(body, wanted) shown_as(body, sizeof(body) - 1, wanted)

static void a_body_is_shown_without_its_secrets(void **state)
{
    (void)state;
    SHOWN_AS(
        "{\"a\":[1.50,true,null],\"data\":{\"paymentToken\":\"tok_1\",\"customer\":{\"email\":\"a@b.c\",\"phone\":null}}}",
        ",\"encoding\":\"json\",\"message\":{\"a\":[1.50,true,null],\"data\":{\"paymentToken\":\"***\","
        "\"customer\":{\"email\":\"***\",\"phone\":null}}}");
    SHOWN_AS("{\"paymentToken\": \"tok 1\", \"x\": 1",
             ",\"encoding\":\"text\",\"message\":\"{\\\"paymentToken\\\": \\\"*****\\\", \\\"x\\\": 1\"");
    SHOWN_AS("to me@b.example 4111111111111111 now\n",
             ",\"encoding\":\"text\",\"message\":\"to ************ **************** now\\n\"");
    SHOWN_AS("\"token\":\"a\\\"b\",", ",\"encoding\":\"text\",\"message\":\"\\\"token\\\":\\\"****\\\",\"");
    SHOWN_AS("\"token\":\"a\\", ",\"encoding\":\"text\",\"message\":\"\\\"token\\\":\\\"**\"");
    SHOWN_AS("", ",\"encoding\":\"text\",\"message\":\"\"");
    SHOWN_AS("\xff\xfe\x00", ",\"encoding\":\"base64\",\"message\":\"//4A\"");
    SHOWN_AS("\xff\xfe", ",\"encoding\":\"base64\",\"message\":\"//4=\"");
    SHOWN_AS("\xff", ",\"encoding\":\"base64\",\"message\":\"/w==\"");
}

static void a_row_is_shown_with_all_that_is_known(void **state)
{
    struct test_runtime *runtime = *state;
    struct tern_text out = {0};
    struct tern_deferred deferred;
    hold(runtime, "", "", TERN_DEFERRED_PARKED, TERN_PARKED_MALFORMED, "abc");
    assert_int_equal(tern_parked_find(runtime->app.ctx.db, "raw-1", &deferred, NULL), 1);
    tern_parked_print_row(&deferred, &out);
    assert_string_equal(out.bytes, "{\"eventId\":\"raw-1\",\"eventType\":\"OrderCancelled\",\"subject\":null,"
                                   "\"state\":\"PARKED\",\"reason\":\"malformed\",\"error\":\"why not\",\"attempts\":5,"
                                   "\"firstAt\":\"1970-01-01T00:00:00.010Z\",\"lastAt\":\"1970-01-01T00:00:00.020Z\","
                                   "\"nextTryAt\":null,\"size\":3");
    tern_text_fini(&out);
    tern_deferred_fini(&deferred);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_retried_message_runs_with_its_id_and_those_behind_it_follow_in_order),
        T(a_retried_message_that_fails_again_is_parked_again_with_its_attempts_counted_anew),
        T(a_discarded_message_never_comes_back_and_the_next_of_its_subject_runs),
        T(what_cannot_be_read_is_judged_anew_and_keeps_its_reason),
        T(what_has_become_readable_is_handled),
        T(only_what_is_parked_is_touched),
        T(many_are_retried_by_filter_oldest_first_and_each_is_audited),
        T(each_act_is_written_down_with_who_and_when),
        T(a_store_that_fails_is_told),
        T(the_list_is_in_order_of_arrival_page_by_page),
        T(the_list_can_be_filtered),
        cmocka_unit_test(a_body_is_shown_without_its_secrets),
        T(a_row_is_shown_with_all_that_is_known),
    };
    return cmocka_run_group_tests_name("parked", tests, NULL, NULL);
}
