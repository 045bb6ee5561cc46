/* store.h - for unit tests: a store in memory with the core schema, and the walk that lets each of its calls fail. */
#ifndef TERN_TEST_STORE_H
#define TERN_TEST_STORE_H

#include "tern/db.h"

/* A fresh store in memory with the core tables; fails the test when it cannot be had. */
struct tern_db *test_store_open(void);
/* One number of the store, by any query. */
int64_t test_store_number(struct tern_db *db, const char *sql);
/* The plan that SQLite makes for `sql` names `index`: a query that would walk the whole table fails the test. */
void test_store_uses(struct tern_db *db, const char *sql, const char *index);

typedef int test_store_call(struct tern_db *db, void *self, struct tern_error *err);
/* Runs `call` (0 or more = worked) with its first call to the store failing, then its second, ... until it works with
 * none failing. Each failure must come back as -1 with the fault that was made. What a failed run did is undone; the
 * run that worked is kept. */
void test_store_fail_each(struct tern_db *db, test_store_call *call, void *self);

#endif
