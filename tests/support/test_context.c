/* test_context.c - what the runtime does around a handler, without its threads. */
#include "test_context.h"

#include <string.h>

#include "common/base/ids.h"
#include "common/inbox/inbox_store.h"
#include "common/store/store.h"
#include "common/work/work.h"
#include "store.h"
#include "tern/inbox.h"
#include "tern_test.h"

enum { FIRST_SEED = 7, FOREIGN_SEED = 8 };
static const int64_t first_now_ms = INT64_C(1795530600123);

static int64_t read_hand(void *self)
{
    return *(const int64_t *)self;
}

void test_context_open(struct test_context *test, const char *service, const struct tern_migration *migrations,
                       void *self)
{
    memset(test, 0, sizeof *test);
    test->now_ms = first_now_ms;
    test->clock = (struct tern_clock){.wall_ms = read_hand, .steady_ms = read_hand, .self = &test->now_ms};
    test->ctx = (struct tern_context){
        .db = test_store_open(), .clock = &test->clock, .catalogue = &shop_catalogue, .service = service, .self = self};
    test->ctx.ids = tern_ids_create(&test->clock, FIRST_SEED);
    test->foreign = tern_ids_create(&test->clock, FOREIGN_SEED);
    if (tern_db_migrate(test->ctx.db, "service", migrations, &test->err) < 0) fail_msg("%s", test->err.text);
}

void test_context_close(struct test_context *test)
{
    tern_db_close(test->ctx.db);
    tern_ids_destroy(test->ctx.ids);
    tern_ids_destroy(test->foreign);
    tern_text_fini(&test->ctx.scratch);
}

void test_context_event(struct test_context *test, enum shop_event event, const char *subject, const void *payload,
                        const char *correlation_id, struct tern_event *ret_event)
{
    const struct tern_event_type *type = &shop_event_types[event];
    struct tern_event made = {.timestamp_ms = test->now_ms};
    struct tern_text data = {0}, body = {0};
    struct tern_error err = {0};

    tern_ids_uuid(test->foreign, made.event_id);
    tern_ids_uuid(test->foreign, made.causation_id);
    tern_ids_uuid(test->foreign, made.correlation_id);
    if (correlation_id) strcpy(made.correlation_id, correlation_id);
    strcpy(made.type, type->name);
    strcpy(made.version, event == SHOP_ORDER_PLACED ? "1.0" : type->version); /* as order-service publishes it */
    strcpy(made.producer, type->producer);
    strcpy(made.subject, subject);
    tern_schema_encode(shop_schema_of(event, made.version), payload, &data);
    tern_event_encode(&made, data.bytes, &body);
    if (tern_event_decode(body.bytes, body.length, ret_event, &err) < 0 || tern_event_lift(ret_event, type, &err) < 0)
        fail_msg("%s", err.text);
    tern_ids_traceparent(test->foreign, NULL, ret_event->traceparent);
    tern_text_fini(&data);
    tern_text_fini(&body);
}

static void begin_unit(struct test_context *test)
{
    struct tern_context *ctx = &test->ctx;

    memset(&test->err, 0, sizeof test->err);
    memset(&ctx->conversation, 0, sizeof ctx->conversation);
    ctx->emitted = ctx->jobs_added = ctx->timers_set = ctx->republished = 0;
    ctx->now_ms = test->now_ms;
    assert_int_equal(tern_db_begin(ctx->db, &test->err), 0);
}

static void undo(struct test_context *test)
{
    tern_db_rollback(test->ctx.db);
    tern_context_forget_numbers(&test->ctx);
}

static enum tern_outcome end_unit(struct test_context *test, enum tern_outcome outcome)
{
    struct tern_error err = {0};

    if (outcome != TERN_DONE)
        undo(test);
    else if (tern_db_commit(test->ctx.db, &err) < 0)
        fail_msg("%s", err.text);
    return outcome;
}

static enum tern_outcome handle(struct test_context *test, const struct tern_handler *handlers, size_t count,
                                const struct tern_event *event)
{
    struct tern_context *ctx = &test->ctx;
    const int added = tern_inbox_add(ctx->db, event->event_id, ctx->online_ms, &test->err);

    if (added <= 0) return added < 0 ? TERN_RETRY : TERN_DONE;
    strcpy(ctx->conversation.correlation_id, event->correlation_id);
    strcpy(ctx->conversation.causation_id, event->event_id);
    strcpy(ctx->conversation.traceparent, event->traceparent);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(handlers[i].type->name, event->type) == 0) return handlers[i].handle(ctx, event, &test->err);
    }
    fail_msg("nobody handles %s", event->type);
    return TERN_REJECT;
}

enum tern_outcome test_context_handle(struct test_context *test, const struct tern_handler *handlers, size_t count,
                                      const struct tern_event *event)
{
    begin_unit(test);
    return end_unit(test, handle(test, handlers, count, event));
}

enum tern_outcome test_context_run(struct test_context *test, tern_command *run, void *argument,
                                   const char *correlation_id)
{
    struct tern_conversation *conversation = &test->ctx.conversation;

    begin_unit(test);
    tern_ids_uuid(test->foreign, conversation->correlation_id);
    if (correlation_id) strcpy(conversation->correlation_id, correlation_id);
    tern_ids_traceparent(test->foreign, NULL, conversation->traceparent);
    return end_unit(test, run(&test->ctx, argument, &test->err));
}
