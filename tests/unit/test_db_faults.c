/* The store on a sick disk: system calls that fail at their n-th time, and a disk that is really full.
 * SQLite's own seam (xSetSystemCall) is the sick disk; a small tmpfs in a mount namespace is the full one. */
#include "tern_test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/store/sqlite/db_sqlite.h"
#include "common/store/store.h"
#include "tern/db.h"

static const char make_t[] = "CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, b BLOB) STRICT";
static const char add_t[] = "INSERT INTO t (b) VALUES (zeroblob(9000))";
static const char count_t[] = "SELECT count(*) FROM t";

/* ---- the sick disk --------------------------------------------------------------------------------------- */

static struct {
    int writes, flushes; /* calls until the one that fails; 0 = none */
    int error;
    bool short_write;
} sick;

static ssize_t sick_pwrite(int fd, const void *bytes, size_t length, off_t at)
{
    if (sick.writes > 0 && --sick.writes == 0) {
        if (sick.short_write) {
            (void)!pwrite(fd, bytes, length / 2, at);
        }
        errno = sick.error;
        return -1;
    }
    return pwrite(fd, bytes, length, at);
}

/* In place of the C library's: SQLite has no seam for it. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int fdatasync(int fd)
{
    if (sick.flushes > 0 && --sick.flushes == 0) {
        errno = sick.error;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

static void make_sick(void)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    memset(&sick, 0, sizeof sick);
    assert_int_equal(vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)sick_pwrite), SQLITE_OK);
    vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)sick_pwrite);
}

static void make_well(void)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    vfs->xSetSystemCall(vfs, NULL, NULL);
    memset(&sick, 0, sizeof sick);
}

struct store {
    char folder[64], url[128];
    struct tern_db *db;
    struct tern_error err;
};

static int set_up(void **state)
{
    struct store *s = calloc(1, sizeof *s);
    strcpy(s->folder, "/tmp/tern-sick-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(s->url, sizeof s->url, "sqlite:%s/x.db", s->folder);
    assert_int_equal(tern_db_open(s->url, &s->db, &s->err), 0);
    assert_int_equal(tern_db_run(s->db, make_t, TERN_DB_NO_ARGS, &s->err), 0);
    make_sick();
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct store *s = *state;
    static const char *const files[] = {"x.db", "x.db-wal", "x.db-shm", "x.db.lock", "x.db.ballast"};
    make_well();
    tern_db_close(s->db);
    for (size_t i = 0; i < TERN_COUNT(files); i++) {
        char name[128];
        snprintf(name, sizeof name, "%s/%s", s->folder, files[i]);
        unlink(name);
    }
    rmdir(s->folder);
    free(s);
    return 0;
}

static int64_t count(struct store *s)
{
    int64_t n = -1;
    assert_int_equal(tern_db_get_int(s->db, count_t, TERN_DB_NO_ARGS, &n, &s->err), 1);
    return n;
}

/* A transaction of three rows of three pages. Rolled back, whatever failed; never half there. */
static int add_three(struct store *s)
{
    int result = tern_db_begin(s->db, &s->err);
    for (int i = 0; i < 3 && result == 0; i++) {
        result = tern_db_run(s->db, add_t, TERN_DB_NO_ARGS, &s->err) < 0 ? -1 : 0;
    }
    if (result == 0) {
        return tern_db_commit(s->db, &s->err);
    }
    tern_db_rollback(s->db);
    return -1;
}

static void reopen(struct store *s)
{
    tern_db_close(s->db);
    s->db = NULL;
    if (tern_db_open(s->url, &s->db, &s->err) < 0) {
        fail_msg("%s", s->err.text);
    }
}

static void a_flush_that_fails_means_stop_and_the_row_was_not_promised(void **state)
{
    struct store *s = *state;
    assert_int_equal(add_three(s), 0);
    sick.flushes = 1;
    sick.error = EIO;
    assert_int_equal(add_three(s), -1);
    assert_int_equal(s->err.fault, TERN_FAULT_BROKEN);
    assert_non_null(strstr(s->err.text, "Input/output error"));
    assert_false(tern_db_in_transaction(s->db));
    make_well();
    assert_int_equal(add_three(s), -1);
    assert_int_equal(s->err.fault, TERN_FAULT_BROKEN);
    assert_int_equal(tern_db_maintain(s->db, true, &s->err), -1);
    reopen(s);
    assert_in_range(count(s), 3, 6);
    assert_int_equal(count(s) % 3, 0);
}

/* Fails the n-th write of a transaction, for every n, and looks at what is left each time. */
static void each_write_fails(struct store *s, int error, bool short_write, enum tern_fault fault)
{
    int64_t before = count(s);
    int failed = 0;
    for (int nth = 1; nth < 200; nth++) {
        sick.writes = nth;
        sick.error = error;
        sick.short_write = short_write;
        int result = add_three(s);
        bool reached = sick.writes == 0;
        sick.writes = 0;
        assert_false(tern_db_in_transaction(s->db));
        if (!reached) {
            assert_int_equal(result, 0);
            assert_true(failed > 5);
            break;
        }
        failed++;
        assert_int_equal(result, -1);
        if (s->err.fault != fault) {
            fail_msg("write %d: %s", nth, s->err.text);
        }
        if (fault == TERN_FAULT_BROKEN) {
            assert_int_equal(tern_db_run(s->db, count_t, TERN_DB_NO_ARGS, &s->err), -1);
            assert_int_equal(s->err.fault, TERN_FAULT_BROKEN);
            reopen(s);
        }
        assert_int_equal(count(s), before);
    }
    assert_int_equal(count(s), before + 3);
    make_well();
    reopen(s);
    assert_int_equal(count(s), before + 3);
}

static void a_write_without_room_is_full_and_undone_at_any_point(void **state)
{
    each_write_fails(*state, ENOSPC, false, TERN_FAULT_FULL);
}

static void a_write_over_the_quota_is_full_too(void **state)
{
    each_write_fails(*state, EDQUOT, false, TERN_FAULT_FULL);
}

static void a_write_that_fails_half_way_is_broken_and_undone(void **state)
{
    each_write_fails(*state, EIO, true, TERN_FAULT_BROKEN);
}

static void a_checkpoint_that_fails_loses_nothing(void **state)
{
    struct store *s = *state;
    assert_int_equal(add_three(s), 0);
    sick.writes = 2;
    sick.error = ENOSPC;
    assert_int_equal(tern_db_maintain(s->db, true, &s->err), -1);
    assert_int_equal(s->err.fault, TERN_FAULT_FULL);
    assert_int_equal(count(s), 3);
    assert_int_equal(tern_db_maintain(s->db, true, &s->err), 0);
    make_well();
    reopen(s);
    assert_int_equal(count(s), 3);
}

/* ---- the full disk --------------------------------------------------------------------------------------- */

#define CHECK(condition)                                                           \
    do {                                                                           \
        if (!(condition)) {                                                        \
            fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #condition, err.text); \
            _exit(1);                                                              \
        }                                                                          \
    } while (0)

/* A file that takes all the room there is. */
static void fill_disk(const char *name)
{
    static char block[4096];
    int fd = open(name, O_WRONLY | O_CREAT | O_APPEND, 0600);
    while (write(fd, block, sizeof block) > 0) {
    }
    close(fd);
}

/* In a child, in a mount namespace of its own: nobody else sees the disk, and it goes with the child. */
static bool mount_small_disk(const char *folder)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", folder, "tmpfs", 0, "size=40m") == 0;
}

static void live_through_a_full_disk(const char *folder)
{
    struct tern_error err = {0};
    struct tern_db *db = NULL;
    char url[128], filler[96];
    int64_t n = 0, kept = 0;
    snprintf(url, sizeof url, "sqlite:%s/x.db", folder);
    snprintf(filler, sizeof filler, "%s/filler", folder);
    CHECK(tern_db_open(url, &db, &err) == 0);
    CHECK(tern_sqlite_has_ballast(db));
    CHECK(tern_db_run(db, make_t, TERN_DB_NO_ARGS, &err) == 0);
    fill_disk(filler);
    CHECK(tern_sqlite_free_bytes(db) == 0);
    while (tern_db_run(db, add_t, TERN_DB_NO_ARGS, &err) >= 0) {
        kept++;
        CHECK(kept < 100000);
    }
    CHECK(err.fault == TERN_FAULT_FULL);
    CHECK(!tern_sqlite_has_ballast(db));
    CHECK(tern_db_get_int(db, count_t, TERN_DB_NO_ARGS, &n, &err) == 1 && n == kept);
    CHECK(tern_db_run(db, add_t, TERN_DB_NO_ARGS, &err) == 1); /* the ballast's room */
    unlink(filler);
    CHECK(tern_db_run(db, add_t, TERN_DB_NO_ARGS, &err) == 1);
    CHECK(!tern_sqlite_has_ballast(db));
    CHECK(tern_sqlite_checkpoint(db, 100000, &err) == 0); /* nothing to move, but there is room again */
    CHECK(tern_sqlite_has_ballast(db));
    CHECK(tern_db_maintain(db, true, &err) == 0);
    CHECK(tern_db_get_int(db, count_t, TERN_DB_NO_ARGS, &n, &err) == 1 && n == kept + 2);
    _exit(0); /* as a kill: the log stays behind, to be recovered by the next open */
}

static void open_on_a_full_disk(const char *folder)
{
    struct tern_error err = {0};
    struct tern_db *db = NULL;
    char url[128], filler[96];
    int64_t n = 0;
    snprintf(url, sizeof url, "sqlite:%s/x.db", folder);
    snprintf(filler, sizeof filler, "%s/filler", folder);
    pid_t first = fork();
    if (first == 0) {
        CHECK(tern_db_open(url, &db, &err) == 0);
        CHECK(tern_db_run(db, make_t, TERN_DB_NO_ARGS, &err) == 0);
        CHECK(tern_db_run(db, add_t, TERN_DB_NO_ARGS, &err) == 1);
        kill(getpid(), SIGKILL);
    }
    CHECK(waitpid(first, NULL, 0) == first);
    char shm[96];
    snprintf(shm, sizeof shm, "%s/x.db-shm", folder);
    CHECK(truncate(shm, 0) == 0); /* as after a reboot: recovery must make it again */
    fill_disk(filler);
    CHECK(tern_db_open(url, &db, &err) == 0);
    CHECK(!tern_sqlite_has_ballast(db));
    CHECK(tern_db_get_int(db, count_t, TERN_DB_NO_ARGS, &n, &err) == 1 && n == 1);
    tern_db_close(db);
    _exit(0);
}

static void run_on_small_disk(void (*story)(const char *folder))
{
    char folder[64] = "/tmp/tern-full-XXXXXX";
    assert_non_null(mkdtemp(folder));
    pid_t child = fork();
    if (child == 0) {
        if (!mount_small_disk(folder)) {
            _exit(77);
        }
        story(folder);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    rmdir(folder);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        skip();
    }
    assert_int_equal(status, 0);
}

static void a_full_disk_is_survived_and_the_ballast_comes_back(void **state)
{
    (void)state;
    run_on_small_disk(live_through_a_full_disk);
}

static void a_store_opens_on_a_full_disk_by_giving_up_its_ballast(void **state)
{
    (void)state;
    run_on_small_disk(open_on_a_full_disk);
}

static int no_rollback(void *self, int action, const char *what, const char *b, const char *c, const char *d)
{
    (void)self;
    (void)b;
    (void)c;
    (void)d;
    return action == SQLITE_TRANSACTION && strcmp(what, "ROLLBACK") == 0 ? SQLITE_DENY : SQLITE_OK;
}

static void a_commit_that_cannot_even_be_rolled_back_is_broken_and_nothing_runs_after_it(void **state)
{
    struct store *s = *state;
    assert_int_equal(tern_db_begin(s->db, &s->err), 0);
    assert_int_equal(tern_db_run(s->db, add_t, TERN_DB_NO_ARGS, &s->err), 1);
    sqlite3_set_authorizer(s->db->handle, no_rollback, NULL);
    assert_false(tern_db_is_broken(s->db));
    tern_db_fail_at(s->db, 1, TERN_FAULT_OTHER);
    assert_int_equal(tern_db_commit(s->db, &s->err), -1);
    assert_int_equal(s->err.fault, TERN_FAULT_BROKEN);
    assert_true(tern_db_is_broken(s->db));
    assert_int_equal(tern_db_begin(s->db, &s->err), -1);
    assert_int_equal(s->err.fault, TERN_FAULT_BROKEN);
    tern_db_close(s->db);
    assert_int_equal(tern_db_open(s->url, &s->db, &s->err), 0);
    assert_int_equal(count(s), 0);
}

/* ---- what a crash leaves behind, and what becomes of it ------------------------------------------------------ */

/* Another store, y.db, whose process is killed after so many commits of one row. */
static void leave_behind(const struct store *s, int commits, char name[96])
{
    struct tern_error err = {0};
    struct tern_db *db = NULL;
    char url[128];
    int status;
    snprintf(name, 96, "%s/y.db", s->folder);
    snprintf(url, sizeof url, "sqlite:%s", name);
    pid_t child = fork();
    if (child == 0) {
        CHECK(tern_db_open(url, &db, &err) == 0);
        CHECK(commits == 0 || tern_db_run(db, make_t, TERN_DB_NO_ARGS, &err) == 0);
        for (int i = 0; i < commits; i++) {
            CHECK(tern_db_run(db, add_t, TERN_DB_NO_ARGS, &err) == 1);
        }
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void remove_file(const char *name, const char *ending)
{
    char path[128];
    snprintf(path, sizeof path, "%s%s", name, ending);
    (void)unlink(path);
}

/* NULL when it opens, with so many rows; else what it says. */
static const char *opens(const char *name, int64_t rows)
{
    static struct tern_error err;
    struct tern_db *db = NULL;
    char url[128];
    int64_t n = -1;
    snprintf(url, sizeof url, "sqlite:%s", name);
    if (tern_db_open(url, &db, &err) < 0) {
        assert_int_equal(err.fault, TERN_FAULT_BROKEN);
        return err.text;
    }
    if (rows >= 0) {
        assert_int_equal(tern_db_get_int(db, count_t, TERN_DB_NO_ARGS, &n, &err), 1);
        assert_int_equal(n, rows);
    }
    tern_db_close(db);
    return NULL;
}

static void remove_store(const char *name)
{
    static const char *const endings[] = {"", "-wal", "-shm", ".lock", ".ballast"};
    for (size_t i = 0; i < TERN_COUNT(endings); i++) {
        remove_file(name, endings[i]);
    }
}

static void a_log_that_is_gone_is_missed(void **state)
{
    char name[96];
    leave_behind(*state, 3, name);
    assert_null(opens(name, 3)); /* as it was left */
    assert_null(opens(name, 3)); /* closed in order: there is no log, and nothing to miss */
    remove_store(name);
    leave_behind(*state, 3, name);
    remove_file(name, "-wal");
    assert_non_null(strstr(opens(name, 0), "(-wal) is gone"));
    assert_non_null(strstr(opens(name, 0), "remove its .lock file"));
    remove_file(name, ".lock");
    assert_null(opens(name, -1)); /* somebody has said so */
    remove_store(name);
    leave_behind(*state, 0, name);
    assert_null(opens(name, -1));
    remove_store(name);
    leave_behind(*state, 3, name);
    remove_file(name, "");
    remove_file(name, "-wal");
    remove_file(name, "-shm");
    assert_non_null(strstr(opens(name, -1), "remove its .lock file")); /* not another store in its place, in silence */
    remove_file(name, ".lock");
    assert_null(opens(name, -1));
    remove_store(name);
}

static void flip_bit(const char *name, const char *ending, off_t at)
{
    char path[128];
    unsigned char byte;
    snprintf(path, sizeof path, "%s%s", name, ending);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static off_t size_of(const char *name, const char *ending)
{
    char path[128];
    struct stat about;
    snprintf(path, sizeof path, "%s%s", name, ending);
    assert_int_equal(stat(path, &about), 0);
    return about.st_size;
}

static void a_damaged_log_is_not_taken_for_a_short_one(void **state)
{
    char name[96];
    const off_t frame = 24 + 4096;
    leave_behind(*state, 6, name);
    off_t size = size_of(name, "-wal");
    assert_true(size > 32 + 10 * frame);
    for (off_t at = 0; at < size - 7 * frame; at += at < 32 ? 5 : frame / 2 + 13) { /* the header, then frames */
        flip_bit(name, "-wal", at);
        const char *said = opens(name, 6);
        if (said == NULL || strstr(said, "(-wal) is damaged") == NULL) {
            fail_msg("a bit of byte %lld: %s", (long long)at, said != NULL ? said : "nothing");
        }
        flip_bit(name, "-wal", at);
    }
    assert_null(opens(name, 6));
    remove_store(name);
}

/* What a power cut leaves: the last commit is there in part, and was never answered. */
static void a_log_whose_last_commit_is_torn_is_recovered_without_it(void **state)
{
    char name[96], path[128];
    leave_behind(*state, 4, name);
    snprintf(path, sizeof path, "%s-wal", name);
    assert_int_equal(truncate(path, size_of(name, "-wal") - 100), 0);
    assert_null(opens(name, 3));
    leave_behind(*state, 2, name);
    assert_null(opens(name, 5)); /* what was torn is not found again behind them */
    remove_store(name);
}

static void the_shared_index_of_the_log_is_made_again(void **state)
{
    char name[96];
    leave_behind(*state, 4, name);
    for (off_t at = 0; at < 200; at++) {
        flip_bit(name, "-shm", at);
    }
    assert_null(opens(name, 4));
    remove_store(name);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_flush_that_fails_means_stop_and_the_row_was_not_promised),
        T(a_write_without_room_is_full_and_undone_at_any_point),
        T(a_write_over_the_quota_is_full_too),
        T(a_write_that_fails_half_way_is_broken_and_undone),
        T(a_checkpoint_that_fails_loses_nothing),
        T(a_commit_that_cannot_even_be_rolled_back_is_broken_and_nothing_runs_after_it),
        T(a_log_that_is_gone_is_missed),
        T(a_damaged_log_is_not_taken_for_a_short_one),
        T(a_log_whose_last_commit_is_torn_is_recovered_without_it),
        T(the_shared_index_of_the_log_is_made_again),
        cmocka_unit_test(a_full_disk_is_survived_and_the_ballast_comes_back),
        cmocka_unit_test(a_store_opens_on_a_full_disk_by_giving_up_its_ballast),
    };
    return cmocka_run_group_tests_name("db_faults", tests, NULL, NULL);
}
