/* order_api.h - the whole order-service in the test's process, asked over a real socket.
 *
 * There is nothing at its broker's address, so each answer also shows that orders are taken while the broker is away.
 * One service for all tests of a program: they look at their own orders only. */
#ifndef TERN_TEST_ORDER_API_H
#define TERN_TEST_ORDER_API_H

#include "common/service/app.h"
#include "raw_http.h"
#include "tern_test.h"

#define ORDER_API_GOOD "{\"customerId\":\"C\",\"items\":[{\"productId\":\"P\",\"quantity\":2,\"price\":9.99}]}"

/* Set-up and tear-down of a group of tests. */
int order_api_start(void **state);
int order_api_stop(void **state);
struct tern_app *order_api_app(void);

/* `headers` are lines with CR LF; `body` is JSON, or NULL. The answer is the caller's: raw_answer_fini. */
void order_api_ask(struct raw_answer *answer, const char *method, const char *path, const char *headers,
                   const char *body);
/* Asks, and the answer must have this status and contain this text. */
void order_api_answers(const char *method, const char *path, const char *headers, const char *body, int status,
                       const char *contains);
/* The string member `name` of a JSON text, as this service writes it. */
void order_api_member(const char *json, const char *name, char *target, size_t size);
/* Places ORDER_API_GOOD. */
void order_api_place(char order_id[TERN_ID_SIZE]);
/* "/orders/<id><rest>", until the next call. */
const char *order_api_path(const char *order_id, const char *rest);

#endif
