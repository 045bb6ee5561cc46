/* order_api.c - the whole order-service in the test's process, asked over a real socket. */
#include "order_api.h"

#include <stdio.h>
#include <string.h>

#include "services/order/order_service.h"
#include "test_app.h"

static struct test_app shop;

int order_api_start(void **state)
{
    struct tern_error err = {0};
    (void)state;
    if (test_app_start(&shop, &order_service, NULL, &err) == 0) return 0;
    print_error("%s\n", err.text);
    return -1;
}

int order_api_stop(void **state)
{
    (void)state;
    test_app_stop(&shop);
    return 0;
}

struct tern_app *order_api_app(void)
{
    return &shop.app;
}

/* ---- asking ------------------------------------------------------------------------------------------------ */

void order_api_ask(struct raw_answer *answer, const char *method, const char *path, const char *headers,
                   const char *body)
{
    test_app_ask(&shop, method, path, headers, body, answer);
}

void order_api_answers(const char *method, const char *path, const char *headers, const char *body, int status,
                       const char *contains)
{
    test_app_answers(&shop, method, path, headers, body, status, contains);
}

void order_api_member(const char *json, const char *name, char *target, size_t size)
{
    char start[64];
    const char *at;

    (void)snprintf(start, sizeof start, "\"%s\":\"", name);
    at = strstr(json, start);
    assert_non_null(at);
    at += strlen(start);
    assert_true(strcspn(at, "\"") < size);
    (void)snprintf(target, size, "%.*s", (int)strcspn(at, "\""), at);
}

void order_api_place(char order_id[TERN_ID_SIZE])
{
    struct raw_answer answer;

    order_api_ask(&answer, "POST", "/orders", "", ORDER_API_GOOD);
    assert_int_equal(answer.status, 201);
    order_api_member(answer.body, "orderId", order_id, TERN_ID_SIZE);
    raw_answer_fini(&answer);
}

const char *order_api_path(const char *order_id, const char *rest)
{
    static char path[128];

    (void)snprintf(path, sizeof path, "/orders/%s%s", order_id, rest);
    return path;
}
