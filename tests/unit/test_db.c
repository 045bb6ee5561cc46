/* The database seam on SQLite: settings, statements, transactions, faults, migrations, what stands beside the file. */
#include "tern_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/store/sqlite/db_sqlite.h"
#include "common/store/store.h"
#include "tern/db.h"

struct store {
    char folder[64];
    char path[128], url[160];
    struct tern_db *db;
    struct tern_error err;
};

static const char make_t[] =
    "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, n INTEGER CHECK (n >= 0), b BLOB) STRICT";
static const char add_t[] = "INSERT INTO t (name, n, b) VALUES (?1, ?2, ?3)";
static const char all_t[] = "SELECT id, name, n, b FROM t ORDER BY id";
static const char count_t[] = "SELECT count(*) FROM t";

static int set_up(void **state)
{
    struct store *s = calloc(1, sizeof *s);
    strcpy(s->folder, "/tmp/tern-db-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(s->path, sizeof s->path, "%s/x.db", s->folder);
    snprintf(s->url, sizeof s->url, "sqlite:%s", s->path);
    *state = s;
    return 0;
}

static void remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        unlinkat(dirfd(dir), entry->d_name, 0);
        unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
    }
    if (dir != NULL) {
        closedir(dir);
    }
    rmdir(folder);
}

static int tear_down(void **state)
{
    struct store *s = *state;
    tern_db_close(s->db);
    remove_folder(s->folder);
    free(s);
    return 0;
}

static void open_store(struct store *s)
{
    if (tern_db_open(s->url, &s->db, &s->err) < 0) {
        fail_msg("%s", s->err.text);
    }
}

static void open_with_table(struct store *s)
{
    open_store(s);
    assert_int_equal(tern_db_run(s->db, make_t, TERN_DB_NO_ARGS, &s->err), 0);
}

static int add(struct store *s, const char *name, int64_t n)
{
    return tern_db_run(s->db, add_t, TERN_DB_ARGS(tern_db_text(name), tern_db_int(n), tern_db_null()), &s->err);
}

static int64_t count(struct store *s)
{
    int64_t n = -1;
    assert_int_equal(tern_db_get_int(s->db, count_t, TERN_DB_NO_ARGS, &n, &s->err), 1);
    return n;
}

static int64_t pragma(struct store *s, const char *sql)
{
    int64_t n = -1;
    assert_int_equal(tern_db_get_int(s->db, sql, TERN_DB_NO_ARGS, &n, &s->err), 1);
    return n;
}

static void settings_are_those_that_durability_needs(void **state)
{
    struct store *s = *state;
    open_store(s);
    assert_int_equal(pragma(s, "PRAGMA synchronous"), 2);
    assert_int_equal(pragma(s, "PRAGMA wal_autocheckpoint"), 0);
    assert_int_equal(pragma(s, "PRAGMA foreign_keys"), 1);
    assert_int_equal(pragma(s, "PRAGMA busy_timeout"), 5000);
    assert_int_equal(pragma(s, "PRAGMA mmap_size"), 0);
    assert_int_equal(pragma(s, "PRAGMA temp_store"), 2);
    assert_int_equal(pragma(s, "PRAGMA cache_size"), -2000);
    struct tern_db_rows rows;
    assert_int_equal(tern_db_query(s->db, &rows, "PRAGMA journal_mode", TERN_DB_NO_ARGS, &s->err), 0);
    assert_int_equal(tern_db_next(&rows, &s->err), 1);
    assert_string_equal(tern_db_column_text(&rows, 0), "wal");
    tern_db_done(&rows);
}

static void an_insert_returns_the_key_it_made(void **state)
{
    static const char insert[] = "INSERT INTO t (name, n) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING";
    struct store *s = *state;
    int64_t key = 0;
    open_with_table(s);
    assert_int_equal(
        tern_db_insert(s->db, insert, "id", TERN_DB_ARGS(tern_db_text("a"), tern_db_int(1)), &key, &s->err), 1);
    assert_int_equal(key, 1);
    assert_int_equal(
        tern_db_insert(s->db, insert, "id", TERN_DB_ARGS(tern_db_text("b"), tern_db_int(1)), &key, &s->err), 1);
    assert_int_equal(key, 2);
    assert_int_equal(
        tern_db_insert(s->db, insert, "id", TERN_DB_ARGS(tern_db_text("a"), tern_db_int(1)), &key, &s->err), 0);
    assert_int_equal(
        tern_db_insert(s->db, insert, "id", TERN_DB_ARGS(tern_db_text("c"), tern_db_int(-1)), &key, &s->err), -1);
    assert_int_equal(s->err.fault, TERN_FAULT_CONSTRAINT);
    assert_int_equal(key, 2); /* written with a new key only */
    tern_db_fail_at(s->db, 1, TERN_FAULT_BUSY);
    assert_int_equal(
        tern_db_insert(s->db, insert, "id", TERN_DB_ARGS(tern_db_text("d"), tern_db_int(1)), &key, &s->err), -1);
    assert_int_equal(
        tern_db_insert(s->db, insert, "id", TERN_DB_ARGS(tern_db_text("d"), tern_db_int(1)), &key, &s->err), 1);
}

static void every_kind_of_value_comes_back_as_it_went_in(void **state)
{
    struct store *s = *state;
    open_with_table(s);
    const unsigned char bytes[] = {0, 1, 255, 0};
    assert_int_equal(
        tern_db_run(s->db, add_t,
                    TERN_DB_ARGS(tern_db_text("Zoë"), tern_db_int(INT64_MAX), tern_db_bytes(bytes, sizeof bytes)),
                    &s->err),
        1);
    assert_int_equal(
        tern_db_run(s->db, add_t, TERN_DB_ARGS(tern_db_text(""), tern_db_null(), tern_db_bytes(NULL, 0)), &s->err), 1);
    struct tern_db_rows rows;
    size_t length = 9;
    assert_int_equal(tern_db_query(s->db, &rows, all_t, TERN_DB_NO_ARGS, &s->err), 0);
    assert_int_equal(tern_db_next(&rows, &s->err), 1);
    assert_string_equal(tern_db_column_text(&rows, 1), "Zoë");
    assert_true(tern_db_column_int(&rows, 2) == INT64_MAX);
    assert_memory_equal(tern_db_column_bytes(&rows, 3, &length), bytes, sizeof bytes);
    assert_int_equal(length, sizeof bytes);
    assert_int_equal(tern_db_next(&rows, &s->err), 1);
    assert_true(tern_db_column_is_null(&rows, 1));
    assert_string_equal(tern_db_column_text(&rows, 1), "");
    assert_false(tern_db_column_is_null(&rows, 3));
    assert_non_null(tern_db_column_bytes(&rows, 3, &length));
    assert_int_equal(length, 0);
    assert_int_equal(tern_db_next(&rows, &s->err), 0);
    tern_db_done(&rows);
    tern_db_done(&rows);
}

static void a_piece_of_text_needs_no_nul(void **state)
{
    struct store *s = *state;
    open_with_table(s);
    assert_int_equal(tern_db_run(s->db, add_t,
                                 TERN_DB_ARGS(tern_db_text_bytes("abcdef", 3), tern_db_int(1), tern_db_null()),
                                 &s->err),
                     1);
    assert_int_equal(pragma(s, "SELECT count(*) FROM t WHERE name = 'abc'"), 1);
}

static void a_statement_in_use_can_be_used_again_inside_itself(void **state)
{
    struct store *s = *state;
    open_with_table(s);
    assert_int_equal(add(s, "a", 1), 1);
    assert_int_equal(add(s, "b", 2), 1);
    struct tern_db_rows outer, inner;
    int pairs = 0;
    assert_int_equal(tern_db_query(s->db, &outer, all_t, TERN_DB_NO_ARGS, &s->err), 0);
    while (tern_db_next(&outer, &s->err) > 0) {
        assert_int_equal(tern_db_query(s->db, &inner, all_t, TERN_DB_NO_ARGS, &s->err), 0);
        assert_true(inner.borrowed);
        while (tern_db_next(&inner, &s->err) > 0) {
            pairs++;
        }
        tern_db_done(&inner);
    }
    tern_db_done(&outer);
    assert_int_equal(pairs, 4);
}

static void a_thousand_statements_are_each_found_again(void **state)
{
    struct store *s = *state;
    enum { MANY = 1000 };
    static char sql[MANY][24];
    open_store(s);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            snprintf(sql[i], sizeof sql[i], "SELECT %d", i);
            assert_int_equal(pragma(s, sql[i]), i);
        }
    }
}

static void a_savepoint_undoes_itself_alone(void **state)
{
    struct store *s = *state;
    open_with_table(s);
    assert_int_equal(tern_db_begin(s->db, &s->err), 0);
    assert_true(tern_db_in_transaction(s->db));
    assert_int_equal(tern_db_savepoint(s->db, &s->err), 0);
    assert_int_equal(add(s, "kept", 1), 1);
    assert_int_equal(tern_db_release(s->db, &s->err), 0);
    assert_int_equal(tern_db_savepoint(s->db, &s->err), 0);
    assert_int_equal(add(s, "undone", 1), 1);
    assert_int_equal(tern_db_undo(s->db, &s->err), 0);
    assert_int_equal(tern_db_commit(s->db, &s->err), 0);
    assert_false(tern_db_in_transaction(s->db));
    assert_int_equal(count(s), 1);
}

static void a_rollback_leaves_nothing_and_may_be_said_twice(void **state)
{
    struct store *s = *state;
    open_with_table(s);
    assert_int_equal(tern_db_begin(s->db, &s->err), 0);
    assert_int_equal(add(s, "gone", 1), 1);
    tern_db_rollback(s->db);
    tern_db_rollback(s->db);
    assert_int_equal(count(s), 0);
    assert_int_equal(tern_db_begin(s->db, &s->err), 0);
    assert_int_equal(tern_db_commit(s->db, &s->err), 0);
}

static void a_law_of_the_schema_is_a_constraint_and_nothing_else_is_lost(void **state)
{
    struct store *s = *state;
    open_with_table(s);
    assert_int_equal(tern_db_begin(s->db, &s->err), 0);
    assert_int_equal(add(s, "a", 1), 1);
    assert_int_equal(add(s, "a", 1), -1);
    assert_int_equal(s->err.fault, TERN_FAULT_CONSTRAINT);
    assert_non_null(strstr(s->err.text, "UNIQUE"));
    assert_int_equal(add(s, "b", -1), -1);
    assert_int_equal(s->err.fault, TERN_FAULT_CONSTRAINT);
    assert_int_equal(tern_db_commit(s->db, &s->err), 0);
    assert_int_equal(count(s), 1);
}

static void a_wrong_statement_is_an_error_with_a_sentence(void **state)
{
    struct store *s = *state;
    open_store(s);
    assert_int_equal(tern_db_run(s->db, "SELEC", TERN_DB_NO_ARGS, &s->err), -1);
    assert_int_equal(s->err.fault, TERN_FAULT_OTHER);
    assert_non_null(strstr(s->err.text, "syntax error"));
    assert_int_equal(tern_db_run(s->db, "INSERT INTO nowhere VALUES (\"x\")", TERN_DB_NO_ARGS, NULL), -1);
}

static void a_failing_commit_leaves_nothing_open(void **state)
{
    struct store *s = *state;
    open_with_table(s);
    assert_int_equal(tern_db_begin(s->db, &s->err), 0);
    assert_int_equal(add(s, "a", 1), 1);
    tern_db_fail_at(s->db, 1, TERN_FAULT_FULL);
    assert_int_equal(tern_db_commit(s->db, &s->err), -1);
    assert_int_equal(s->err.fault, TERN_FAULT_FULL);
    assert_false(tern_db_in_transaction(s->db));
    assert_int_equal(count(s), 0);
}

/* PRAGMA max_page_count makes a full store without a full disk: SQLite itself then ends the transaction. */
static int fill_up(struct store *s)
{
    pragma(s, "PRAGMA max_page_count=20");
    static const char blob[] = "INSERT INTO t (b) VALUES (zeroblob(20000))";
    for (int i = 0; i < 100; i++) {
        if (tern_db_run(s->db, blob, TERN_DB_NO_ARGS, &s->err) < 0) {
            return 0;
        }
    }
    return -1;
}

static void a_full_store_ends_the_transaction_and_nothing_runs_outside_it(void **state)
{
    struct store *s = *state;
    open_with_table(s);
    assert_true(tern_sqlite_has_ballast(s->db));
    assert_int_equal(tern_db_begin(s->db, &s->err), 0);
    assert_int_equal(tern_db_savepoint(s->db, &s->err), 0);
    assert_int_equal(fill_up(s), 0);
    assert_int_equal(s->err.fault, TERN_FAULT_FULL);
    assert_false(tern_sqlite_has_ballast(s->db));
    if (!tern_db_in_transaction(s->db)) {
        assert_int_equal(add(s, "alone", 1), -1);
        assert_int_equal(s->err.fault, TERN_FAULT_FULL);
        assert_int_equal(tern_db_undo(s->db, &s->err), -1);
        assert_int_equal(tern_db_commit(s->db, &s->err), -1);
        assert_int_equal(s->err.fault, TERN_FAULT_FULL);
    } else {
        tern_db_rollback(s->db);
    }
    pragma(s, "PRAGMA max_page_count=1000000");
    assert_int_equal(count(s), 0);
    assert_int_equal(tern_db_begin(s->db, &s->err), 0);
    assert_int_equal(add(s, "again", 1), 1);
    assert_int_equal(tern_db_commit(s->db, &s->err), 0);
    assert_int_equal(tern_db_maintain(s->db, true, &s->err), 0);
    assert_true(tern_sqlite_has_ballast(s->db));
}

static void a_reader_sees_what_is_committed_and_writes_nothing(void **state)
{
    struct store *s = *state;
    struct tern_db *reader = NULL;
    open_with_table(s);
    assert_int_equal(tern_db_open_reader(s->url, &reader, &s->err), 0);
    assert_int_equal(tern_db_begin(s->db, &s->err), 0);
    assert_int_equal(add(s, "a", 1), 1);
    int64_t seen = -1;
    assert_int_equal(tern_db_get_int(reader, count_t, TERN_DB_NO_ARGS, &seen, &s->err), 1);
    assert_int_equal(seen, 0);
    assert_int_equal(tern_db_commit(s->db, &s->err), 0);
    assert_int_equal(tern_db_get_int(reader, count_t, TERN_DB_NO_ARGS, &seen, &s->err), 1);
    assert_int_equal(seen, 1);
    assert_int_equal(tern_db_run(reader, "DELETE FROM t", TERN_DB_NO_ARGS, &s->err), -1);
    assert_int_equal(tern_db_begin(reader, &s->err), 0);
    assert_int_equal(tern_db_get_int(reader, count_t, TERN_DB_NO_ARGS, &seen, &s->err), 1);
    assert_int_equal(add(s, "b", 1), 1);
    assert_int_equal(tern_db_get_int(reader, count_t, TERN_DB_NO_ARGS, &seen, &s->err), 1);
    assert_int_equal(seen, 1);
    assert_int_equal(tern_db_commit(reader, &s->err), 0);
    tern_db_close(reader);
}

static void a_store_in_memory_works_and_has_no_reader(void **state)
{
    struct store *s = *state;
    struct tern_db *reader = NULL;
    strcpy(s->url, "sqlite::memory:");
    open_with_table(s);
    assert_int_equal(add(s, "a", 1), 1);
    assert_int_equal(count(s), 1);
    assert_int_equal(tern_db_maintain(s->db, true, &s->err), 0);
    assert_int_equal(tern_db_open_reader(s->url, &reader, &s->err), -1);
    assert_non_null(strstr(s->err.text, "memory"));
    assert_null(reader);
}

static void a_second_process_is_refused(void **state)
{
    struct store *s = *state;
    struct tern_db *second = NULL;
    open_store(s);
    assert_int_equal(tern_db_open(s->url, &second, &s->err), -1);
    assert_non_null(strstr(s->err.text, "another process"));
    tern_db_close(s->db);
    open_store(s);
}

static void a_path_may_be_written_in_three_ways_and_its_folders_are_made(void **state)
{
    struct store *s = *state;
    snprintf(s->url, sizeof s->url, "sqlite://%s/deep/er/x.db", s->folder);
    open_store(s);
    tern_db_close(s->db);
    s->db = NULL;
    struct stat about;
    char path[128];
    snprintf(path, sizeof path, "%s/deep/er/x.db", s->folder);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    snprintf(path, sizeof path, "%s/deep/er", s->folder);
    remove_folder(path);
    snprintf(path, sizeof path, "%s/deep", s->folder);
    remove_folder(path);
}

static void a_url_that_names_no_file_is_refused(void **state)
{
    struct store *s = *state;
    static const char *const wrong[] = {"postgresql://x/y", "sqlite", "sqlite:", "sqlite:/tmp/", "sqlite://host/x", ""};
    for (size_t i = 0; i < TERN_COUNT(wrong); i++) {
        struct tern_db *db = NULL;
        assert_int_equal(tern_db_open(wrong[i], &db, &s->err), -1);
        assert_non_null(strstr(s->err.text, "sqlite:"));
        assert_null(db);
    }
}

static void write_file(const char *path, const char *text, int times)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < times; i++) {
        fputs(text, file);
    }
    fclose(file);
}

static void a_file_that_is_no_store_is_refused_and_left_alone(void **state)
{
    struct store *s = *state;
    write_file(s->path, "this is not a store ", 500);
    assert_int_equal(tern_db_open(s->url, &s->db, &s->err), -1);
    assert_int_equal(s->err.fault, TERN_FAULT_BROKEN);
    struct stat about;
    assert_int_equal(stat(s->path, &about), 0);
    assert_int_equal(about.st_size, 10000);
}

static void a_damaged_store_is_refused_at_open(void **state)
{
    struct store *s = *state;
    open_with_table(s);
    for (int i = 0; i < 400; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(add(s, name, 1), 1);
    }
    tern_db_close(s->db);
    s->db = NULL;
    int fd = open(s->path, O_RDWR);
    char junk[4096];
    memset(junk, 0x5a, sizeof junk);
    assert_int_equal(pwrite(fd, junk, sizeof junk, 8192), sizeof junk);
    close(fd);
    assert_int_equal(tern_db_open(s->url, &s->db, &s->err), -1);
    assert_int_equal(s->err.fault, TERN_FAULT_BROKEN);
}

static void what_was_committed_survives_a_kill(void **state)
{
    struct store *s = *state;
    pid_t child = fork();
    if (child == 0) {
        open_with_table(s);
        add(s, "kept", 1);
        tern_db_begin(s->db, &s->err);
        add(s, "lost", 1);
        kill(getpid(), 9);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    open_store(s);
    assert_int_equal(count(s), 1);
}

static void a_checkpoint_moves_a_log_that_has_grown(void **state)
{
    struct store *s = *state;
    open_with_table(s);
    for (int i = 0; i < 50; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(add(s, name, 1), 1);
    }
    struct stat before, after;
    assert_int_equal(stat(s->path, &before), 0);
    int64_t log = tern_sqlite_log_bytes(s->db);
    assert_true(log > 50 * 4096);
    assert_int_equal(tern_sqlite_checkpoint(s->db, 100000, &s->err), 0);
    assert_int_equal(stat(s->path, &after), 0);
    assert_true(before.st_size == after.st_size);
    assert_int_equal(tern_sqlite_checkpoint(s->db, 10, &s->err), 0);
    assert_int_equal(stat(s->path, &after), 0);
    assert_true(after.st_size > before.st_size);
    assert_int_equal(add(s, "into the beginning of the log", 1), 1);
    assert_true(tern_sqlite_log_bytes(s->db) == log);
}

static void a_checkpoint_does_not_wait_for_a_reader(void **state)
{
    struct store *s = *state;
    struct tern_db *reader = NULL;
    open_with_table(s);
    assert_int_equal(tern_db_open_reader(s->url, &reader, &s->err), 0);
    assert_int_equal(tern_db_begin(reader, &s->err), 0);
    int64_t seen = -1;
    assert_int_equal(tern_db_get_int(reader, count_t, TERN_DB_NO_ARGS, &seen, &s->err), 1);
    assert_int_equal(add(s, "a", 1), 1);
    assert_int_equal(tern_db_maintain(s->db, true, &s->err), 0);
    assert_int_equal(add(s, "b", 1), 1);
    assert_int_equal(tern_db_get_int(reader, count_t, TERN_DB_NO_ARGS, &seen, &s->err), 1);
    assert_int_equal(seen, 0);
    tern_db_rollback(reader);
    tern_db_close(reader);
    assert_int_equal(tern_db_maintain(s->db, true, &s->err), 0);
    assert_int_equal(count(s), 2);
}

static const struct tern_migration one[] = {
    {1, "first", "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);"},
    {0, NULL,    NULL                                                          }
};
static const struct tern_migration two[] = {
    {1, "first", "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);"},
    {3, "third", "INSERT INTO a VALUES (3)"                                    },
    {0, NULL,    NULL                                                          }
};
static const struct tern_migration foreign[] = {
    {1, "first of another", "CREATE TABLE c (x INTEGER) STRICT;"},
    {0, NULL,               NULL                                }
};
static const struct tern_migration bad[] = {
    {1, "first",  "CREATE TABLE a (x INTEGER) STRICT;"                        },
    {2, "second", "CREATE TABLE b (x INTEGER); INSERT INTO nowhere VALUES (1)"},
    {0, NULL,     NULL                                                        }
};

static void steps_of_a_schema_are_applied_once_and_in_order(void **state)
{
    struct store *s = *state;
    open_store(s);
    assert_int_equal(tern_db_migrate(s->db, "shop", one, &s->err), 0);
    assert_int_equal(tern_db_migrate(s->db, "shop", one, &s->err), 0);
    assert_int_equal(pragma(s, "SELECT count(*) FROM a"), 1);
    assert_int_equal(tern_db_migrate(s->db, "shop", two, &s->err), 0);
    assert_int_equal(pragma(s, "SELECT sum(x) FROM a"), 4);
    assert_int_equal(tern_db_migrate(s->db, "other", two + 2, &s->err), 0);
}

static void a_store_newer_than_the_program_is_refused(void **state)
{
    struct store *s = *state;
    open_store(s);
    assert_int_equal(tern_db_migrate(s->db, "shop", two, &s->err), 0);
    assert_int_equal(tern_db_migrate(s->db, "shop", one, &s->err), -1);
    assert_non_null(strstr(s->err.text, "newer"));
}

static void a_store_of_another_program_is_refused(void **state)
{
    struct store *s = *state;
    open_store(s);
    assert_int_equal(tern_db_migrate(s->db, "shop", two, &s->err), 0);
    assert_int_equal(tern_db_migrate(s->db, "shop", foreign, &s->err), -1);
    assert_non_null(strstr(s->err.text, "another program"));
    assert_int_equal(pragma(s, "SELECT count(*) FROM sqlite_schema WHERE name = 'c'"), 0);
    assert_int_equal(tern_db_migrate(s->db, "shop", two, &s->err), 0); /* nothing was changed */
}

static void a_step_that_fails_leaves_nothing_of_itself(void **state)
{
    struct store *s = *state;
    open_store(s);
    assert_int_equal(tern_db_migrate(s->db, "shop", bad, &s->err), -1);
    assert_non_null(strstr(s->err.text, "second"));
    assert_int_equal(pragma(s, "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"), 0);
    assert_int_equal(pragma(s, "SELECT max(number) FROM schema_migration"), 1);
}

struct watcher {
    const char *url;
    atomic_bool *stop;
    int64_t reads;
    bool torn, backwards, failed;
};

/* Reads on a connection of its own until told to stop: what it sees is whole transactions, never fewer than before. */
static void *watch(void *argument)
{
    struct watcher *watcher = argument;
    struct tern_db *reader = NULL;
    int64_t before = 0;
    watcher->failed = tern_db_open_reader(watcher->url, &reader, NULL) < 0;
    if (!watcher->failed) {
        do {
            int64_t now = 0;
            watcher->failed = tern_db_get_int(reader, count_t, TERN_DB_NO_ARGS, &now, NULL) != 1;
            watcher->torn = watcher->torn || now % 3 != 0;
            watcher->backwards = watcher->backwards || now < before;
            watcher->reads++;
            before = now;
        } while (!watcher->failed && !atomic_load(watcher->stop));
    }
    tern_db_close(reader);
    return NULL;
}

static void readers_see_whole_transactions_while_one_writes_and_checkpoints(void **state)
{
    struct store *s = *state;
    struct watcher watchers[3];
    pthread_t threads[3];
    atomic_bool stop = false;
    open_with_table(s);
    for (size_t i = 0; i < TERN_COUNT(watchers); i++) {
        watchers[i] = (struct watcher){.url = s->url, .stop = &stop};
        assert_int_equal(pthread_create(&threads[i], NULL, watch, &watchers[i]), 0);
    }
    for (int i = 0; i < 300; i++) {
        assert_int_equal(tern_db_begin(s->db, &s->err), 0);
        for (int row = 0; row < 3; row++) {
            assert_int_equal(add(s, NULL, row), 1);
        }
        assert_int_equal(tern_db_commit(s->db, &s->err), 0);
        assert_int_equal(tern_sqlite_checkpoint(s->db, 20, &s->err), 0);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < TERN_COUNT(watchers); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(watchers[i].reads > 0);
        assert_false(watchers[i].failed || watchers[i].torn || watchers[i].backwards);
    }
    assert_int_equal(count(s), 900);
}

static void a_version_with_the_known_fault_is_told(void **state)
{
    (void)state;
    const char *version = tern_db_version();
    assert_memory_equal(version, "SQLite 3.", 9);
    long minor = strtol(version + 9, NULL, 10);
    if (minor < 44) {
        assert_non_null(strstr(tern_db_version_warning(), "3.51.3"));
    } else if (minor > 51) {
        assert_null(tern_db_version_warning());
    }
}

static void room_on_the_disk_is_known(void **state)
{
    struct store *s = *state;
    open_store(s);
    assert_true(tern_sqlite_free_bytes(s->db) > 0);
    assert_true(tern_sqlite_log_bytes(s->db) >= 0);
    assert_int_equal(strncmp(tern_db_version(), "SQLite 3.", 9), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(settings_are_those_that_durability_needs),
        T(an_insert_returns_the_key_it_made),
        T(every_kind_of_value_comes_back_as_it_went_in),
        T(a_piece_of_text_needs_no_nul),
        T(a_statement_in_use_can_be_used_again_inside_itself),
        T(a_thousand_statements_are_each_found_again),
        T(a_savepoint_undoes_itself_alone),
        T(a_rollback_leaves_nothing_and_may_be_said_twice),
        T(a_law_of_the_schema_is_a_constraint_and_nothing_else_is_lost),
        T(a_wrong_statement_is_an_error_with_a_sentence),
        T(a_failing_commit_leaves_nothing_open),
        T(a_full_store_ends_the_transaction_and_nothing_runs_outside_it),
        T(a_reader_sees_what_is_committed_and_writes_nothing),
        T(a_store_in_memory_works_and_has_no_reader),
        T(a_second_process_is_refused),
        T(a_path_may_be_written_in_three_ways_and_its_folders_are_made),
        T(a_url_that_names_no_file_is_refused),
        T(a_file_that_is_no_store_is_refused_and_left_alone),
        T(a_damaged_store_is_refused_at_open),
        T(what_was_committed_survives_a_kill),
        T(a_checkpoint_moves_a_log_that_has_grown),
        T(a_checkpoint_does_not_wait_for_a_reader),
        T(steps_of_a_schema_are_applied_once_and_in_order),
        T(a_store_newer_than_the_program_is_refused),
        T(a_store_of_another_program_is_refused),
        T(a_step_that_fails_leaves_nothing_of_itself),
        T(readers_see_whole_transactions_while_one_writes_and_checkpoints),
        T(a_version_with_the_known_fault_is_told),
        T(room_on_the_disk_is_known),
    };
    return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
