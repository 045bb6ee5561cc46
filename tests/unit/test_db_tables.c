/* test_db_tables.c - copies of tables: made like another, indexed, put in its place, taken away. */
#include <stdlib.h>
#include <string.h>

#include "common/store/store.h"
#include "tern_test.h"

static const char make_tables[] =
    "CREATE TABLE rows (id TEXT NOT NULL PRIMARY KEY, n INTEGER NOT NULL CHECK (n >= 0)) STRICT;"
    "CREATE INDEX rows_by_n ON rows (n, id);"
    "CREATE UNIQUE INDEX one_of_a_kind ON rows (n) WHERE n > 1000000;"
    "CREATE TABLE pairs (a TEXT NOT NULL, b TEXT NOT NULL, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID";
static const char drop_index[] = "DROP INDEX rows_by_n; DROP INDEX one_of_a_kind";
static const struct tern_migration first_steps[] = {
    {1, "001_rows", make_tables},
    {0, NULL,       NULL       }
};
static const struct tern_migration all_steps[] = {
    {1, "001_rows", make_tables},
    {2, "002_drop", drop_index },
    {0, NULL,       NULL       }
};

static struct tern_error err;

static int set_up(void **state)
{
    struct tern_db *db;
    if (tern_db_open("sqlite::memory:", &db, &err) < 0 || tern_db_migrate(db, "service", first_steps, &err) < 0)
        return -1;
    *state = db;
    return 0;
}

static int tear_down(void **state)
{
    tern_db_close(*state);
    return 0;
}

static int64_t number_of(struct tern_db *db, const char *sql)
{
    int64_t number = -1;
    if (tern_db_get_int(db, sql, TERN_DB_NO_ARGS, &number, &err) < 0) fail_msg("%s: %s", sql, err.text);
    return number;
}

static void run(struct tern_db *db, const char *sql)
{
    if (tern_db_run(db, sql, TERN_DB_NO_ARGS, &err) < 0) fail_msg("%s: %s", sql, err.text);
}

static void must(int status)
{
    if (status < 0) fail_msg("%s", err.text);
}

/* A copy in the place of `rows`, with both indexes. */
static void swap_once(struct tern_db *db)
{
    must(tern_db_begin(db, &err));
    must(tern_db_table_like(db, "rows", "rows_new", &err));
    int all = 0;
    for (int calls = 0; all == 0; calls++) {
        assert_true(calls <= 2);
        must(all = tern_db_table_index(db, "rows", "rows_new", &err));
    }
    must(tern_db_table_swap(db, "rows", "rows_new", "rows_old", &err));
    must(tern_db_commit(db, &err));
}

static void take_away(struct tern_db *db, const char *table)
{
    int gone = 0;
    while (gone == 0) {
        must(tern_db_begin(db, &err));
        must(gone = tern_db_table_drop(db, table, &err));
        must(tern_db_commit(db, &err));
    }
}

static const char add_row[] = "INSERT INTO rows (id, n) VALUES ('a', 1)";
static const char add_bad[] = "INSERT INTO rows (id, n) VALUES ('b', -1)";
static const char add_same[] = "INSERT INTO rows (id, n) VALUES ('c', 2000000), ('d', 2000000)";
static const char count_rows[] = "SELECT count(*) FROM rows";
static const char count_old[] = "SELECT count(*) FROM rows_old";
static const char count_tables[] = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'rows%' AND type = 'table'";
static const char count_indexes[] =
    "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'rows' AND sql IS NOT NULL";

static void a_copy_has_the_laws_and_indexes_of_its_table_and_takes_its_place(void **state)
{
    struct tern_db *db = *state;
    run(db, add_row);
    for (int i = 0; i < 3; i++) {
        swap_once(db);
        assert_int_equal(number_of(db, count_rows), 0);
        assert_int_equal(number_of(db, count_old), 1);
        assert_int_equal(number_of(db, count_indexes), 2);
        assert_int_equal(tern_db_run(db, add_bad, TERN_DB_NO_ARGS, &err), -1);
        assert_int_equal(err.fault, TERN_FAULT_CONSTRAINT);
        assert_int_equal(tern_db_run(db, add_same, TERN_DB_NO_ARGS, &err), -1);
        run(db, add_row);
        take_away(db, "rows_old");
        assert_int_equal(number_of(db, count_tables), 1);
    }
}

static void a_large_table_goes_away_in_parts(void **state)
{
    struct tern_db *db = *state;
    static const char fill[] = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) "
                               "INSERT INTO pairs (a, b) SELECT i % 7, i FROM n";
    static const char left[] = "SELECT count(*) FROM pairs";
    run(db, fill);
    must(tern_db_begin(db, &err));
    assert_int_equal(tern_db_table_drop(db, "pairs", &err), 0);
    must(tern_db_commit(db, &err));
    assert_int_equal(number_of(db, left), 1500);
    take_away(db, "pairs");
    must(tern_db_begin(db, &err));
    assert_int_equal(tern_db_table_drop(db, "pairs", &err), 1);
    assert_int_equal(tern_db_table_like(db, "pairs", "others", &err), -1);
    assert_string_equal(err.text, "the store has no table pairs");
    tern_db_rollback(db);
}

static void a_step_of_a_schema_finds_the_indexes_of_a_swapped_table_by_their_plain_names(void **state)
{
    struct tern_db *db = *state;
    swap_once(db);
    take_away(db, "rows_old");
    must(tern_db_migrate(db, "service", all_steps, &err));
    assert_int_equal(number_of(db, count_indexes), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_copy_has_the_laws_and_indexes_of_its_table_and_takes_its_place),
        T(a_large_table_goes_away_in_parts),
        T(a_step_of_a_schema_finds_the_indexes_of_a_swapped_table_by_their_plain_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
