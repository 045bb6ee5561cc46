/* test_order.h - for tests of order-service: orders to place, and the answers that the other services would give. */
#ifndef TERN_TEST_ORDER_H
#define TERN_TEST_ORDER_H

#include "common/service/once.h"
#include "services/order/order.h"
#include "services/order/order_metrics.h"
#include "services/order/order_service.h"
#include "services/order/place_order.h"
#include "test_context.h"

/* An order of two lines, 2 x 99.99 and 1 x 19.99, with all that a client may give. */
extern const char test_order_body[];
#define TEST_ORDER_TOTAL_MINOR INT64_C(21997)

struct test_order {
    struct test_context test;
    struct order_service_state state;
};

void test_order_open(struct test_order *shop);
void test_order_close(struct test_order *shop);
/* Set-up and tear-down of one test, whose state is the shop. */
int test_order_set_up(void **state);
int test_order_tear_down(void **state);

/* An order on its way, as POST /orders would have it. */
struct test_order_work {
    struct place_order place;
    struct tern_once once;
    struct tern_once_work work; /* the command tern_once_run; with a key its answer */
    struct tern_http_answer answer;
};
/* Reads and prepares `body` with `key` ("" for none); give it back with test_order_work_free. */
struct test_order_work *test_order_work(struct test_order *shop, const char *body, const char *key);
/* Runs it as one unit; the answer is in work->answer after TERN_DONE. */
enum tern_outcome test_order_run(struct test_order *shop, struct test_order_work *work);
void test_order_work_free(struct test_order_work *work);
/* Places test_order_body. */
void test_order_place(struct test_order *shop, char ret_order_id[TERN_ID_SIZE]);
/* The answer that `input` stands for, about `order_id`. */
void test_order_answer(struct test_order *shop, const char *order_id, enum saga_input input,
                       struct tern_event *ret_event);
enum tern_outcome test_order_handle(struct test_order *shop, const struct tern_event *event);
/* Makes an answer and has it consumed, which must work. */
void test_order_consume(struct test_order *shop, const char *order_id, enum saga_input input);
/* The customer cancels; the status afterwards. */
enum order_status test_order_cancel(struct test_order *shop, const char *order_id);
/* The order's row, which must be there and equal to a replay of its stream. Give it back with order_fini. */
void test_order_load(struct test_order *shop, const char *order_id, struct order_state *ret_order);
/* "OrderPlaced PaymentProcessed OrderUpdated ...": the types of the stream, in order. */
const char *test_order_story(struct test_order *shop, const char *order_id);

#endif
