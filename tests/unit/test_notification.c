/* test_notification.c - what notification-service writes to whom about every event: once each, when the contact is known,
 * by every method, and what it publishes about messages that could not go out. */
#include <stdio.h>
#include <string.h>

#include "services/notification/notification.h"
#include "store.h"
#include "tern_test.h"
#include "test_emitted.h"
#include "test_jobs.h"

/* A channel of these tests: it counts, keeps the last letter, and fails as often as it is set to. */
struct post {
    int sent, failures; /* failures: how often it still fails; -1 always */
    bool silent;        /* fails without a word */
    char recipient[SHOP_TEXT_SIZE], title[MESSAGE_TITLE_SIZE], key[TERN_JOB_KEY_SIZE];
    int tries;
};

struct world {
    struct test_context test;
    struct notification_state service;
    struct test_jobs jobs;
    struct post mail, sms;
};

static int send_letter(void *self, const struct channel_letter *letter, struct tern_error *err)
{
    struct post *post = self;
    post->tries++;
    if (post->failures != 0) {
        if (post->failures > 0) post->failures--;
        *err = (struct tern_error){0};
        return post->silent ? -1 : tern_error_set(err, "the line is busy");
    }
    if (post->key[0] && strcmp(post->key, letter->key) == 0) fail_msg("%s went out twice", letter->key);
    post->sent++;
    strcpy(post->recipient, letter->recipient);
    strcpy(post->title, letter->title);
    strcpy(post->key, letter->key);
    return 0;
}

static void begin(struct world *world)
{
    memset(world, 0, sizeof *world);
    world->service.admin_email = "admin@store.com";
    world->service.channels[0] = (struct channel){SHOP_METHOD_EMAIL, send_letter, &world->mail};
    world->service.channels[1] = (struct channel){SHOP_METHOD_SMS, send_letter, &world->sms};
    test_context_open(&world->test, SHOP_SERVICE_NOTIFICATION, notification_migrations, &world->service);
    world->jobs = (struct test_jobs){.kinds = notification_jobs, .self = &world->service};
}

static int set_up(void **state)
{
    *state = test_malloc(sizeof(struct world));
    begin(*state);
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    test_context_close(&world->test);
    test_free(world);
    return 0;
}

/* ---- events, each with an id of its own ---- */

/* Every event of an order that is consumed here. */
union payload {
    char order_id[TERN_ID_SIZE];
    struct shop_order_placed placed;
    struct shop_order_updated updated;
    struct shop_order_cancelled cancelled;
    struct shop_payment_processed processed;
    struct shop_payment_failed failed;
    struct shop_payment_refunded refunded;
    struct shop_product_out_of_stock out;
};

static void fill(enum shop_event event, int64_t now_ms, union payload *payload)
{
    const struct shop_lines lines = {1, {{.product_id = "P", .quantity = 1, .price_minor = 100}}};
    memset(payload, 0, sizeof *payload);
    switch (event) {
    case SHOP_ORDER_PLACED:
        payload->placed = (struct shop_order_placed){.customer_id = "CUST-1",
                                                     .items = lines,
                                                     .total_amount_minor = 100,
                                                     .currency = "USD",
                                                     .status = "CREATED",
                                                     .created_at_ms = now_ms};
        break;
    case SHOP_ORDER_UPDATED:
        payload->updated = (struct shop_order_updated){
            .customer_id = "CUST-1", .status = "PAID", .previous_status = "CREATED", .updated_at_ms = now_ms};
        break;
    case SHOP_ORDER_CANCELLED:
        payload->cancelled = (struct shop_order_cancelled){
            .customer_id = "CUST-1", .items = lines, .reason = SHOP_REASON_OUT_OF_STOCK, .cancelled_at_ms = now_ms};
        break;
    case SHOP_PAYMENT_PROCESSED:
        payload->processed = (struct shop_payment_processed){.customer_id = "CUST-1",
                                                             .amount_minor = 100,
                                                             .status = "SUCCESS",
                                                             .transaction_id = "TXN-1",
                                                             .processed_at_ms = now_ms};
        break;
    case SHOP_PAYMENT_FAILED:
        payload->failed = (struct shop_payment_failed){.customer_id = "CUST-1",
                                                       .amount_minor = 100,
                                                       .status = "FAILED",
                                                       .error = "card declined",
                                                       .processed_at_ms = now_ms};
        break;
    case SHOP_PAYMENT_REFUNDED:
        payload->refunded = (struct shop_payment_refunded){.customer_id = "CUST-1",
                                                           .amount_minor = 100,
                                                           .transaction_id = "TXN-1",
                                                           .refund_id = "REF-1",
                                                           .refunded_at_ms = now_ms};
        break;
    case SHOP_PRODUCT_OUT_OF_STOCK:
        payload->out = (struct shop_product_out_of_stock){
            .product_id = "PROD-1", .requested = 3, .available = 1, .notified_at_ms = now_ms};
        break;
    default: fail_msg("%s", "nobody sends that here");
    }
}

static void make(struct world *world, enum shop_event event, const union payload *other, struct tern_event *ret_event)
{
    union payload payload;
    if (other)
        payload = *other;
    else
        fill(event, world->test.now_ms, &payload);
    if (!payload.order_id[0]) strcpy(payload.order_id, "ORD-1");
    test_context_event(&world->test, event, payload.order_id, &payload, NULL, ret_event);
}

static void tell_this(struct world *world, enum shop_event event, const union payload *payload)
{
    struct tern_event made;
    make(world, event, payload, &made);
    if (test_context_handle(&world->test, notification_handlers, NOTIFICATION_HANDLERS, &made) != TERN_DONE)
        fail_msg("%s", world->test.err.text);
    tern_event_fini(&made);
}

static void tell(struct world *world, enum shop_event event)
{
    tell_this(world, event, NULL);
}

static void send_all(struct world *world)
{
    test_jobs_finish_all(&world->test, &world->jobs);
}

/* The order's own confirmation is out of the way. */
static void begin_order(struct world *world)
{
    tell(world, SHOP_ORDER_PLACED);
    send_all(world);
    world->mail = (struct post){0};
    test_emitted_clear(&world->test);
}

#define NUMBER(world, sql) test_store_number((world)->test.ctx.db, sql)

/* ---- one message per event ---- */

static const struct {
    enum shop_event event;
    const char *type, *title;
    bool to_admin, by_sms;
} wordings[] = {
    {SHOP_ORDER_PLACED,         "ORDER_CONFIRMATION",   "We have your order ORD-1",         false, false},
    {SHOP_PAYMENT_PROCESSED,    "PAYMENT_CONFIRMATION", "Payment received for order ORD-1", false, false},
    {SHOP_PAYMENT_FAILED,       "PAYMENT_FAILURE",      "Payment failed for order ORD-1",   false, true },
    {SHOP_ORDER_UPDATED,        "ORDER_STATUS_UPDATE",  "Your order ORD-1 is now PAID",     false, false},
    {SHOP_ORDER_CANCELLED,      "ORDER_CANCELLATION",   "Your order ORD-1 is cancelled",    false, false},
    {SHOP_PAYMENT_REFUNDED,     "REFUND_CONFIRMATION",  "Refund for order ORD-1",           false, false},
    {SHOP_PRODUCT_OUT_OF_STOCK, "INVENTORY_ALERT",      "Out of stock: PROD-1",             true,  false},
};

static void every_event_is_one_message_to_the_one_whom_it_concerns(void **state)
{
    struct world *world = *state;
    assert_int_equal(TERN_COUNT(wordings), NOTIFICATION_HANDLERS);
    for (size_t i = 0; i < TERN_COUNT(wordings); i++) {
        struct shop_notification_sent sent;
        test_context_close(&world->test);
        begin(world);
        if (wordings[i].event != SHOP_ORDER_PLACED) begin_order(world);
        tell(world, wordings[i].event);
        test_emitted(&world->test, "");
        send_all(world);
        const char *recipient = wordings[i].to_admin ? "admin@store.com" : "customer-CUST-1@example.com";
        assert_int_equal(world->mail.sent, 1);
        assert_string_equal(world->mail.title, wordings[i].title);
        assert_string_equal(world->mail.recipient, recipient);
        assert_int_equal(world->sms.sent, wordings[i].by_sms);
        assert_string_equal(world->sms.recipient, wordings[i].by_sms ? "+1234567890" : "");
        test_emitted(&world->test, "NotificationSent");
        test_emitted_last(&world->test, SHOP_NOTIFICATION_SENT, &sent);
        assert_string_equal(sent.notification_type, wordings[i].type);
        assert_string_equal(sent.recipient, recipient);
        assert_string_equal(sent.order_id, "ORD-1");
        assert_string_equal(sent.product_id, wordings[i].to_admin ? "PROD-1" : "");
        assert_string_equal(sent.method, wordings[i].by_sms ? "" : "EMAIL");
        assert_int_equal(sent.methods.count, wordings[i].by_sms ? 2 : 0);
        if (wordings[i].by_sms) assert_string_equal(sent.methods.at[0], "EMAIL");
        if (wordings[i].by_sms) assert_string_equal(sent.methods.at[1], "SMS");
    }
}

static void what_is_emitted_belongs_to_the_conversation_of_the_event(void **state)
{
    static const char caused[] = "SELECT count(*) FROM event_log WHERE correlation_id = ?1 AND causation_id = ?2";
    struct world *world = *state;
    struct tern_event event;
    struct tern_error err = {0};
    int64_t count = 0;
    make(world, SHOP_ORDER_PLACED, NULL, &event);
    assert_int_equal(test_context_handle(&world->test, notification_handlers, NOTIFICATION_HANDLERS, &event),
                     TERN_DONE);
    send_all(world);
    assert_int_equal(tern_db_get_int(world->test.ctx.db, caused,
                                     TERN_DB_ARGS(tern_db_text(event.correlation_id), tern_db_text(event.event_id)),
                                     &count, &err),
                     1);
    assert_int_equal(count, 1);
    tern_event_fini(&event);
}

static void contacts_that_the_order_names_are_used(void **state)
{
    struct world *world = *state;
    union payload payload;
    fill(SHOP_ORDER_PLACED, 1, &payload);
    payload.placed.customer.given = true;
    strcpy(payload.placed.customer.email, "ann@example.org");
    strcpy(payload.placed.customer.phone, "+4912345");
    tell_this(world, SHOP_ORDER_PLACED, &payload);
    tell(world, SHOP_PAYMENT_FAILED);
    send_all(world);
    assert_string_equal(world->mail.recipient, "ann@example.org");
    assert_string_equal(world->sms.recipient, "+4912345");
}

static void half_a_contact_is_filled_up_with_the_default(void **state)
{
    struct world *world = *state;
    union payload payload;
    fill(SHOP_ORDER_PLACED, 1, &payload);
    payload.placed.customer.given = true;
    strcpy(payload.placed.customer.phone, "+4912345");
    tell_this(world, SHOP_ORDER_PLACED, &payload);
    tell(world, SHOP_PAYMENT_FAILED);
    send_all(world);
    assert_string_equal(world->mail.recipient, "customer-CUST-1@example.com");
    assert_string_equal(world->sms.recipient, "+4912345");
}

/* ---- once ---- */

static void the_same_news_again_is_no_second_message(void **state)
{
    struct world *world = *state;
    for (size_t i = 0; i < TERN_COUNT(wordings); i++) {
        if (wordings[i].event == SHOP_ORDER_UPDATED) continue;
        test_context_close(&world->test);
        begin(world);
        if (wordings[i].event != SHOP_ORDER_PLACED) begin_order(world);
        tell(world, wordings[i].event);
        tell(world, wordings[i].event); /* another event id, as if the inbox had forgotten */
        send_all(world);
        tell(world, wordings[i].event);
        send_all(world);
        assert_int_equal(world->mail.sent, 1);
        test_emitted(&world->test, "NotificationSent");
    }
}

static void each_change_of_status_is_written_about(void **state)
{
    struct world *world = *state;
    begin_order(world);
    tell(world, SHOP_ORDER_UPDATED);
    tell(world, SHOP_ORDER_UPDATED);
    send_all(world);
    assert_int_equal(world->mail.sent, 2);
}

static void another_product_is_another_alert(void **state)
{
    struct world *world = *state;
    union payload payload;
    fill(SHOP_PRODUCT_OUT_OF_STOCK, 1, &payload);
    tell(world, SHOP_PRODUCT_OUT_OF_STOCK); /* the administrator's address needs no order */
    strcpy(payload.out.product_id, "PROD-2");
    tell_this(world, SHOP_PRODUCT_OUT_OF_STOCK, &payload);
    send_all(world);
    assert_int_equal(world->mail.sent, 2);
}

/* ---- before the order ---- */

static void what_comes_before_the_order_waits_for_its_contact(void **state)
{
    struct world *world = *state;
    tell(world, SHOP_PAYMENT_FAILED);
    tell(world, SHOP_ORDER_UPDATED);
    tell(world, SHOP_ORDER_CANCELLED);
    assert_int_equal(NUMBER(world, "SELECT count(*) FROM notification WHERE status = 'WAITING' AND recipient IS NULL"),
                     3);
    assert_int_equal(NUMBER(world, "SELECT count(*) FROM job"), 0);
    tell(world, SHOP_ORDER_PLACED);
    assert_int_equal(NUMBER(world, "SELECT count(*) FROM notification WHERE status = 'PENDING' AND"
                                   " recipient = 'customer-CUST-1@example.com'"),
                     4);
    send_all(world);
    assert_int_equal(world->mail.sent, 4);
    assert_int_equal(world->sms.sent, 1);
    assert_string_equal(world->sms.recipient, "+1234567890");
    assert_int_equal(NUMBER(world, "SELECT count(*) FROM notification WHERE status = 'SENT'"), 4);
    test_emitted(&world->test, "NotificationSent NotificationSent NotificationSent NotificationSent");
}

static void other_orders_do_not_open_what_waits(void **state)
{
    struct world *world = *state;
    union payload payload;
    tell(world, SHOP_PAYMENT_PROCESSED);
    fill(SHOP_ORDER_PLACED, 1, &payload);
    strcpy(payload.order_id, "ORD-2");
    tell_this(world, SHOP_ORDER_PLACED, &payload);
    assert_int_equal(NUMBER(world, "SELECT count(*) FROM notification WHERE status = 'WAITING'"), 1);
}

/* ---- channels that fail ---- */

static void only_what_is_missing_is_sent_again(void **state)
{
    struct world *world = *state;
    struct shop_notification_sent sent;
    begin_order(world);
    world->sms.failures = 2;
    tell(world, SHOP_PAYMENT_FAILED);
    send_all(world);
    assert_int_equal(world->mail.tries, 1);
    assert_int_equal(world->sms.tries, 3);
    assert_int_equal(world->sms.sent, 1);
    test_emitted(&world->test, "NotificationSent");
    test_emitted_last(&world->test, SHOP_NOTIFICATION_SENT, &sent);
    assert_int_equal(sent.methods.count, 2);
    assert_int_equal(NUMBER(world,
                            "SELECT count(*) FROM notification WHERE type = 'PAYMENT_FAILURE' AND status = 'SENT'"
                            " AND sent = 'EMAIL SMS' AND failed = '' AND settled_at IS NOT NULL"),
                     1);
}

static void a_method_that_is_given_up_is_published_and_the_rest_went_out(void **state)
{
    struct world *world = *state;
    struct shop_notification_failed failed;
    struct shop_notification_sent sent;
    begin_order(world);
    world->sms.failures = -1;
    tell(world, SHOP_PAYMENT_FAILED);
    send_all(world);
    assert_int_equal(world->sms.tries, TEST_MOST_ATTEMPTS);
    assert_int_equal(world->mail.sent, 1);
    test_emitted(&world->test, "NotificationFailed NotificationSent");
    test_emitted_last(&world->test, SHOP_NOTIFICATION_FAILED, &failed);
    assert_string_equal(failed.notification_type, "PAYMENT_FAILURE");
    assert_string_equal(failed.order_id, "ORD-1");
    assert_string_equal(failed.method, "SMS");
    assert_string_equal(failed.error, "the line is busy");
    test_emitted_last(&world->test, SHOP_NOTIFICATION_SENT, &sent);
    assert_string_equal(sent.method, "EMAIL");
    assert_int_equal(NUMBER(world,
                            "SELECT count(*) FROM notification WHERE type = 'PAYMENT_FAILURE' AND status = 'SENT'"
                            " AND sent = 'EMAIL' AND failed = 'SMS'"),
                     1);
}

static void when_nothing_went_out_the_message_failed(void **state)
{
    struct world *world = *state;
    begin_order(world);
    world->sms.failures = world->mail.failures = -1;
    world->sms.silent = true; /* a channel that does not even give a reason */
    tell(world, SHOP_PAYMENT_FAILED);
    send_all(world);
    test_emitted(&world->test, "NotificationFailed NotificationFailed");
    assert_int_equal(NUMBER(world, "SELECT count(*) FROM notification WHERE type = 'PAYMENT_FAILURE' AND"
                                   " status = 'FAILED' AND sent = '' AND failed = 'EMAIL SMS' AND"
                                   " settled_at IS NOT NULL"),
                     1);
}

static void until_the_last_method_is_settled_the_message_is_open(void **state)
{
    struct world *world = *state;
    begin_order(world);
    tell(world, SHOP_PAYMENT_FAILED);
    assert_true(test_jobs_step(&world->test, &world->jobs));
    test_emitted(&world->test, "");
    assert_int_equal(NUMBER(world, "SELECT count(*) FROM notification WHERE type = 'PAYMENT_FAILURE' AND"
                                   " status = 'PENDING' AND sent = 'EMAIL' AND settled_at IS NULL"),
                     1);
    assert_true(test_jobs_step(&world->test, &world->jobs));
    test_emitted(&world->test, "NotificationSent");
    assert_false(test_jobs_step(&world->test, &world->jobs));
}

static void any_text_arrives_as_it_was_written(void **state)
{
    struct world *world = *state;
    union payload payload;
    begin_order(world);
    fill(SHOP_PAYMENT_FAILED, 1, &payload);
    payload.failed.error[0] = '\0';
    for (int i = 0; i < SHOP_TEXT_CHARACTERS / 2; i++)
        strcat(payload.failed.error, "\"\xe2\x82\xac");
    tell_this(world, SHOP_PAYMENT_FAILED, &payload);
    send_all(world);
    assert_int_equal(world->mail.sent, 1);
    assert_int_equal(world->sms.tries, 1);
}

/* ---- a store that fails anywhere, events that make no sense ---- */

struct unit {
    struct world *world;
    struct tern_event event;
};

static int run_unit(struct tern_db *db, void *self, struct tern_error *err)
{
    struct unit *unit = self;
    (void)db;
    strcpy(unit->world->test.ctx.conversation.correlation_id, "0b5c1e7a-8f0e-4c53-9d7a-111111111111");
    for (size_t i = 0; i < NOTIFICATION_HANDLERS; i++) {
        if (strcmp(notification_handlers[i].type->name, unit->event.type) != 0) continue;
        enum tern_outcome outcome = notification_handlers[i].handle(&unit->world->test.ctx, &unit->event, err);
        assert_int_not_equal(outcome, TERN_REJECT);
        return outcome == TERN_DONE ? 0 : -1;
    }
    return -1;
}

static void each_failing_call_to_the_store_is_a_retry(void **state)
{
    struct unit unit = {.world = *state};
    static const enum shop_event events[] = {SHOP_PAYMENT_FAILED, SHOP_ORDER_PLACED, SHOP_ORDER_CANCELLED,
                                             SHOP_PRODUCT_OUT_OF_STOCK};
    for (size_t i = 0; i < TERN_COUNT(events); i++) {
        make(unit.world, events[i], NULL, &unit.event);
        test_store_fail_each(unit.world->test.ctx.db, run_unit, &unit);
        tern_event_fini(&unit.event);
    }
    send_all(unit.world);
    assert_int_equal(unit.world->mail.sent, 4);
    assert_int_equal(unit.world->sms.sent, 1);
}

/* The outcome of the only job. */
static int finish_one(struct tern_db *db, void *self, struct tern_error *err)
{
    struct world *world = self;
    const struct tern_job job = {.kind = NOTIFICATION_JOB_SEND, .key = "1:EMAIL", .subject = "ORD-1"};
    const struct tern_job_run run = {.code = 1}; /* sent */
    (void)db;
    return notification_jobs[0].finish(&world->test.ctx, &job, &run, err) == TERN_DONE ? 0 : -1;
}

static void each_failing_call_while_an_outcome_is_recorded_is_a_retry(void **state)
{
    struct world *world = *state;
    tell(world, SHOP_ORDER_PLACED);
    strcpy(world->test.ctx.conversation.correlation_id, "0b5c1e7a-8f0e-4c53-9d7a-111111111111");
    test_store_fail_each(world->test.ctx.db, finish_one, world);
    test_emitted(&world->test, "NotificationSent");
    assert_int_equal(NUMBER(world, "SELECT count(*) FROM notification WHERE status = 'SENT' AND sent = 'EMAIL'"), 1);
}

static void what_cannot_be_understood_is_parked(void **state)
{
    struct world *world = *state;
    for (size_t i = 0; i < NOTIFICATION_HANDLERS; i++) {
        const struct shop_inventory_released other = {.order_id = "ORD-1", .released_at_ms = 1};
        struct tern_event event;
        test_context_event(&world->test, SHOP_INVENTORY_RELEASED, "ORD-1", &other, NULL, &event);
        strcpy(event.type, notification_handlers[i].type->name);
        assert_int_equal(test_context_handle(&world->test, notification_handlers, NOTIFICATION_HANDLERS, &event),
                         TERN_REJECT);
        assert_true(world->test.err.text[0] != '\0');
        tern_event_fini(&event);
    }
    assert_int_equal(NUMBER(world, "SELECT count(*) FROM notification"), 0);
}

static void every_event_that_the_catalogue_sends_here_has_a_handler(void **state)
{
    size_t consumed = 0;
    (void)state;
    for (int event = 0; event < SHOP_EVENT_COUNT; event++)
        consumed += tern_catalogue_consumes(&shop_event_types[event], SHOP_SERVICE_NOTIFICATION);
    assert_int_equal(consumed, NOTIFICATION_HANDLERS);
    for (size_t i = 0; i < NOTIFICATION_HANDLERS; i++)
        assert_true(tern_catalogue_consumes(notification_handlers[i].type, SHOP_SERVICE_NOTIFICATION));
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(every_event_is_one_message_to_the_one_whom_it_concerns),
        WITH(what_is_emitted_belongs_to_the_conversation_of_the_event),
        WITH(contacts_that_the_order_names_are_used),
        WITH(half_a_contact_is_filled_up_with_the_default),
        WITH(the_same_news_again_is_no_second_message),
        WITH(each_change_of_status_is_written_about),
        WITH(another_product_is_another_alert),
        WITH(what_comes_before_the_order_waits_for_its_contact),
        WITH(other_orders_do_not_open_what_waits),
        WITH(only_what_is_missing_is_sent_again),
        WITH(a_method_that_is_given_up_is_published_and_the_rest_went_out),
        WITH(when_nothing_went_out_the_message_failed),
        WITH(until_the_last_method_is_settled_the_message_is_open),
        WITH(any_text_arrives_as_it_was_written),
        WITH(each_failing_call_to_the_store_is_a_retry),
        WITH(each_failing_call_while_an_outcome_is_recorded_is_a_retry),
        WITH(what_cannot_be_understood_is_parked),
        cmocka_unit_test(every_event_that_the_catalogue_sends_here_has_a_handler),
    };
    return cmocka_run_group_tests_name("notification", tests, NULL, NULL);
}
