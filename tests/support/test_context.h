/* test_context.h - for unit tests of services: a real context on a store in memory, and units of work by hand.
 *
 * Core tables and the service's own, a clock that stands still until the test moves it, ids from a seed, no log, no
 * metrics. A unit runs as the runtime runs it: inbox first, everything undone unless it is DONE. */
#ifndef TERN_TEST_CONTEXT_H
#define TERN_TEST_CONTEXT_H

#include "shop/catalogue.h"
#include "tern/service.h"

struct test_context {
    struct tern_context ctx;
    struct tern_clock clock;
    int64_t now_ms;           /* of both clocks; move it freely */
    struct tern_error err;    /* of the last unit */
    struct tern_ids *foreign; /* ids of other services' events */
};

/* Fails the test when it cannot be had. `self` is what ctx->self shall be. */
void test_context_open(struct test_context *test, const char *service, const struct tern_migration *migrations,
                       void *self);
void test_context_close(struct test_context *test);

/* Makes an event of another service as it would arrive: encoded, decoded again, with an id of its own, in the
 * conversation `correlation_id` (NULL: a new one). Give it back with tern_event_fini. */
void test_context_event(struct test_context *test, enum shop_event event, const char *subject, const void *payload,
                        const char *correlation_id, struct tern_event *ret_event);
/* One delivery. A duplicate (same eventId) is DONE without the handler. */
enum tern_outcome test_context_handle(struct test_context *test, const struct tern_handler *handlers, size_t count,
                                      const struct tern_event *event);
/* One command in a new conversation, or in `correlation_id`. */
enum tern_outcome test_context_run(struct test_context *test, tern_command *run, void *argument,
                                   const char *correlation_id);

#endif
