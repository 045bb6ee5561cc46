/* What a handler says: an envelope of the right conversation in the log, or nothing at all. */
#include "tern_test.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/ids.h"
#include "common/jobs/timers_store.h"
#include "common/outbox/log_store.h"
#include "common/store/store.h"
#include "common/work/work.h"
#include "store.h"
#include "tern/context.h"
#include "tern/event_log.h"
#include "tern/outbox.h"
#include "tern/timers.h"

#define PARENT "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"

static const struct tern_event_type types[] = {
    {.name = "PaymentProcessed", .version = "1.2", .producer = "payment-service"},
    {.name = "OrderPlaced",      .version = "1.0", .producer = "order-service"  },
    {.name = "PaymentFailed",    .version = "1.0", .producer = "payment-service"},
};
static const struct tern_catalogue catalogue = {.exchange = "events", .types = types, .type_count = TERN_COUNT(types)};

static int set_up(void **state)
{
    struct tern_context *ctx = test_calloc(1, sizeof *ctx);
    ctx->db = test_store_open();
    ctx->clock = &tern_clock_system;
    ctx->ids = tern_ids_create(ctx->clock, 7);
    ctx->catalogue = &catalogue;
    ctx->service = "payment-service";
    ctx->now_ms = 1795530600123;
    strcpy(ctx->conversation.correlation_id, "0b5c1e7a-8f0e-4c53-9d7a-111111111111");
    strcpy(ctx->conversation.causation_id, "0b5c1e7a-8f0e-4c53-9d7a-222222222222");
    strcpy(ctx->conversation.traceparent, PARENT);
    *state = ctx;
    return 0;
}

static int tear_down(void **state)
{
    struct tern_context *ctx = *state;
    tern_db_close(ctx->db);
    tern_ids_destroy(ctx->ids);
    tern_text_fini(&ctx->scratch);
    test_free(ctx);
    return 0;
}

static int decode(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    if (tern_event_decode(row->body, row->body_length, self, err) < 0) {
        return -1;
    }
    strcpy(((struct tern_event *)self)->traceparent, row->traceparent);
    assert_string_equal(((struct tern_event *)self)->event_id, row->event_id);
    assert_string_equal(((struct tern_event *)self)->type, row->type);
    assert_string_equal(((struct tern_event *)self)->subject, row->subject);
    assert_string_equal(((struct tern_event *)self)->correlation_id, row->correlation_id);
    assert_string_equal(((struct tern_event *)self)->causation_id, row->causation_id);
    return 0;
}

static void what_is_emitted_is_a_whole_envelope_of_this_conversation(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_error err;
    struct tern_emitted emitted;
    struct tern_event event;
    assert_int_equal(tern_emit(ctx, "PaymentProcessed", "ORD-1", "{\"orderId\":\"ORD-1\"}", &emitted, &err), 0);
    assert_int_equal(ctx->emitted, 1);
    assert_int_equal(ctx->last_seq, 1);
    assert_int_equal(emitted.seq, 1);
    assert_int_equal(emitted.subject_version, 1);
    assert_int_equal(tern_event_log_own(ctx->db, 0, -1, 10, decode, &event, &err), 1);
    assert_string_equal(event.event_id, emitted.event.event_id);
    assert_string_equal(event.type, "PaymentProcessed");
    assert_string_equal(event.version, "1.2");
    assert_string_equal(event.producer, "payment-service");
    assert_string_equal(event.subject, "ORD-1");
    assert_true(event.timestamp_ms == ctx->now_ms);
    assert_string_equal(event.correlation_id, ctx->conversation.correlation_id);
    assert_string_equal(event.causation_id, ctx->conversation.causation_id);
    assert_string_equal(tern_json_string(tern_json_member(event.data, "orderId")), "ORD-1");
    tern_event_fini(&event);
}

static void each_event_is_a_span_of_its_own_in_the_trace_of_its_cause(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_emitted first, second;
    assert_int_equal(tern_emit(ctx, "PaymentProcessed", "ORD-1", "{}", &first, NULL), 0);
    assert_int_equal(tern_emit(ctx, "PaymentProcessed", "ORD-1", "{}", &second, NULL), 0);
    assert_memory_equal(first.event.traceparent, PARENT, 36);
    assert_memory_equal(second.event.traceparent, PARENT, 36);
    assert_string_not_equal(first.event.traceparent, PARENT);
    assert_string_not_equal(first.event.traceparent, second.event.traceparent);
    assert_string_not_equal(first.event.event_id, second.event.event_id);
    assert_int_equal(second.subject_version, 2);
    assert_int_equal(ctx->emitted, 2);
}

static void the_first_event_of_a_conversation_has_no_cause(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_event event;
    ctx->conversation.causation_id[0] = '\0';
    assert_int_equal(tern_emit(ctx, "PaymentProcessed", "ORD-1", "{}", NULL, NULL), 0);
    assert_int_equal(test_store_number(ctx->db, "SELECT causation_id IS NULL FROM event_log"), 1);
    assert_int_equal(tern_event_log_own(ctx->db, 0, -1, 10, decode, &event, NULL), 1);
    assert_string_equal(event.causation_id, "");
    tern_event_fini(&event);
}

static void a_foreign_event_becomes_part_of_the_stream_and_is_not_published(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_error err;
    struct tern_event event, seen;
    static const char body[] = "{\"eventId\":\"0b5c1e7a-8f0e-4c53-9d7a-333333333333\",\"eventType\":\"OrderPlaced\","
                               "\"timestamp\":\"2026-11-23T14:30:00.123Z\",\"producer\":\"order-service\","
                               "\"version\":\"1.0\",\"correlationId\":\"0b5c1e7a-8f0e-4c53-9d7a-111111111111\","
                               "\"subject\":\"ORD-1\",\"data\":{\"x\":1}}";
    int64_t version = 0;
    assert_int_equal(tern_event_decode(body, sizeof body - 1, &event, &err), 0);
    assert_int_equal(tern_append_foreign(ctx, &event, &version, &err), 0);
    assert_int_equal(version, 1);
    assert_int_equal(ctx->emitted, 0);
    assert_int_equal(ctx->last_seq, 1);
    assert_int_equal(tern_append_foreign(ctx, &event, NULL, &err), 0);
    assert_int_equal(tern_event_log_own(ctx->db, 0, -1, 10, decode, &seen, &err), 0);
    assert_int_equal(tern_event_log_stream(ctx->db, "ORD-1", 0, 1, decode, &seen, &err), 1);
    assert_int_equal(seen.body_length, sizeof body - 1);
    assert_string_equal(seen.body, body);
    tern_event_fini(&seen);
    tern_event_fini(&event);
}

static void an_armed_timer_is_counted_from_the_unit_s_begin(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_timer timer;
    assert_int_equal(tern_timer_arm(ctx, "nudge", "ORD-1", 50, "", NULL), 0);
    assert_int_equal(ctx->timers_set, 1);
    assert_int_equal(tern_timer_take_due(ctx->db, ctx->now_ms + 49, &timer, NULL), 0);
    assert_int_equal(tern_timer_take_due(ctx->db, ctx->now_ms + 50, &timer, NULL), 1);
}

static void what_is_emitted_is_numbered_by_its_type_without_a_gap(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_emitted first, undone, second, other;
    struct tern_error err;
    assert_int_equal(tern_db_begin(ctx->db, &err), 0);
    assert_int_equal(tern_emit(ctx, "PaymentProcessed", "ORD-1", "{}", &first, &err), 0);
    assert_int_equal(tern_db_savepoint(ctx->db, &err), 0);
    assert_int_equal(tern_emit(ctx, "PaymentProcessed", "ORD-1", "{}", &undone, &err), 0);
    assert_int_equal(tern_db_undo(ctx->db, &err), 0);
    tern_context_forget_numbers(ctx);
    assert_int_equal(tern_emit(ctx, "PaymentProcessed", "ORD-2", "{}", &second, &err), 0);
    assert_int_equal(tern_emit(ctx, "PaymentFailed", "ORD-2", "{}", &other, &err), 0);
    assert_int_equal(tern_db_commit(ctx->db, &err), 0);
    assert_int_equal(first.event.number, 1);
    assert_int_equal(undone.event.number, 2);
    assert_int_equal(second.event.number, 2);
    assert_int_equal(other.event.number, 1);
}

/* The exit of a child that emits something it must not: a broken invariant stops the process. */
static int status_of_emitting(struct tern_context *ctx, const char *type)
{
    pid_t child = fork();
    if (child == 0) {
        close(STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        tern_emit(ctx, type, "ORD-1", "{}", NULL, NULL);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void saying_what_is_not_ours_to_say_stops_the_process(void **state)
{
    assert_int_not_equal(status_of_emitting(*state, "OrderPlaced"), 0);
    assert_int_not_equal(status_of_emitting(*state, "NoSuchEvent"), 0);
    assert_int_equal(status_of_emitting(*state, "PaymentProcessed"), 0);
}

static int do_emit(struct tern_db *db, void *self, struct tern_error *err)
{
    struct tern_context *ctx = self;
    int64_t before = ctx->emitted;
    (void)db;
    int result = tern_emit(ctx, "PaymentProcessed", "ORD-1", "{}", NULL, err);
    assert_int_equal(ctx->emitted, before + (result == 0));
    return result;
}

static void an_event_that_was_not_stored_is_not_counted(void **state)
{
    struct tern_context *ctx = *state;
    test_store_fail_each(ctx->db, do_emit, ctx);
    assert_int_equal(ctx->emitted, 1);
    assert_int_equal(test_store_number(ctx->db, "SELECT count(*) FROM event_log"), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(what_is_emitted_is_a_whole_envelope_of_this_conversation),
        T(each_event_is_a_span_of_its_own_in_the_trace_of_its_cause),
        T(the_first_event_of_a_conversation_has_no_cause),
        T(a_foreign_event_becomes_part_of_the_stream_and_is_not_published),
        T(what_is_emitted_is_numbered_by_its_type_without_a_gap),
        T(an_armed_timer_is_counted_from_the_unit_s_begin),
        T(saying_what_is_not_ours_to_say_stops_the_process),
        T(an_event_that_was_not_stored_is_not_counted),
    };
    return cmocka_run_group_tests_name("context", tests, NULL, NULL);
}
