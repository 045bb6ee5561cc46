/* test_storage.c - s: what a disk can do to a running daemon: full, failing, damaged, held by somebody else.
 *
 * An order-service alone, without a broker, on a small disk of its own (a tmpfs in a mount namespace of this process).
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
    suite_open_alone(&suite, settings);
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

/* ---- faults of single calls ---- */

/* Every thread of the process is traced. */
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
    return all;
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

static void refuses_to_start(const char *sentence)
{
    char command[512], output[4096];
    (void)snprintf(command, sizeof command,
                   "cd %s && DATABASE_URL=sqlite:order.db PORT=1 AMQP_URL=amqp://127.0.0.1:1/ %s/order-service 2>&1",
                   suite.folder, TERN_BIN_DIR);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t got = fread(output, 1, sizeof output - 1, pipe);
    output[got] = '\0';
    int status = pclose(pipe);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 74 || !strstr(output, sentence))
        fail_msg("not 74 and \"%s\" but %d and %s", sentence, status, output);
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
        {"s1: a full disk shuts the door, which opens by itself when there is room", test_full_disk,             NULL, NULL, NULL},
        {"s2: killed on a full disk, nothing that was answered is lost",             test_killed_on_a_full_disk, NULL, NULL, NULL},
        {"s3: a flush that fails once stops the process with 74",                    test_flush_fails,           NULL, NULL, NULL},
        {"s4: a write that fails stops the process with 74",                         test_write_fails,           NULL, NULL, NULL},
        {"s5: a write without room is a 503, and not the end",                       test_write_without_room,    NULL, NULL, NULL},
        {"s6: a store or log that is damaged or gone is refused with 74",            test_damaged_files,         NULL, NULL, NULL},
        {"s7: a write lock that somebody else holds is waited for",                  test_write_lock_held,       NULL, NULL, NULL},
    };
    return cmocka_run_group_tests_name("a disk that fails", tests, open_suite, close_suite);
}
