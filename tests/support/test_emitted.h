/* test_emitted.h - for unit tests of services: what was emitted, read back from the event log. */
#ifndef TERN_TEST_EMITTED_H
#define TERN_TEST_EMITTED_H

#include "test_context.h"

/* Forgets what was emitted so far. */
void test_emitted_clear(struct test_context *test);
/* Fails the test unless exactly these types were emitted since, in this order: "OrderPlaced OrderUpdated", "" for nothing. */
void test_emitted(struct test_context *test, const char *types);
/* The newest event of this type since: its payload, decoded. Fails the test when there is none. */
void test_emitted_last(struct test_context *test, enum shop_event event, void *ret_payload);

#endif
