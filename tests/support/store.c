#include "store.h"

#include <string.h>

#include "common/store/store.h"
#include "tern_test.h"

extern const struct tern_migration tern_core_migrations[];

struct tern_db *test_store_open(void)
{
    struct tern_db *db = NULL;
    struct tern_error err;
    if (tern_db_open("sqlite::memory:", &db, &err) < 0 || tern_db_migrate(db, "core", tern_core_migrations, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return db;
}

int64_t test_store_number(struct tern_db *db, const char *sql)
{
    int64_t number = -1;
    struct tern_error err;
    if (tern_db_get_int(db, sql, TERN_DB_NO_ARGS, &number, &err) != 1) {
        fail_msg("%s: %s", sql, err.text);
    }
    return number;
}

void test_store_uses(struct tern_db *db, const char *sql, const char *index)
{
    struct tern_db_rows rows;
    struct tern_error err;
    bool uses = false;
    if (tern_db_query(db, &rows, sql, TERN_DB_NO_ARGS, &err) < 0) {
        fail_msg("%s", err.text);
    }
    while (tern_db_next(&rows, &err) > 0) {
        const char *step = tern_db_column_text(&rows, 3);
        uses = uses || strstr(step, index) != NULL;
        if (strstr(step, "SCAN") != NULL && strstr(step, index) == NULL) {
            fail_msg("%s: %s", sql, step);
        }
    }
    tern_db_done(&rows);
    assert_true(uses);
}

static int run_in_savepoint(struct tern_db *db, test_store_call *call, void *self, int64_t failing,
                            enum tern_fault fault)
{
    struct tern_error err = {0};
    struct tern_error ignored;
    assert_int_equal(tern_db_begin(db, &ignored), 0);
    tern_db_fail_at(db, failing, fault);
    int result = call(db, self, &err);
    bool reached = !tern_db_fail_pending(db);
    tern_db_fail_at(db, 0, TERN_FAULT_OTHER);
    if (!reached) {
        assert_true(result >= 0);
        assert_int_equal(tern_db_commit(db, &ignored), 0);
        return 0;
    }
    if (result != -1) {
        fail_msg("call %d to the store failed, and the function answered %d", (int)failing, result);
    }
    assert_int_equal(err.fault, fault);
    assert_true(err.text[0] != '\0');
    tern_db_rollback(db);
    return 1;
}

void test_store_fail_each(struct tern_db *db, test_store_call *call, void *self)
{
    static const enum tern_fault faults[] = {TERN_FAULT_BUSY, TERN_FAULT_FULL, TERN_FAULT_BROKEN};
    for (int64_t failing = 1; failing < 50; failing++) {
        if (run_in_savepoint(db, call, self, failing, faults[failing % 3]) == 0) {
            assert_true(failing > 1);
            return;
        }
    }
    fail_msg("fifty calls to the store are too many");
}
