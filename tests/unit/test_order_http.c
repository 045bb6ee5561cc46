/* test_order_http.c - the API of order-service over a real socket: the whole service in this process, without a broker.
 *
 * There is nothing at its broker's address, so each answer also shows that orders are taken while the broker is away. */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/service/app.h"
#include "common/service/idempotency.h"
#include "order_api.h"
#include "services/order/place_order.h"

/* ---- placing ----------------------------------------------------------------------------------------------- */

static void an_order_is_created_with_location_and_etag(void **state)
{
    struct raw_answer answer;
    char order_id[TERN_ID_SIZE], location[128];

    (void)state;
    order_api_ask(&answer, "POST", "/orders", "X-Correlation-Id: 0B5C1E7A-8F0E-4C53-9D7A-111111111111\r\n",
                  ORDER_API_GOOD);
    assert_int_equal(answer.status, 201);
    order_api_member(answer.body, "orderId", order_id, sizeof order_id);
    assert_memory_equal(order_id, "ORD-", 4);
    (void)snprintf(location, sizeof location, "/orders/%s", order_id);
    assert_string_equal(raw_answer_header(&answer, "Location"), location);
    assert_string_equal(raw_answer_header(&answer, "ETag"), "\"1\"");
    assert_string_equal(raw_answer_header(&answer, "Cache-Control"), "no-store");
    assert_non_null(strstr(answer.body, "\"message\":\"Order created successfully\""));
    assert_non_null(strstr(answer.body, "\"status\":\"CREATED\",\"totalAmount\":19.98,"));
    assert_non_null(strstr(answer.body, "\"correlationId\":\"0b5c1e7a-8f0e-4c53-9d7a-111111111111\""));
    raw_answer_fini(&answer);
    order_api_answers("GET", order_api_path(order_id, ""), "", NULL, 200,
                      "\"correlationId\":\"0b5c1e7a-8f0e-4c53-9d7a-111111111111\"");
    order_api_answers("GET", order_api_path(order_id, "/events"), "", NULL, 200,
                      "\"correlationId\":\"0b5c1e7a-8f0e-4c53-9d7a-111111111111\",\"subject\"");
}

static void any_name_of_a_conversation_becomes_a_uuid_the_same_one_each_time(void **state)
{
    /* python3: uuid.uuid5(uuid.UUID("d5ac42a3-a890-4603-806e-38ae93ee2bcd"), "7") */
    static const char seven[] = "\"correlationId\":\"519f8047-cb07-59e8-9ae7-ffb2f3f291a6\"";
    struct tern_text long_name = {0};

    (void)state;
    order_api_answers("POST", "/orders", "X-Correlation-Id: 7\r\n", ORDER_API_GOOD, 201, seven);
    order_api_answers("POST", "/orders", "X-Correlation-Id:  7 \r\n", ORDER_API_GOOD, 201, seven);
    order_api_answers("POST", "/orders", "X-Correlation-Id:\r\n", ORDER_API_GOOD, 201, "\"correlationId\":\"0");
    order_api_answers("POST", "/orders", "X-Correlation-Id: caf\xc3\xa9 \xff, {} \"x\"\r\n", ORDER_API_GOOD, 201,
                      "\"correlationId\":\"");
    order_api_answers("POST", "/orders", "X-Correlation-Id: 7\r\nX-Correlation-Id: 8\r\n", ORDER_API_GOOD, 201, seven);
    tern_text_add(&long_name, "X-Correlation-Id: ");
    for (int i = 0; i < 1000; i++)
        tern_text_add(&long_name, "0123456789");
    tern_text_add(&long_name, "\r\n");
    order_api_answers("POST", "/orders", long_name.bytes, ORDER_API_GOOD, 201, "\"correlationId\":\"");
    tern_text_fini(&long_name);
}

static void the_token_of_a_payment_is_not_shown_with_the_events(void **state)
{
    struct raw_answer answer;
    char order_id[TERN_ID_SIZE];

    (void)state;
    order_api_ask(
        &answer, "POST", "/orders", "",
        "{\"customerId\":\"C\",\"items\":[{\"productId\":\"P\",\"quantity\":2,\"price\":9.90}],\"paymentToken\":\"tok_ok\","
        "\"customer\":{\"email\":\"a@example.com\"}}");
    order_api_member(answer.body, "orderId", order_id, sizeof order_id);
    raw_answer_fini(&answer);
    order_api_ask(&answer, "GET", order_api_path(order_id, "/events"), "", NULL);
    assert_int_equal(answer.status, 200);
    assert_null(strstr(answer.body, "tok_ok"));
    assert_non_null(strstr(answer.body, "\"paymentToken\":\"***\""));
    assert_non_null(strstr(answer.body, "\"email\":\"a@example.com\"")); /* as GET /orders/{orderId} shows it */
    assert_non_null(strstr(answer.body, "\"price\":9.90"));
    raw_answer_fini(&answer);
}

static void the_trace_of_the_client_is_continued(void **state)
{
    (void)state;
    order_api_answers("POST", "/orders", "traceparent: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01\r\n",
                      ORDER_API_GOOD, 201, "traceparent: 00-0123456789abcdef0123456789abcdef-");
}

static void what_is_wrong_with_a_request_is_named(void **state)
{
    (void)state;
    order_api_answers("POST", "/orders", "", "{\"customerId\":\"C\"", 400, "Malformed JSON");
    order_api_answers("POST", "/orders", "", "{}", 400, "\"pointer\":\"#/customerId\"");
    order_api_answers("POST", "/orders", "", "{}", 400, "\"pointer\":\"#/items\"");
    order_api_answers("POST", "/orders", "", "{}", 400, "application/problem+json");
    order_api_answers("POST", "/orders?x=1", "", ORDER_API_GOOD, 400, "The query argument x is not known here.");
    order_api_answers("POST", "/orders", "Idempotency-Key: a b\r\n", ORDER_API_GOOD, 400, "Invalid Idempotency-Key");
    order_api_answers("GET", "/orders?limit=0", "", NULL, 400, "limit must be a whole number of 1 to 200.");
    order_api_answers("GET", "/orders?limit=201", "", NULL, 400, "limit must be a whole number of 1 to 200.");
    order_api_answers("GET", "/orders?limit=1e1", "", NULL, 400, "limit must be a whole number of 1 to 200.");
    order_api_answers("GET", "/orders?limit=99999999999999999999", "", NULL, 400, "limit must be");
    order_api_answers("DELETE", "/orders", "", NULL, 405, "Allow:");
}

static void a_refused_request_stores_nothing(void **state)
{
    struct raw_answer before, after;

    (void)state;
    order_api_ask(&before, "GET", "/orders?limit=200", "", NULL);
    order_api_answers("POST", "/orders", "Idempotency-Key: refused\r\n", "{\"customerId\":\"C\",\"items\":[]}", 400,
                      "#/items");
    order_api_ask(&after, "GET", "/orders?limit=200", "", NULL);
    assert_string_equal(before.body, after.body);
    raw_answer_fini(&before);
    raw_answer_fini(&after);
    order_api_answers("POST", "/orders", "Idempotency-Key: refused\r\n", ORDER_API_GOOD, 201,
                      "CREATED"); /* mended, same key */
}

static void a_key_makes_one_order_of_many_requests(void **state)
{
    struct raw_answer first, again;

    (void)state;
    order_api_ask(&first, "POST", "/orders", "Idempotency-Key: \"once\"\r\n", ORDER_API_GOOD);
    order_api_ask(&again, "POST", "/orders", "Idempotency-Key: once\r\n", ORDER_API_GOOD);
    assert_int_equal(first.status, 201);
    assert_int_equal(again.status, 201);
    assert_string_equal(first.body, again.body);
    assert_string_equal(raw_answer_header(&first, "Idempotency-Replayed"), "");
    assert_string_equal(raw_answer_header(&again, "Idempotency-Replayed"), "true");
    assert_non_null(strstr(first.text, raw_answer_header(&again, "Location")));
    raw_answer_fini(&first);
    raw_answer_fini(&again);
    order_api_answers("POST", "/orders", "Idempotency-Key: once\r\n",
                      "{\"customerId\":\"D\",\"items\":[{\"productId\":\"P\",\"quantity\":2,\"price\":9.99}]}", 422,
                      "Idempotency-Key reused");
}

/* ---- an order of an older version, which took what is refused now ---- */

#define OF_OLD(rest) "{\"customerId\":\"C\",\"items\":[{\"productId\":\"P\",\"quantity\":2,\"price\":9.99}]," rest "}"
#define BGN          OF_OLD("\"currency\":\"BGN\"")
#define LUHN         OF_OLD("\"paymentToken\":\"4111111111111111\"")

struct older {
    const char *key, *body;
};

static enum tern_outcome keep_as_an_older_version(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    const struct older *older = argument;
    struct tern_keyed_request request = {.operation = "POST /orders", .key = older->key};
    struct tern_kept_answer answer = {.status = 201};
    struct place_order work = {0};

    (void)place_order_read(older->body, strlen(older->body), &work.placed, &work.faults, err);
    assert_true(place_order_was_allowed(&work.faults));
    place_order_spell(&work);
    tern_sha256(work.asked.bytes, work.asked.length, request.fingerprint);
    tern_text_add(&answer.body, "{\"orderId\":\"ORD-OLD\"}");
    assert_int_equal(tern_idempotency_keep(ctx->db, &request, &answer, ctx->online_ms, err), 0);
    tern_text_fini(&answer.body);
    place_order_fini(&work);
    return TERN_DONE;
}

static void a_key_of_an_older_version_is_answered_before_newer_rules_refuse(void **state)
{
    static const struct older kept[] = {
        {"old-bgn",  BGN },
        {"old-luhn", LUHN}
    };
    struct tern_error err = {0};
    char header[64];

    (void)state;
    for (size_t i = 0; i < TERN_COUNT(kept); i++) {
        struct older older = kept[i];

        assert_int_equal(
            tern_app_command(order_api_app(), keep_as_an_older_version, &older, &(struct tern_conversation){0}, &err),
            TERN_COMMITTED);
        (void)snprintf(header, sizeof header, "Idempotency-Key: %s\r\n", older.key);
        order_api_answers("POST", "/orders", header, older.body, 201, "ORD-OLD");
        order_api_answers("POST", "/orders", "", older.body, 400, "\"errors\":[");
        order_api_answers("POST", "/orders", "Idempotency-Key: new\r\n", older.body, 400, "application/problem+json");
        order_api_answers("POST", "/orders", header, OF_OLD("\"currency\":\"BGN\",\"x\":1"), 400, "unknown_member");
    }
    order_api_answers("POST", "/orders", "Idempotency-Key: old-bgn\r\n", LUHN, 422, "Idempotency-Key reused");
}

static void *ask_with_one_key(void *target)
{
    struct raw_answer answer;

    order_api_ask(&answer, "POST", "/orders", "Idempotency-Key: together\r\n", ORDER_API_GOOD);
    if (answer.status == 201) order_api_member(answer.body, "orderId", target, TERN_ID_SIZE);
    raw_answer_fini(&answer);
    return NULL;
}

static void requests_at_the_same_time_with_one_key_are_one_order(void **state)
{
    enum { TOGETHER = 12 };
    pthread_t threads[TOGETHER];
    char ids[TOGETHER][TERN_ID_SIZE] = {{0}};

    (void)state;
    for (int i = 0; i < TOGETHER; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_with_one_key, ids[i]), 0);
    for (int i = 0; i < TOGETHER; i++)
        (void)pthread_join(threads[i], NULL);
    assert_memory_equal(ids[0], "ORD-", 4);
    for (int i = 1; i < TOGETHER; i++)
        assert_string_equal(ids[i], ids[0]);
}

/* ---- a key whose first request still runs ------------------------------------------------------------------ */

struct blocking {
    sem_t begun, ends;
};

static enum tern_outcome block(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    struct blocking *blocking = argument;

    (void)ctx;
    (void)err;
    (void)sem_post(&blocking->begun);
    (void)sem_wait(&blocking->ends);
    return TERN_DONE;
}

static void *block_writer(void *blocking)
{
    const struct tern_conversation silent = {0};

    (void)tern_app_command(order_api_app(), block, blocking, &silent, NULL);
    return NULL;
}

static void *ask_for_status(void *status)
{
    struct raw_answer answer;

    order_api_ask(&answer, "POST", "/orders", "Idempotency-Key: slow\r\n", ORDER_API_GOOD);
    *(int *)status = answer.status;
    if (strcmp(raw_answer_header(&answer, "Retry-After"), "2") != 0) *(int *)status = 0;
    raw_answer_fini(&answer);
    return NULL;
}

/* Of two whose patience ends, one leaves first: to it the other still runs. */
static void a_key_whose_request_still_runs_is_a_conflict_and_nothing_is_placed(void **state)
{
    struct blocking blocking;
    pthread_t holder, askers[2];
    int status[2];

    (void)state;
    (void)sem_init(&blocking.begun, 0, 0);
    (void)sem_init(&blocking.ends, 0, 0);
    assert_int_equal(pthread_create(&holder, NULL, block_writer, &blocking), 0);
    (void)sem_wait(&blocking.begun);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&askers[i], NULL, ask_for_status, &status[i]), 0);
    for (int i = 0; i < 2; i++)
        (void)pthread_join(askers[i], NULL);
    (void)sem_post(&blocking.ends);
    (void)pthread_join(holder, NULL);
    assert_int_equal(status[0] + status[1], 409 + 503);
    order_api_answers("POST", "/orders", "Idempotency-Key: slow\r\n", ORDER_API_GOOD, 201,
                      "CREATED"); /* the first that was placed */
}

/* ---- reading ----------------------------------------------------------------------------------------------- */

static void an_order_that_did_not_change_is_not_sent_again(void **state)
{
    struct raw_answer answer;
    char order_id[TERN_ID_SIZE];

    (void)state;
    order_api_place(order_id);
    order_api_ask(&answer, "GET", order_api_path(order_id, ""), "If-None-Match: W/\"1\", \"7\"\r\n", NULL);
    assert_int_equal(answer.status, 304);
    assert_string_equal(raw_answer_header(&answer, "ETag"), "\"1\"");
    assert_true(strtol(raw_answer_header(&answer, "Content-Length"), NULL, 10) > 100); /* what a 200 would have had */
    assert_string_equal(answer.body, "");
    raw_answer_fini(&answer);
    order_api_answers("GET", order_api_path(order_id, ""), "If-None-Match: \"2\"\r\n", NULL, 200, "\"version\":1");
    order_api_answers("GET", order_api_path(order_id, ""), "If-None-Match: *\r\n", NULL, 304, "ETag");
}

static void an_order_nobody_placed_is_not_found(void **state)
{
    (void)state;
    order_api_answers("GET", "/orders/ORD-1", "", NULL, 404, "There is no order ORD-1.");
    order_api_answers("GET", "/orders/ORD-1/events", "", NULL, 404, "There is no order ORD-1.");
    order_api_answers("POST", "/orders/ORD-1/cancel", "Content-Length: 0\r\n", NULL, 404, "There is no order ORD-1.");
    order_api_answers("GET", "/orders/a%20b", "", NULL, 404, "Order not found");
}

/* ---- cancelling -------------------------------------------------------------------------------------------- */

static void a_cancel_is_accepted_and_seen_in_the_stream(void **state)
{
    struct raw_answer answer;
    char order_id[TERN_ID_SIZE];

    (void)state;
    order_api_place(order_id);
    order_api_answers("POST", order_api_path(order_id, "/cancel"), "If-Match: \"9\"\r\n", "{}", 412, "ETag: \"1\"");
    order_api_answers("POST", order_api_path(order_id, "/cancel"), "", "{\"reason\":7}", 400, "#/reason");
    order_api_ask(&answer, "POST", order_api_path(order_id, "/cancel"), "If-Match: \"1\"\r\nIdempotency-Key: c\r\n",
                  "{\"reason\":\"my words\"}");
    assert_int_equal(answer.status, 202);
    assert_string_equal(raw_answer_header(&answer, "Location"), order_api_path(order_id, ""));
    assert_string_equal(raw_answer_header(&answer, "ETag"), "\"3\"");
    assert_non_null(strstr(answer.body, "\"status\":\"CANCELLING\""));
    raw_answer_fini(&answer);
    /* the first answer, although the version is another one now */
    order_api_ask(&answer, "POST", order_api_path(order_id, "/cancel"), "If-Match: \"1\"\r\nIdempotency-Key: c\r\n",
                  "{ \"reason\" : \"my words\" }");
    assert_int_equal(answer.status, 202);
    assert_string_equal(raw_answer_header(&answer, "ETag"), "\"3\"");
    assert_string_equal(raw_answer_header(&answer, "Idempotency-Replayed"), "true");
    raw_answer_fini(&answer);
    order_api_answers("POST", order_api_path(order_id, "/cancel"), "Idempotency-Key: c\r\n", "{}", 422,
                      "Idempotency-Key reused");
    order_api_answers("POST", order_api_path(order_id, "/cancel"), "Content-Length: 0\r\n", NULL, 202, "CANCELLING");
    order_api_answers("POST", order_api_path(order_id, "/cancel"), "", "{\"reason\":\"other words\"}", 202,
                      "CANCELLING");
    order_api_ask(&answer, "GET", order_api_path(order_id, "/events"), "", NULL);
    assert_non_null(strstr(answer.body, "\"eventType\":\"OrderCancelled\""));
    assert_non_null(strstr(answer.body, "\"reason\":\"CUSTOMER_REQUEST\""));
    assert_non_null(strstr(answer.body, "\"note\":\"my words\""));
    raw_answer_fini(&answer);
    order_api_answers("GET", order_api_path(order_id, ""), "", NULL, 200,
                      "\"reason\":\"CUSTOMER_REQUEST\",\"note\":\"my words\"");
}

static void a_refusal_is_the_same_problem_with_a_key(void **state)
{
    static const struct {
        const char *headers;
        int status;
    } refused[] = {
        {"If-Match: \"9\"\r\nIdempotency-Key: m\r\n", 412},
        {"Idempotency-Key: m\r\n",                    404}
    };
    char order_id[TERN_ID_SIZE];

    (void)state;
    order_api_place(order_id);
    for (size_t i = 0; i < TERN_COUNT(refused); i++) {
        const char *path = refused[i].status == 404 ? "/orders/ORD-1/cancel" : order_api_path(order_id, "/cancel");
        static const char *const wanted[] = {"application/problem+json", "\"instance\":\"/orders/", "\"requestId\":\"",
                                             "\"traceId\":\""};

        for (size_t k = 0; k < TERN_COUNT(wanted); k++)
            order_api_answers("POST", path, refused[i].headers, "{}", refused[i].status, wanted[k]);
    }
}

/* ---- beside the API ---------------------------------------------------------------------------------------- */

static void orders_are_counted_by_status(void **state)
{
    char order_id[TERN_ID_SIZE];

    (void)state;
    order_api_place(order_id);
    order_api_answers("GET", "/metrics", "", NULL, 200, "\ntern_orders_total{status=\"CREATED\"} ");
    order_api_answers("GET", "/metrics", "", NULL, 200, "\ntern_saga_in_progress ");
    order_api_answers("GET", "/metrics", "", NULL, 200, "\ntern_order_completion_seconds_count ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_is_created_with_location_and_etag),
        cmocka_unit_test(any_name_of_a_conversation_becomes_a_uuid_the_same_one_each_time),
        cmocka_unit_test(the_token_of_a_payment_is_not_shown_with_the_events),
        cmocka_unit_test(the_trace_of_the_client_is_continued),
        cmocka_unit_test(what_is_wrong_with_a_request_is_named),
        cmocka_unit_test(a_refused_request_stores_nothing),
        cmocka_unit_test(a_key_makes_one_order_of_many_requests),
        cmocka_unit_test(a_key_of_an_older_version_is_answered_before_newer_rules_refuse),
        cmocka_unit_test(requests_at_the_same_time_with_one_key_are_one_order),
        cmocka_unit_test(a_key_whose_request_still_runs_is_a_conflict_and_nothing_is_placed),
        cmocka_unit_test(an_order_that_did_not_change_is_not_sent_again),
        cmocka_unit_test(an_order_nobody_placed_is_not_found),
        cmocka_unit_test(a_cancel_is_accepted_and_seen_in_the_stream),
        cmocka_unit_test(a_refusal_is_the_same_problem_with_a_key),
        cmocka_unit_test(orders_are_counted_by_status),
    };

    return cmocka_run_group_tests_name("order_http", tests, order_api_start, order_api_stop);
}
