/* test_said.h - for unit tests of services: what was said, read back from the event log. */
#ifndef TERN_TEST_SAID_H
#define TERN_TEST_SAID_H

#include "test_context.h"

/* Forgets what was said so far. */
void test_said_clear(struct test_context *test);
/* Fails the test unless exactly these types were said since, in this order: "OrderPlaced OrderUpdated", "" for nothing. */
void test_said(struct test_context *test, const char *types);
/* The newest event of this type since: its payload, decoded. Fails the test when there is none. */
void test_said_last(struct test_context *test, enum shop_event event, void *ret_payload);

#endif
