/* test_storage.c - s: what a disk can do to a running daemon: full, failing, damaged, held by somebody else.
 *
 * An order-service alone on a small disk of its own (a tmpfs in a mount namespace of this process).
 * Faults of single system calls are injected by strace. What cannot be done here is skipped, and says so. */
#include "suite.h"
#include "tern_test.h"
#include "wait_for.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ENDS_WITHIN_S = 20 };

static struct suite suite;
static bool small_disk;
static int64_t answered; /* with 201 */
static int requests;

static int open_suite(void **state)
{
    static const char *const settings[] = {"RETRY_BACKOFF_MS=20", NULL};
    (void)state;
    suite_open(&suite, settings);
    small_disk = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                 mount("none", suite.folder, "tmpfs", 0, "size=48m") == 0;
    if (!small_disk) print_message("no small disk can be mounted here: %s\n", strerror(errno));
    suite_start(&suite, SUITE_ORDER, NULL);
    return 0;
}

static void end_with(int status)
{
    assert_int_equal(suite_await_end(&suite, SUITE_ORDER, ENDS_WITHIN_S), status);
}

static int close_suite(void **state)
{
    (void)state;
    if (suite.pid[SUITE_ORDER] > 0) {
        suite_signal(&suite, SUITE_ORDER, SIGTERM);
        end_with(0);
    }
    if (small_disk) assert_int_equal(umount(suite.folder), 0);
    suite_close(&suite);
    return 0;
}

/* ---- orders, and what became of them ---- */

/* One attempt with this key, or with a new one (0): the status of the answer, 0 when there was none. */
static int place(int key)
{
    struct raw_answer answer;
    char header[64];
    (void)snprintf(header, sizeof header, "Idempotency-Key: disk-%d\r\n", key > 0 ? key : 1000000 + ++requests);
    suite_ask(&suite, SUITE_ORDER, "POST", "/orders", header,
              "{\"customerId\":\"C\",\"items\":[{\"productId\":\"PROD-101\",\"quantity\":1,\"price\":5}]}", &answer);
    int status = answer.status;
    if (status == 503 && !strstr(answer.text, "Retry-After: ")) fail_msg("when to come back? %s", answer.text);
    if (status != 503 && status != 201 && status != 0) fail_msg("neither 201 nor 503: %s", answer.text);
    if (status == 201 && !strstr(answer.text, "Idempotency-Replayed")) answered++;
    raw_answer_fini(&answer);
    return status;
}

static bool takes_orders(void *self)
{
    (void)self;
    return place(0) == 201;
}

static void await_orders(void)
{
    if (!suite_wait(30, takes_orders, NULL)) fail_msg("the door stays shut");
}

/* Nothing that was answered is lost; `unanswered` more may be there. */
static void check_orders(int64_t unanswered)
{
    int64_t orders = suite_store_number(&suite, SUITE_ORDER, "SELECT count(*) FROM orders");
    assert_in_range(orders, answered, answered + unanswered);
    assert_int_equal(
        suite_store_number(&suite, SUITE_ORDER, "SELECT count(*) FROM event_log WHERE type = 'OrderPlaced'"), orders);
    answered = orders;
}

/* ---- a disk with little room ---- */

static void rebuild_answers(int status, const char *contains)
{
    struct raw_answer answer;
    suite_ask(&suite, SUITE_ORDER, "POST", "/admin/projections/rebuild", suite_bearer(&suite, SUITE_ORDER), "{}",
              &answer);
    if (answer.status != status || !strstr(answer.text, contains)) fail_msg("not %d but: %s", status, answer.text);
    raw_answer_fini(&answer);
}

static void test_rebuild_without_room(void **state)
{
    char command[256];
    (void)state;
    if (!small_disk) skip();
    (void)snprintf(command, sizeof command, "head -c 20m /dev/zero > %s/filler", suite.folder);
    assert_int_equal(system(command), 0);
    rebuild_answers(507, "a rebuild needs room for a second copy of the tables");
    (void)snprintf(command, sizeof command, "rm %s/filler", suite.folder);
    assert_int_equal(system(command), 0);
    rebuild_answers(202, "order_stats");
    suite_await_log(&suite, SUITE_ORDER, "a projection was rebuilt", 2);
}

/* ---- faults of single calls ---- */

/* Every thread of the process is traced, or the first call of its own that fails has ended it already. */
static bool is_traced(void *self)
{
    char path[300], line[128];
    (void)self;
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)suite.pid[SUITE_ORDER]);
    DIR *tasks = opendir(path);
    const struct dirent *task;
    bool all = tasks != NULL;
    while (all && (task = readdir(tasks)) != NULL) {
        long tracer = 0;
        if (task->d_name[0] == '.') continue;
        (void)snprintf(path, sizeof path, "/proc/%d/task/%.20s/status", (int)suite.pid[SUITE_ORDER], task->d_name);
        FILE *status = fopen(path, "r");
        while (status != NULL && fgets(line, sizeof line, status) != NULL)
            if (strncmp(line, "TracerPid:", 10) == 0) tracer = strtol(line + 10, NULL, 10);
        if (status != NULL) (void)fclose(status);
        all = tracer > 0;
    }
    if (tasks != NULL) (void)closedir(tasks);
    return all || suite_ended(&suite, SUITE_ORDER);
}

static bool can_inject(void)
{
    bool can = system("strace -o /dev/null true 2>/dev/null") == 0;
    if (!can) print_message("strace cannot trace here: no calls fail\n");
    return can;
}

/* "fdatasync:error=EIO:when=1+". */
static pid_t inject(const char *call, const char *fault)
{
    char process[16], trace[32], injection[64];
    (void)snprintf(process, sizeof process, "%d", (int)suite.pid[SUITE_ORDER]);
    (void)snprintf(trace, sizeof trace, "trace=%s", call);
    (void)snprintf(injection, sizeof injection, "inject=%s:%s", call, fault);
    pid_t pid = fork();
    if (pid == 0) {
        (void)execlp("strace", "strace", "-f", "-o", "/dev/null", "-e", trace, "-e", injection, "-p", process,
                     (char *)NULL);
        _exit(127);
    }
    if (!suite_wait(20, is_traced, NULL)) fail_msg("strace does not come");
    return pid;
}

static void end_injection(pid_t pid)
{
    (void)kill(pid, SIGTERM);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void stops_at_once(const char *call, const char *fault)
{
    static const char said[] = "the store is damaged or its disk fails: stopping";
    int lines = suite_log_lines(&suite, SUITE_ORDER, said);
    await_orders();
    pid_t strace = inject(call, fault);
    assert_int_not_equal(place(0), 201);
    end_with(74);
    end_injection(strace);
    assert_int_equal(suite_log_lines(&suite, SUITE_ORDER, said), lines + 1);
    check_orders(1);
    suite_start(&suite, SUITE_ORDER, NULL);
    await_orders();
    check_orders(0);
}

static void test_flush_fails(void **state)
{
    (void)state;
    if (!can_inject()) skip();
    stops_at_once("fdatasync", "error=EIO:when=1");
    stops_at_once("fdatasync", "error=EIO:when=1+");
}

static void test_write_fails(void **state)
{
    (void)state;
    if (!can_inject()) skip();
    stops_at_once("pwrite64", "error=EIO:when=1");
    stops_at_once("pwrite64", "error=EIO:when=3+");
}

static void test_write_without_room(void **state)
{
    (void)state;
    if (!can_inject()) skip();
    await_orders();
    pid_t strace = inject("pwrite64", "error=ENOSPC:when=1+");
    for (int i = 0; i < 3; i++)
        assert_int_equal(place(7), 503);
    suite_await_answer(&suite, SUITE_ORDER, "/readyz", 503, "the last transaction did not commit");
    end_injection(strace);
    await_orders();
    check_orders(0);
    assert_int_equal(place(7), 201); /* the same key: it had left nothing */
    assert_int_equal(place(7), 201);
    check_orders(0);
}

/* ---- a full disk ---- */

static void fill_disk(void)
{
    static char block[4096];
    char name[96];
    (void)snprintf(name, sizeof name, "%s/filler", suite.folder);
    int fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, block, sizeof block) > 0)
        ;
    close(fd);
}

static void make_room(void)
{
    char name[96];
    (void)snprintf(name, sizeof name, "%s/filler", suite.folder);
    assert_int_equal(unlink(name), 0);
}

static bool is_shut(void *self)
{
    (void)self;
    fill_disk(); /* the other writer takes the ballast's room too */
    return place(0) == 503;
}

static void test_full_disk(void **state)
{
    struct raw_answer answer;
    (void)state;
    if (!small_disk) skip();
    await_orders();
    if (!suite_wait(60, is_shut, NULL)) fail_msg("orders are taken in on a full disk");
    for (int i = 0; i < 5; i++)
        assert_int_equal(place(8), 503);
    suite_await_answer(&suite, SUITE_ORDER, "/readyz", 503, "\"store\":{\"status\":\"fail\"");
    suite_ask(&suite, SUITE_ORDER, "GET", "/orders?limit=1", "", "", &answer);
    assert_int_equal(answer.status, 200);
    raw_answer_fini(&answer);
    make_room();
    await_orders(); /* by itself */
    check_orders(0);
    assert_int_equal(place(8), 201);
    check_orders(0);
}

static void test_killed_on_a_full_disk(void **state)
{
    (void)state;
    if (!small_disk) skip();
    await_orders();
    if (!suite_wait(60, is_shut, NULL)) fail_msg("orders are taken in on a full disk");
    suite_signal(&suite, SUITE_ORDER, SIGKILL);
    end_with(128 + SIGKILL);
    make_room();
    suite_start(&suite, SUITE_ORDER, NULL);
    await_orders();
    check_orders(0);
}

/* ---- files that are not what they were ---- */

static void run(const char *command)
{
    char line[512];
    (void)snprintf(line, sizeof line, "cd %s && %s", suite.folder, command);
    if (system(line) != 0) fail_msg("%s", line);
}

static void refuses_store(const char *store, const char *sentence)
{
    char command[512], output[4096];
    (void)snprintf(command, sizeof command,
                   "cd %s && DATABASE_URL=sqlite:%s PORT=1 AMQP_URL=amqp://127.0.0.1:1/ %s/order-service 2>&1",
                   suite.folder, store, TERN_BIN_DIR);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t got = fread(output, 1, sizeof output - 1, pipe);
    output[got] = '\0';
    int status = pclose(pipe);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 74 || !strstr(output, sentence))
        fail_msg("not 74 and \"%s\" but %d and %s", sentence, status, output);
}

static void refuses_to_start(const char *sentence)
{
    refuses_store("order.db", sentence);
}

static void flip_bit(const char *file, off_t at)
{
    char path[96];
    unsigned char byte;
    (void)snprintf(path, sizeof path, "%s/%s", suite.folder, file);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void test_damaged_files(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        await_orders();
    suite_signal(&suite, SUITE_ORDER, SIGKILL);
    end_with(128 + SIGKILL);
    run("mv order.db-wal kept");
    refuses_to_start("its log (-wal) is gone");
    run("cp kept order.db-wal");
    flip_bit("order.db-wal", 5000);
    refuses_to_start("its log (-wal) is damaged");
    run("mv kept order.db-wal && cp order.db kept && truncate -s 20480 order.db");
    refuses_to_start("cannot open the store order.db");
    run("mv kept order.db");
    suite_start(&suite, SUITE_ORDER, NULL);
    await_orders();
    check_orders(0);
}

/* ---- files that are taken away ---- */

static void kill_it(void)
{
    suite_signal(&suite, SUITE_ORDER, SIGKILL);
    end_with(128 + SIGKILL);
}

/* Nothing is left of the store but its daemon's log; the suite is without a daemon. */
/* The next store is another: it has to take the queue over. */
static void begin_anew(void)
{
    if (suite.pid[SUITE_ORDER] > 0) {
        suite_signal(&suite, SUITE_ORDER, SIGTERM);
        end_with(0);
    }
    run("rm -rf order.db* disk kept");
    answered = 0;
}

static void test_reached_by_a_link(void **state)
{
    (void)state;
    begin_anew();
    run("mkdir disk && ln -s disk/order.db order.db");
    suite_start(&suite, SUITE_ORDER, "--adopt-queue");
    await_orders();
    refuses_store("order.db", "another process is using it");
    refuses_store("disk/order.db", "another process is using it");
    run("ln disk/order.db hard.db && rm disk/order.db.lock");
    refuses_store("hard.db", "another process is using it");
    refuses_store("order.db", "another process is using it");
    run("rm hard.db*");
    await_orders();
    kill_it();
    run("test -s disk/order.db-wal && test ! -e order.db-wal && test ! -e order.db.lock");
    run("test \"$(stat -c %a disk/order.db disk/order.db-wal disk/order.db.lock | sort -u)\" = 600");
    suite_start(&suite, SUITE_ORDER, NULL);
    await_orders();
    check_orders(0);
    begin_anew();
    suite_start(&suite, SUITE_ORDER, "--adopt-queue");
}

struct act {
    const char *act, *said; /* what somebody does while it runs, and what the daemon says at its end */
    const char *refused;    /* what the next start says; NULL: nothing */
    const char *repair;     /* what puts it right */
};

static const struct act acts[] = {
    {"mv order.db kept",                                       "the file of the store",         "put it back",            "mv kept order.db"         },
    {"mv order.db kept && cp kept order.db",                   "was replaced by another",       NULL,                     "mv -f kept order.db"      },
    {"mv order.db-wal kept",                                   "the log (-wal) of the store",   "its log (-wal) is gone", "mv kept order.db-wal"     },
    {"mkdir kept && mv order.db* kept",                        "was removed or renamed",        "put it back",            "mv kept/* . && rmdir kept"},
    {"cp order.db-wal kept && truncate -s 40000 order.db-wal", "was cut short",                 "is damaged",             "mv kept order.db-wal"     },
    {"cp order.db-wal kept && : >order.db-wal",                "was cut short",                 "is damaged",             "mv kept order.db-wal"     },
    {"rm order.db-shm",                                        "the index (-shm) of the store", NULL,                     "true"                     },
};

/* At one moment of the daemon, however many steps it has. */
static void run_at_once(const char *command)
{
    suite_signal(&suite, SUITE_ORDER, SIGSTOP);
    run(command);
    suite_signal(&suite, SUITE_ORDER, SIGCONT);
}

/* Nobody asks it for anything meanwhile. */
static void test_taken_away_while_idle(void **state)
{
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(acts); i++) {
        int lines = suite_log_lines(&suite, SUITE_ORDER, acts[i].said);
        await_orders();
        run_at_once(acts[i].act);
        end_with(74);
        assert_int_equal(suite_log_lines(&suite, SUITE_ORDER, acts[i].said), lines + 1);
        if (acts[i].refused) refuses_to_start(acts[i].refused);
        run(acts[i].repair);
        suite_start(&suite, SUITE_ORDER, NULL);
        await_orders();
        check_orders(0);
    }
}

/* Orders come in all the time: those that were answered are in the files that were taken away. */
static void test_taken_away_under_load(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        await_orders();
        pid_t thief = fork();
        if (thief == 0) {
            (void)usleep(100000 + 37000 * (useconds_t)round);
            _exit(chdir(suite.folder) == 0 && rename("order.db", "kept") == 0 ? 0 : 1);
        }
        while (!suite_ended(&suite, SUITE_ORDER))
            (void)place(0);
        end_with(74);
        assert_int_equal(waitpid(thief, NULL, 0), thief);
        refuses_to_start("put it back");
        run("mv kept order.db");
        check_orders(1); /* one may have been committed and not answered */
        suite_start(&suite, SUITE_ORDER, NULL);
    }
}

static void test_taken_away_before_a_drain(void **state)
{
    (void)state;
    await_orders();
    run("mv order.db kept");
    suite_signal(&suite, SUITE_ORDER, SIGTERM);
    end_with(74);
    run("mv kept order.db");
    suite_start(&suite, SUITE_ORDER, NULL);
    await_orders();
    suite_signal(&suite, SUITE_ORDER, SIGSTOP);
    run("cp order.db-wal kept && : >order.db-wal");
    suite_signal(&suite, SUITE_ORDER, SIGTERM);
    suite_signal(&suite, SUITE_ORDER, SIGCONT);
    end_with(74);
    refuses_to_start("is damaged");
    run("mv kept order.db-wal");
    check_orders(0);
    suite_start(&suite, SUITE_ORDER, NULL);
}

static void test_removed_for_good(void **state)
{
    (void)state;
    await_orders();
    run("rm order.db*"); /* its lock file too: it is written again, as the only witness */
    end_with(74);
    refuses_to_start("remove its .lock file to begin a new, empty store");
    begin_anew();
    suite_start(&suite, SUITE_ORDER, "--adopt-queue");
    await_orders();
    check_orders(0);
}

static void test_another_name(void **state)
{
    static const char said[] = "another name leads to the store's file or log";
    int lines = suite_log_lines(&suite, SUITE_ORDER, said);
    (void)state;
    await_orders();
    run("ln order.db kept");
    suite_await_log(&suite, SUITE_ORDER, said, lines + 1);
    await_orders();
    run("rm kept && ln order.db-wal kept");
    for (int i = 0; i < 20; i++)
        await_orders();
    assert_int_equal(suite_log_lines(&suite, SUITE_ORDER, said), lines + 1);
    run("rm kept");
    check_orders(0);
}

/* `closed`: what a shell does to its descriptors. */
static void start_with(const char *closed)
{
    char command[512];
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)snprintf(command, sizeof command,
                       "DATABASE_URL=sqlite:%s/order.db PORT=%u AMQP_URL=%s exec %s/order-service %s", suite.folder,
                       suite.port[SUITE_ORDER], suite.broker.url, TERN_BIN_DIR, closed);
        (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    suite.pid[SUITE_ORDER] = pid;
    suite_await_answer(&suite, SUITE_ORDER, "/livez", 200, "pass");
}

static void test_closed_descriptors(void **state)
{
    static const char *const ways[] = {"2>&-", "0<&-", "0<&- 1>&-", "0<&- 1>&- 2>&-"};
    char check[256];
    (void)state;
    suite_signal(&suite, SUITE_ORDER, SIGTERM);
    end_with(0);
    for (size_t i = 0; i < TERN_COUNT(ways); i++) {
        start_with(ways[i]);
        await_orders();
        (void)snprintf(check, sizeof check,
                       "for fd in 0 1 2; do case $(readlink /proc/%d/fd/$fd) in *order.db*) exit 1;; esac; done",
                       (int)suite.pid[SUITE_ORDER]);
        run(check);
        kill_it();
        run("test \"$(cat order.db.lock)\" = used && mv order.db-wal kept");
        refuses_to_start("its log (-wal) is gone");
        run("mv kept order.db-wal");
    }
    suite_start(&suite, SUITE_ORDER, NULL);
    await_orders();
    check_orders(0);
}

/* ---- somebody else ---- */

/* The lock file keeps a second daemon out; a person with a database shell does not ask it. */
static void test_write_lock_held(void **state)
{
    char path[96];
    sqlite3 *other;
    (void)state;
    await_orders();
    (void)snprintf(path, sizeof path, "%s/order.db", suite.folder);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    int64_t begin_ms = tern_steady(&tern_clock_system);
    assert_int_equal(place(9), 503);
    while (tern_steady(&tern_clock_system) - begin_ms < 10000)
        assert_int_equal(place(9), 503);
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    await_orders();
    check_orders(0);
    assert_int_equal(place(9), 201);
    check_orders(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"s0: a rebuild of the read models that could fill the disk is refused",                       test_rebuild_without_room,      NULL, NULL,
         NULL                                                                                                                                          },
        {"s1: a full disk shuts the door, which opens by itself when there is room",                   test_full_disk,                 NULL, NULL, NULL},
        {"s2: killed on a full disk, nothing that was answered is lost",                               test_killed_on_a_full_disk,     NULL, NULL, NULL},
        {"s3: a flush that fails once stops the process with 74",                                      test_flush_fails,               NULL, NULL, NULL},
        {"s4: a write that fails stops the process with 74",                                           test_write_fails,               NULL, NULL, NULL},
        {"s5: a write without room is a 503, and not the end",                                         test_write_without_room,        NULL, NULL, NULL},
        {"s6: a store or log that is damaged or gone is refused with 74",                              test_damaged_files,             NULL, NULL, NULL},
        {"s7: a write lock that somebody else holds is waited for",                                    test_write_lock_held,           NULL, NULL, NULL},
        {"s8: a store that is reached by a link is one store by all its names",                        test_reached_by_a_link,         NULL, NULL,
         NULL                                                                                                                                          },
        {"s9: files that are taken away end an idle daemon with 74, and are missed at the next start",
         test_taken_away_while_idle,                                                                                                   NULL, NULL, NULL},
        {"s10: whatever was answered before the store was taken away is in it",                        test_taken_away_under_load,     NULL, NULL,
         NULL                                                                                                                                          },
        {"s11: a drain does not end well without the store",                                           test_taken_away_before_a_drain, NULL, NULL, NULL},
        {"s12: a store that was removed with all its files is not begun anew in silence",              test_removed_for_good,          NULL,
         NULL,                                                                                                                                     NULL},
        {"s13: another name of the store is told once",                                                test_another_name,              NULL, NULL, NULL},
        {"s14: descriptors that a shell has closed never become the store's",                          test_closed_descriptors,        NULL, NULL,
         NULL                                                                                                                                          },
    };
    return cmocka_run_group_tests_name("a disk that fails", tests, open_suite, close_suite);
}
