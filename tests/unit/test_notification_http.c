/* test_notification_http.c - notification-service in this process, without a broker: it writes, and tells what it wrote. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "raw_http.h"
#include "services/notification/notification.h"
#include "tern_test.h"
#include "test_app.h"
#include "test_context.h"
#include "wait_for.h"

static struct test_app shop;
static pthread_mutex_t unused = PTHREAD_MUTEX_INITIALIZER;

static atomic_bool mail_is_dead;

static int send_while_it_works(void *self, const struct channel_letter *letter, struct tern_error *err)
{
    (void)self;
    (void)letter;
    return atomic_load(&mail_is_dead) ? tern_error_set(err, "no mail today") : 0;
}

static int refuse(void *self, const struct channel_letter *letter, struct tern_error *err)
{
    (void)self;
    (void)letter;
    return tern_error_set(err, "the line is busy");
}

/* Its SMS never go out. */
static int open_with_a_dead_line(const struct tern_config *config, struct tern_log *log, void **ret_self,
                                 struct tern_error *err)
{
    if (notification_open(config, log, ret_self, err) < 0) return -1;
    struct notification_state *made = *ret_self;
    made->channels[0].send = send_while_it_works;
    made->channels[1].send = refuse;
    return 0;
}

static const struct tern_service notification = {
    .name = SHOP_SERVICE_NOTIFICATION,
    .config = notification_config,
    .migrations = notification_migrations,
    .catalogue = &shop_catalogue,
    .handlers = notification_handlers,
    .handler_count = NOTIFICATION_HANDLERS,
    .jobs = notification_jobs,
    .routes = notification_routes,
    .metrics = notification_metrics,
    .open = open_with_a_dead_line,
    .close = notification_close,
};

static int start(void **state)
{
    const char *const settings[] = {"ADMIN_EMAIL=boss@example.org", "RETRY_BACKOFF_MS=1", NULL};
    struct tern_error err = {0};
    (void)state;
    if (test_app_start(&shop, &notification, settings, &err) == 0) return 0;
    print_error("%s\n", err.text);
    return -1;
}

static int stop(void **state)
{
    (void)state;
    test_app_stop(&shop);
    return 0;
}

static enum tern_outcome consume(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    const struct tern_event *event = argument;
    for (size_t i = 0; i < NOTIFICATION_HANDLERS; i++)
        if (strcmp(notification_handlers[i].type->name, event->type) == 0)
            return notification_handlers[i].handle(ctx, event, err);
    return TERN_REJECT;
}

static void tell(enum shop_event event, const char *order_id, const void *payload)
{
    struct test_context maker = {.now_ms = 1, .foreign = shop.app.ids};
    struct tern_conversation conversation = {0};
    struct tern_event made;
    struct tern_error err = {0};
    test_context_event(&maker, event, order_id, payload, NULL, &made);
    strcpy(conversation.correlation_id, made.correlation_id);
    assert_int_equal(tern_app_command(&shop.app, consume, &made, &conversation, &err), TERN_COMMITTED);
    tern_event_fini(&made);
}

static void place(const char *order_id)
{
    struct shop_order_placed placed = {
        .customer_id = "CUST-1", .total_amount_minor = 1, .currency = "USD", .status = "CREATED", .created_at_ms = 1};
    placed.items.count = 1;
    placed.items.at[0] = (struct shop_line){.product_id = "P", .quantity = 1, .price_minor = 1};
    strcpy(placed.order_id, order_id);
    tell(SHOP_ORDER_PLACED, order_id, &placed);
}

static bool listed(const char *order_id, const char *contains)
{
    char text[160];
    struct raw_answer answer;
    (void)snprintf(text, sizeof text, "GET /notifications?orderId=%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                   order_id);
    raw_http_ask(shop.port, text, &answer);
    bool found = answer.status == 200 && strstr(answer.text, contains);
    raw_answer_fini(&answer);
    return found;
}

#define GET(path, status, contains) test_app_answers(&shop, "GET", path, "", NULL, status, contains)

static void what_was_written_about_an_order_is_listed(void **state)
{
    (void)state;
    place("ORD-1");
    place("ORD-2");
    TEST_WAIT(&unused, listed("ORD-1", "\"status\":\"SENT\""));
    GET("/notifications?orderId=ORD-1", 200,
        "{\"notifications\":[{\"notificationType\":\"ORDER_CONFIRMATION\",\"orderId\":\"ORD-1\",\"status\":\"SENT\",\"customerId\":\"CUST-1\","
        "\"recipient\":\"customer-CUST-1@example.com\",\"methods\":[\"EMAIL\"],\"title\":\"We have your order ORD-1\","
        "\"text\":\"Thank you for your order ORD-1 over 0.01 USD.");
    GET("/notifications?orderId=ORD-1", 200, "\"sentAt\":\"20");
    assert_false(listed("ORD-1", "ORD-2"));
    GET("/notifications", 200, "\"orderId\":\"ORD-2\"");
    GET("/notifications?orderId=ORD-3", 200, "{\"notifications\":[],\"nextCursor\":null}");
}

static void what_could_not_go_out_is_listed_as_such(void **state)
{
    const struct shop_payment_failed failed = {.order_id = "ORD-1",
                                               .customer_id = "CUST-1",
                                               .amount_minor = 1,
                                               .status = "FAILED",
                                               .error = "card declined",
                                               .processed_at_ms = 1};
    (void)state;
    tell(SHOP_PAYMENT_FAILED, "ORD-1", &failed);
    TEST_WAIT(&unused, listed("ORD-1", "\"methods\":[\"EMAIL\",\"SMS\"],\"failedMethods\":[\"SMS\"]"));
    GET("/metrics", 200, "tern_notifications_total{channel=\"SMS\",result=\"failed\"} 1");
    GET("/metrics", 200, "tern_jobs_total{kind=\"send\",result=\"again\"} 4");
}

static void a_message_that_went_nowhere_has_no_time_of_sending(void **state)
{
    const struct shop_product_out_of_stock out = {
        .order_id = "ORD-4", .product_id = "PROD-1", .requested = 2, .available = 1, .notified_at_ms = 1};
    (void)state;
    atomic_store(&mail_is_dead, true);
    tell(SHOP_PRODUCT_OUT_OF_STOCK, "ORD-4", &out);
    TEST_WAIT(&unused, listed("ORD-4", "\"status\":\"FAILED\""));
    GET("/notifications?orderId=ORD-4", 200, "\"recipient\":\"boss@example.org\"");
    GET("/notifications?orderId=ORD-4", 200, "\"failedAt\":\"20");
    assert_false(listed("ORD-4", "sentAt"));
}

/* The text of a member of the first page of `path`. */
static void member_of(const char *path, const char *name, char *ret_value, size_t size)
{
    char start[64];
    struct raw_answer answer;
    test_app_ask(&shop, "GET", path, "", NULL, &answer);
    (void)snprintf(start, sizeof start, "\"%s\":\"", name);
    const char *at = strstr(answer.body, start);
    assert_non_null(at);
    at += strlen(start);
    (void)snprintf(ret_value, size, "%.*s", (int)strcspn(at, "\""), at);
    raw_answer_fini(&answer);
}

static void letters_are_found_by_customer_type_and_status_in_pages(void **state)
{
    char cursor[128], path[256];
    (void)state;
    place("ORD-5");
    TEST_WAIT(&unused, listed("ORD-5", "\"status\":\"FAILED\"")); /* the mail is dead */
    GET("/notifications?customerId=CUST-1&type=ORDER_CONFIRMATION&status=FAILED", 200, "\"orderId\":\"ORD-5\"");
    GET("/notifications?status=FAILED&limit=1", 200, "\"orderId\":\"ORD-5\"");
    GET("/notifications?customerId=CUST-2", 200, "{\"notifications\":[],\"nextCursor\":null}");
    GET("/notifications?customerId=CUST-1&type=REFUND_CONFIRMATION", 200, "{\"notifications\":[],");
    member_of("/notifications?customerId=CUST-1&limit=1", "nextCursor", cursor, sizeof cursor);
    (void)snprintf(path, sizeof path, "/notifications?customerId=CUST-1&limit=1&cursor=%s", cursor);
    place("ORD-6"); /* arrives meanwhile, and moves no page */
    GET(path, 200, "\"notificationType\":\"PAYMENT_FAILURE\"");
    (void)snprintf(path, sizeof path, "/notifications?cursor=%s", cursor);
    GET(path, 400, "cursor must be one that an answer to the same query gave.");
}

static void what_cannot_be_asked_is_refused(void **state)
{
    (void)state;
    GET("/notifications?order=ORD-1", 400, "argument order is not known here");
    GET("/notifications?orderId=", 400, "orderId must be 1 to 64 characters");
    GET("/notifications?orderId=a%20b", 400, "orderId must be");
    GET("/notifications?status=sent", 400, "status must be WAITING, PENDING, SENT or FAILED.");
    GET("/notifications?cursor=1", 400, "cursor must be one that an answer to the same query gave.");
    test_app_answers(&shop, "POST", "/notifications", "", "{}", 405, "Allow:");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_about_an_order_is_listed),
        cmocka_unit_test(what_could_not_go_out_is_listed_as_such),
        cmocka_unit_test(a_message_that_went_nowhere_has_no_time_of_sending),
        cmocka_unit_test(letters_are_found_by_customer_type_and_status_in_pages),
        cmocka_unit_test(what_cannot_be_asked_is_refused),
    };
    return cmocka_run_group_tests_name("notification http", tests, start, stop);
}
