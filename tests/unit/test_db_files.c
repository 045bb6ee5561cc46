/* test_db_files.c - which file a store is, by whatever name it is reached, and what becomes of it when somebody takes the
 * file or its name away. What another process does is done by a child. */
#include "tern_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/store/sqlite/db_sqlite.h"
#include "common/store/store.h"
#include "folder.h"
#include "tern/db.h"

static const char make_t[] = "CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, b BLOB) STRICT";
static const char add_t[] = "INSERT INTO t (b) VALUES (zeroblob(9000))";
static const char count_t[] = "SELECT count(*) FROM t";

struct play {
    char folder[TEST_FOLDER_SIZE];
    struct tern_db *db;
    struct tern_error err;
};

static int set_up(void **state)
{
    struct play *play = test_calloc(1, sizeof *play);
    test_folder_make("files", play->folder);
    assert_int_equal(chdir(play->folder), 0);
    *state = play;
    return 0;
}

static int tear_down(void **state)
{
    struct play *play = *state;
    tern_db_close(play->db);
    assert_int_equal(chdir("/"), 0);
    test_folder_remove(play->folder);
    test_free(play);
    return 0;
}

static void run(const char *command)
{
    if (system(command) != 0) fail_msg("%s", command);
}

static mode_t mode_of(const char *name)
{
    struct stat about;
    if (stat(name, &about) < 0) fail_msg("%s: %s", name, strerror(errno));
    return about.st_mode & 07777;
}

static void open_at(struct play *play, const char *url)
{
    if (tern_db_open(url, &play->db, &play->err) < 0) fail_msg("%s", play->err.text);
    assert_int_equal(tern_db_run(play->db, make_t, TERN_DB_NO_ARGS, &play->err), 0);
}

static void close_it(struct play *play)
{
    tern_db_close(play->db);
    play->db = NULL;
}

static int add_row(struct play *play)
{
    if (tern_db_begin(play->db, &play->err) < 0) return -1;
    if (tern_db_run(play->db, add_t, TERN_DB_NO_ARGS, &play->err) < 0) return -1;
    return tern_db_commit(play->db, &play->err);
}

static int64_t rows(struct play *play)
{
    int64_t count = -1;
    assert_int_equal(tern_db_get_int(play->db, count_t, TERN_DB_NO_ARGS, &count, &play->err), 1);
    return count;
}

/* Another process opens the store, commits `commits` rows, and is killed with it open. */
static void killed_with(const char *url, int commits)
{
    struct play other = {.db = NULL};
    int status;
    pid_t child = fork();
    if (child == 0) {
        if (tern_db_open(url, &other.db, NULL) < 0) _exit(1);
        if (tern_db_run(other.db, make_t, TERN_DB_NO_ARGS, NULL) < 0) _exit(2);
        for (int i = 0; i < commits; i++)
            if (add_row(&other) < 0) _exit(3);
        (void)kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status)) fail_msg("the other process ended with %d", WEXITSTATUS(status));
}

/* What another process is told that opens it too. */
static void another_is_refused(const char *url, const char *sentence)
{
    char said[sizeof((struct tern_error *)NULL)->text] = "it was let in";
    struct tern_error err = {0};
    struct tern_db *db = NULL;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        if (tern_db_open(url, &db, &err) < 0) (void)!write(ends[1], err.text, sizeof err.text);
        _exit(0);
    }
    close(ends[1]);
    (void)!read(ends[0], said, sizeof said);
    close(ends[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    if (!strstr(said, sentence)) fail_msg("%s: %s", url, said);
}

static void is_refused(struct play *play, const char *url, const char *sentence)
{
    assert_int_equal(tern_db_open(url, &play->db, &play->err), -1);
    if (!strstr(play->err.text, sentence)) fail_msg("%s: %s", url, play->err.text);
}

/* ---- the URL ---- */

static void a_url_names_one_file_in_whatever_way_it_is_written(void **state)
{
    struct play *play = *state;
    char url[160];
    static const struct {
        const char *url, *file;
    } cases[] = {
        {"sqlite:x.db",                "x.db"            },
        {"sqlite:var/x.db",            "var/x.db"        },
        {"sqlite:a folder/x.db",       "a folder/x.db"   },
        {"sqlite:another%20one/x.db",  "another one/x.db"},
        {"sqlite:an%2520escape/x.db",  "an%20escape/x.db"},
        {"sqlite:which%3F%23%25/x.db", "which?#%/x.db"   },
        {"sqlite:zo%c3%ab/x.db",       "zo\xc3\xab/x.db" },
        {"sqlite:new/./deep//er/x.db", "new/deep/er/x.db"},
        {"sqlite:var/../up.db",        "up.db"           },
    };
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        assert_int_equal(tern_db_check_url(cases[i].url, &play->err), 0);
        open_at(play, cases[i].url);
        assert_int_equal(mode_of(cases[i].file), 0600);
        (void)snprintf(url, sizeof url, "%s/%s", play->folder, cases[i].file);
        assert_string_equal(tern_db_path(play->db), url);
        close_it(play);
    }
    (void)snprintf(url, sizeof url, "sqlite://%s/a%%20third/x.db", play->folder);
    open_at(play, url);
    assert_int_equal(mode_of("a third/x.db"), 0600);
}

static void a_url_with_a_query_or_a_bad_escape_is_refused_by_name(void **state)
{
    struct play *play = *state;
    static const struct {
        const char *url, *sentence;
    } cases[] = {
        {"sqlite:x.db?mode=rw",    "takes no \"?mode=rw\""  },
        {"sqlite:///x/y.db?a=b",   "write %3F"              },
        {"sqlite:x.db#part",       "takes no \"#part\""     },
        {"sqlite:100%/x.db",       "written %25"            },
        {"sqlite:100%2",           "written %25"            },
        {"sqlite:x%00.db",         "no control characters"  },
        {"sqlite:x%0a.db",         "(%0a)"                  },
        {"sqlite:missing/../x.db", "\"..\" follows a folder"},
        {"sqlite:%2f",             "the path of a file"     },
    };
    for (size_t i = 0; i < TERN_COUNT(cases); i++)
        is_refused(play, cases[i].url, cases[i].sentence);
    assert_int_equal(system("test -z \"$(ls)\""), 0);
}

static void a_store_whose_name_was_taken_literally_is_not_left_behind(void **state)
{
    struct play *play = *state;
    open_at(play, "sqlite:a%2520b.db");
    close_it(play);
    is_refused(play, "sqlite:a%20b.db", "write the \"%\" of its name as %25");
    open_at(play, "sqlite:a%2520b.db");
}

/* ---- one file, many names ---- */

static void a_store_reached_by_a_link_is_recovered_after_a_kill(void **state)
{
    struct play *play = *state;
    run("mkdir disk && ln -s disk/x.db link.db && ln -s link.db link2.db && ln -s disk folder");
    killed_with("sqlite:link2.db", 3);
    run("test -f disk/x.db-wal && test -f disk/x.db.lock && test ! -e link2.db-wal && test ! -e link2.db.lock");
    open_at(play, "sqlite:folder/x.db");
    assert_int_equal(rows(play), 3);
}

static void a_second_process_is_refused_by_whatever_name_it_comes(void **state)
{
    struct play *play = *state;
    run("mkdir disk other && ln -s disk/x.db link.db && ln -s disk folder");
    open_at(play, "sqlite:link.db");
    another_is_refused("sqlite:link.db", "another process");
    another_is_refused("sqlite:disk/x.db", "another process");
    another_is_refused("sqlite:folder/x.db", "another process");
    run("ln disk/x.db other/hard.db");
    another_is_refused("sqlite:other/hard.db", "another process");
    run("rm disk/x.db.lock");
    another_is_refused("sqlite:disk/x.db", "another process");
    assert_int_equal(add_row(play), 0); /* none of them has shaken SQLite's own locks */
}

static void a_dangling_link_makes_the_store_where_it_leads(void **state)
{
    struct play *play = *state;
    mode_t before = umask(0);
    run("mkdir disk && ln -s disk/x.db link.db && ln -s unmounted/x.db nowhere.db && ln -s round.db round.db");
    open_at(play, "sqlite:link.db");
    umask(before);
    assert_int_equal(mode_of("disk/x.db"), 0600);
    assert_int_equal(mode_of("disk/x.db-wal"), 0600);
    assert_int_equal(mode_of("disk/x.db-shm"), 0600);
    assert_int_equal(mode_of("disk/x.db.lock"), 0600);
    assert_int_equal(mode_of("disk/x.db.ballast"), 0600);
    close_it(play);
    is_refused(play, "sqlite:nowhere.db", "cannot reach the folder"); /* a disk that is not mounted, perhaps */
    is_refused(play, "sqlite:round.db", "symbolic links");
}

static void what_others_may_read_is_taken_away_from_them(void **state)
{
    struct play *play = *state;
    mode_t before = umask(0377);
    open_at(play, "sqlite:new.db");
    assert_int_equal(mode_of("new.db"), 0600);
    assert_int_equal(mode_of("new.db.lock"), 0600);
    umask(before);
    close_it(play);
    killed_with("sqlite:x.db", 1);
    run("chmod 0666 x.db x.db-wal x.db-shm x.db.lock x.db.ballast");
    open_at(play, "sqlite:x.db");
    assert_int_equal(mode_of("x.db"), 0600);
    assert_int_equal(mode_of("x.db-wal"), 0600);
    assert_int_equal(mode_of("x.db-shm"), 0600);
    assert_int_equal(mode_of("x.db.lock"), 0600);
    assert_int_equal(mode_of("x.db.ballast"), 0600);
}

/* Rights that only its owner could change: the store is used, and it is told. */
static void a_store_of_another_user_is_used_as_it_is(void **state)
{
    enum { NOBODY = 65534 };
    struct play *play = *state;
    int status;
    if (geteuid() != 0) skip();
    open_at(play, "sqlite:x.db");
    assert_false(tern_db_is_exposed(play->db));
    close_it(play);
    run("chmod 0777 . && chmod 0666 x.db x.db.lock x.db.ballast");
    pid_t child = fork();
    if (child == 0) {
        struct play other = {.db = NULL};
        if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0) _exit(1);
        if (tern_db_open("sqlite:x.db", &other.db, NULL) < 0) _exit(2);
        if (!tern_db_is_exposed(other.db) || add_row(&other) < 0) _exit(3);
        tern_db_close(other.db);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void what_is_no_file_is_refused(void **state)
{
    struct play *play = *state;
    run("mkdir folder.db && mkfifo pipe.db");
    is_refused(play, "sqlite:folder.db", "Is a directory");
    is_refused(play, "sqlite:pipe.db", "is no file");
}

/* ---- what was left behind ---- */

static void a_store_that_is_gone_is_missed(void **state)
{
    struct play *play = *state;
    static const char *const ways[] = {"rm x.db", "mv x.db elsewhere.db", "rm x.db && touch x.db"};
    for (size_t i = 0; i < TERN_COUNT(ways); i++) {
        open_at(play, "sqlite:x.db");
        close_it(play);
        run(ways[i]);
        is_refused(play, "sqlite:x.db", "remove its .lock file to begin a new, empty store");
        assert_int_equal(play->err.fault, TERN_FAULT_BROKEN);
        run("rm x.db.lock");
        open_at(play, "sqlite:x.db");
        assert_int_equal(rows(play), 0);
        close_it(play);
    }
}

/* Nothing remembers it where its whole folder is gone: so a new one is told. */
static void a_store_that_is_begun_is_told_from_one_that_was_there(void **state)
{
    struct play *play = *state;
    open_at(play, "sqlite:var/x.db");
    assert_true(tern_db_is_new(play->db));
    close_it(play);
    open_at(play, "sqlite:var/x.db");
    assert_false(tern_db_is_new(play->db));
    close_it(play);
    run("mv var elsewhere");
    open_at(play, "sqlite:var/x.db");
    assert_true(tern_db_is_new(play->db));
    close_it(play);
    open_at(play, "sqlite::memory:");
    assert_false(tern_db_is_new(play->db));
}

static void a_log_without_its_store_is_not_thrown_away(void **state)
{
    struct play *play = *state;
    killed_with("sqlite:x.db", 3);
    run("mv x.db kept.db && rm x.db.lock x.db-shm");
    is_refused(play, "sqlite:x.db", "put it back, or remove the log");
    run("touch x.db");
    is_refused(play, "sqlite:x.db", "put it back, or remove the log");
    run("mv kept.db x.db");
    open_at(play, "sqlite:x.db");
    assert_int_equal(rows(play), 3);
}

/* ---- while it is open ---- */

static void files_that_are_taken_away_end_the_store(void **state)
{
    struct play *play = *state;
    static const struct {
        const char *act, *sentence;
    } cases[] = {
        {"rm x.db",                             "the file of the store"                 },
        {"mv x.db y.db",                        "was removed or renamed while it was in"},
        {"rm x.db x.db-wal x.db-shm x.db.lock", "was removed or renamed"                },
        {"cp x.db y.db && mv y.db x.db",        "was replaced by another"               },
        {"rm x.db-wal",                         "the log (-wal) of the store"           },
        {"mv x.db-wal y && cp y x.db-wal",      "was replaced by another"               },
        {"rm link.db",                          "was removed or renamed"                },
        {"ln -sf y.db link.db && touch y.db",   "was replaced by another"               },
        {"cp x.db y.db && cp y.db x.db",        "was written to by somebody else"       },
        {": >x.db",                             "was written to by somebody else"       },
        {": >x.db-wal",                         "was cut short"                         },
        {"truncate -s -1 x.db-wal",             "was cut short"                         },
    };
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        run("ln -sf x.db link.db");
        open_at(play, "sqlite:link.db");
        assert_int_equal(add_row(play), 0);
        assert_int_equal(add_row(play), 0);
        run(cases[i].act);
        assert_int_equal(add_row(play), -1);
        if (play->err.fault != TERN_FAULT_BROKEN || !strstr(play->err.text, cases[i].sentence))
            fail_msg("%s: %s", cases[i].act, play->err.text);
        assert_true(tern_db_is_broken(play->db));
        assert_int_equal(add_row(play), -1);
        close_it(play);
        run("rm -rf ./*");
    }
}

static void names_are_checked_between_commits_too(void **state)
{
    struct play *play = *state;
    bool linked = true;
    open_at(play, "sqlite:x.db");
    assert_int_equal(add_row(play), 0);
    assert_int_equal(tern_db_check(play->db, &linked, &play->err), 0);
    assert_false(linked);
    run("ln x.db backup.db");
    assert_int_equal(tern_db_check(play->db, &linked, &play->err), 0);
    assert_true(linked);
    assert_int_equal(add_row(play), 0); /* a backup by a hard link is no reason to stop */
    run("rm backup.db && ln x.db-wal backup");
    assert_int_equal(tern_db_check(play->db, &linked, &play->err), 0);
    assert_true(linked);
    run("mv x.db y.db");
    assert_int_equal(tern_db_check(play->db, &linked, &play->err), -1);
    assert_int_equal(play->err.fault, TERN_FAULT_BROKEN);
    run("mv y.db x.db");
    assert_int_equal(tern_db_check(play->db, &linked, &play->err), 0);
    run("rm x.db-shm");
    assert_int_equal(tern_db_check(play->db, &linked, &play->err), -1);
    assert_non_null(strstr(play->err.text, "the index (-shm) of the store"));
}

/* Each row is committed and answered: the store says no more, is not closed in order, and is refused until what was cut
 * off is back. */
static void a_log_that_is_cut_short_is_never_checkpointed(void **state)
{
    struct play *play = *state;
    static const char *const cuts[] = {"truncate -s 0 x.db-wal",
                                       "truncate -s $(($(stat -c %s x.db-wal) / 4)) x.db-wal"};
    bool linked;
    for (size_t i = 0; i < 4 * TERN_COUNT(cuts); i++) {
        int way = (int)(i / TERN_COUNT(cuts));
        open_at(play, "sqlite:x.db");
        for (int row = 0; row < 50; row++)
            assert_int_equal(add_row(play), 0);
        run("cp x.db kept && cp x.db-wal kept-wal");
        run(cuts[i % TERN_COUNT(cuts)]);
        if (way == 1) assert_int_equal(add_row(play), -1);
        if (way == 2) assert_int_equal(tern_db_maintain(play->db, true, &play->err), -1);
        if (way == 3) assert_int_equal(tern_db_check(play->db, &linked, &play->err), -1);
        close_it(play);
        run("cmp x.db kept");
        is_refused(play, "sqlite:x.db", "its log (-wal) is damaged");
        assert_int_equal(play->err.fault, TERN_FAULT_BROKEN);
        run("cp kept-wal x.db-wal");
        open_at(play, "sqlite:x.db");
        assert_int_equal(rows(play), 50);
        close_it(play);
        run("test \"$(cat x.db.lock)\" = shut && rm -rf ./*");
    }
}

static void a_log_that_was_emptied_after_a_kill_is_missed(void **state)
{
    struct play *play = *state;
    killed_with("sqlite:x.db", 3);
    run("cp x.db-wal kept && : >x.db-wal");
    is_refused(play, "sqlite:x.db", "its log (-wal) is damaged");
    run("cp kept x.db-wal");
    open_at(play, "sqlite:x.db");
    assert_int_equal(rows(play), 3);
}

/* SQLite cuts the log to its limit by itself. */
static void a_log_that_was_great_once_is_no_stranger(void **state)
{
    struct play *play = *state;
    static const char add_much[] = "INSERT INTO t (b) VALUES (zeroblob(50000000))";
    bool linked;
    open_at(play, "sqlite:x.db");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tern_db_begin(play->db, &play->err), 0);
        assert_int_equal(tern_db_run(play->db, add_much, TERN_DB_NO_ARGS, &play->err), 1);
        assert_int_equal(tern_db_commit(play->db, &play->err), 0);
        assert_true(tern_sqlite_log_bytes(play->db) > 50000000);
        assert_int_equal(tern_db_maintain(play->db, true, &play->err), 0);
        assert_int_equal(add_row(play), 0);
        assert_true(tern_sqlite_log_bytes(play->db) < 50000000);
        assert_int_equal(tern_db_check(play->db, &linked, &play->err), 0);
    }
    close_it(play);
}

static void our_own_checkpoints_are_no_strangers(void **state)
{
    struct play *play = *state;
    struct tern_db *reader = NULL;
    open_at(play, "sqlite:x.db");
    assert_int_equal(tern_db_open_reader("sqlite:x.db", &reader, &play->err), 0);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(add_row(play), 0);
        assert_int_equal(tern_sqlite_checkpoint(play->db, i % 3, &play->err), 0);
    }
    tern_db_close(reader);
    close_it(play);
    open_at(play, "sqlite:x.db");
    assert_int_equal(rows(play), 50);
    assert_int_equal(add_row(play), 0);
}

/* ---- a copy ---- */

struct copying {
    struct play *play;
    int steps, most; /* asked so often; given up after so many */
};

/* Between the steps of the copy the store is written to, and checkpointed. */
static bool write_meanwhile(void *self)
{
    struct copying *copying = self;
    assert_int_equal(add_row(copying->play), 0);
    assert_int_equal(tern_db_maintain(copying->play->db, true, &copying->play->err), 0);
    return ++copying->steps < copying->most;
}

static void a_copy_is_one_moment_of_a_store_that_is_written_to(void **state)
{
    struct play *play = *state;
    struct copying copying = {play, 0, 1000};
    const struct tern_db_patience patience = {write_meanwhile, &copying};
    struct tern_db_copy copy;
    struct tern_db *reader = NULL;
    struct stat about;
    open_at(play, "sqlite:x.db");
    for (int i = 0; i < 900; i++)
        assert_int_equal(add_row(play), 0);
    assert_int_equal(tern_db_open_reader("sqlite:x.db", &reader, &play->err), 0);
    if (tern_db_copy(reader, "copy.db", &patience, &copy, &play->err) < 0) fail_msg("%s", play->err.text);
    assert_true(copying.steps > 5);
    assert_int_equal(mode_of("copy.db"), 0600);
    assert_int_equal(stat("copy.db", &about), 0);
    assert_int_equal(copy.bytes, about.st_size);
    assert_int_equal(system("test ! -e copy.db-wal"), 0);
    assert_int_equal(tern_db_copy(reader, "copy.db", &patience, &copy, &play->err), -1); /* never over another */
    tern_db_close(reader);
    assert_int_equal(rows(play), 900 + copying.steps);
    close_it(play);
    open_at(play, "sqlite:copy.db");
    assert_int_equal(rows(play), 900);
}

static void a_copy_that_is_given_up_leaves_nothing(void **state)
{
    struct play *play = *state;
    struct copying copying = {play, 0, 2};
    const struct tern_db_patience patience = {write_meanwhile, &copying};
    struct tern_db_copy copy;
    struct tern_db *reader = NULL;
    open_at(play, "sqlite:x.db");
    for (int i = 0; i < 600; i++)
        assert_int_equal(add_row(play), 0);
    assert_int_equal(tern_db_open_reader("sqlite:x.db", &reader, &play->err), 0);
    assert_int_equal(tern_db_copy(reader, "copy.db", &patience, &copy, &play->err), -1);
    assert_non_null(strstr(play->err.text, "given up"));
    assert_int_equal(tern_db_copy(reader, "nowhere/copy.db", &patience, &copy, &play->err), -1);
    tern_db_close(reader);
    run("test -z \"$(ls | grep copy)\"");
}

static void a_copy_is_written_into_a_folder_that_is_a_link(void **state)
{
    struct play *play = *state;
    struct copying copying = {play, 0, 1000};
    const struct tern_db_patience patience = {write_meanwhile, &copying};
    struct tern_db_copy copy;
    struct tern_db *reader = NULL;
    run("mkdir -p disk/backups && ln -s disk link");
    open_at(play, "sqlite:x.db");
    assert_int_equal(tern_db_open_reader("sqlite:x.db", &reader, &play->err), 0);
    if (tern_db_copy(reader, "link/backups/copy.db", &patience, &copy, &play->err) < 0) fail_msg("%s", play->err.text);
    run("ln -s ../../x.db disk/backups/other.db");
    assert_int_equal(tern_db_copy(reader, "link/backups/other.db", &patience, &copy, &play->err), -1);
    tern_db_close(reader);
    assert_int_equal(mode_of("disk/backups/copy.db"), 0600);
}

static bool a_few_times(void *self)
{
    struct copying *copying = self;
    return copying->steps++ < copying->most;
}

/* Written, read back, hashed: a stop does not wait for the rest of it. */
static void a_copy_can_be_given_up_at_any_step(void **state)
{
    struct play *play = *state;
    struct tern_db_copy copy;
    struct tern_db *reader = NULL;
    struct copying all = {play, 0, 1000};
    struct tern_db_patience patience = {a_few_times, &all};
    open_at(play, "sqlite:x.db");
    for (int i = 0; i < 600; i++)
        assert_int_equal(add_row(play), 0);
    assert_int_equal(tern_db_open_reader("sqlite:x.db", &reader, &play->err), 0);
    assert_int_equal(tern_db_copy(reader, "copy.db", &patience, &copy, &play->err), 0);
    assert_true(all.steps > copy.bytes / 4096 / 256 + copy.bytes / (1024 * 1024)); /* the check's come to it */
    for (int most = 0; most < all.steps; most++) {
        struct copying some = {play, 0, most};
        patience.self = &some;
        assert_int_equal(tern_db_copy(reader, "other.db", &patience, &copy, &play->err), -1);
        if (!strstr(play->err.text, "given up")) fail_msg("%d: %s", most, play->err.text);
        assert_int_equal(some.steps, most + 1);
    }
    tern_db_close(reader);
    run("test ! -e other.db");
}

static bool always(void *self)
{
    (void)self;
    return true;
}

/* Whatever the store was doing when it was replaced: the copy does not need its log, and does not take another's. */
static void a_copy_takes_the_place_of_a_store_that_was_killed(void **state)
{
    struct play *play = *state;
    const struct tern_db_patience patience = {always, NULL};
    struct tern_db_copy copy;
    struct tern_db *reader = NULL;
    open_at(play, "sqlite:x.db");
    assert_int_equal(add_row(play), 0);
    assert_int_equal(tern_db_open_reader("sqlite:x.db", &reader, &play->err), 0);
    assert_int_equal(tern_db_copy(reader, "copy.db", &patience, &copy, &play->err), 0);
    tern_db_close(reader);
    close_it(play);
    killed_with("sqlite:x.db", 3);
    run("cp copy.db x.db");
    is_refused(play, "sqlite:x.db", "remove the log to go on with the backup");
    run("rm x.db-wal");
    open_at(play, "sqlite:x.db");
    assert_int_equal(rows(play), 1);
    assert_int_equal(add_row(play), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_url_names_one_file_in_whatever_way_it_is_written),
        T(a_url_with_a_query_or_a_bad_escape_is_refused_by_name),
        T(a_store_whose_name_was_taken_literally_is_not_left_behind),
        T(a_store_reached_by_a_link_is_recovered_after_a_kill),
        T(a_second_process_is_refused_by_whatever_name_it_comes),
        T(a_dangling_link_makes_the_store_where_it_leads),
        T(what_others_may_read_is_taken_away_from_them),
        T(a_store_of_another_user_is_used_as_it_is),
        T(what_is_no_file_is_refused),
        T(a_store_that_is_gone_is_missed),
        T(a_store_that_is_begun_is_told_from_one_that_was_there),
        T(a_log_without_its_store_is_not_thrown_away),
        T(files_that_are_taken_away_end_the_store),
        T(names_are_checked_between_commits_too),
        T(a_log_that_is_cut_short_is_never_checkpointed),
        T(a_log_that_was_emptied_after_a_kill_is_missed),
        T(a_log_that_was_great_once_is_no_stranger),
        T(our_own_checkpoints_are_no_strangers),
        T(a_copy_is_one_moment_of_a_store_that_is_written_to),
        T(a_copy_that_is_given_up_leaves_nothing),
        T(a_copy_is_written_into_a_folder_that_is_a_link),
        T(a_copy_can_be_given_up_at_any_step),
        T(a_copy_takes_the_place_of_a_store_that_was_killed),
    };
    return cmocka_run_group_tests_name("db_files", tests, NULL, NULL);
}
