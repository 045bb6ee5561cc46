/* test_backup.c - a: POST /admin/backup while orders come in, and the drill: one service's store of earlier in its place. */
#include "suite.h"
#include "suite_load.h"
#include "tern_test.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static struct suite suite;
static struct suite_load load;
static char folder[96];
static bool own_mounts;

static void run(const char *command)
{
    char line[512];
    (void)snprintf(line, sizeof line, "cd %s && %s", suite.folder, command);
    if (system(line) != 0) fail_msg("%s", line);
}

static int open_suite(void **state)
{
    static const char *const settings[] = {"PAYMENT_DELAY_MS=0-30", "PAYMENT_SUCCESS_RATE=1", "RETRY_BACKOFF_MS=20",
                                           "ORDER_NUDGE_S=1", NULL};
    (void)state;
    own_mounts = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    suite_open(&suite, settings);
    (void)snprintf(folder, sizeof folder, "%s/backups", suite.folder);
    (void)setenv("BACKUP_DIR", folder, 1);
    suite_start_all(&suite);
    suite_put_stock(&suite, SUITE_LOAD_PRODUCT, "{\"quantity\":100000}");
    return 0;
}

static int close_suite(void **state)
{
    (void)state;
    suite_close(&suite);
    return 0;
}

static void ask(enum suite_daemon daemon, const char *headers, int status, struct raw_answer *ret_answer)
{
    suite_ask(&suite, daemon, "POST", "/admin/backup", headers, "", ret_answer);
    if (ret_answer->status != status) fail_msg("%s: %d: %s", suite_name(daemon), status, ret_answer->text);
}

static void is_refused(const char *headers, int status, const char *sentence)
{
    struct raw_answer answer;
    ask(SUITE_PAYMENT, headers, status, &answer);
    if (!strstr(answer.text, sentence)) fail_msg("not \"%s\" but %s", sentence, answer.text);
    raw_answer_fini(&answer);
}

static void back_up(enum suite_daemon daemon, char ret_file[128])
{
    struct raw_answer answer;
    char check[1536], bytes[32], sum[80];
    ask(daemon, suite_bearer(&suite, daemon), 201, &answer);
    suite_member(answer.body, "file", ret_file, 128);
    suite_member(answer.body, "bytes", bytes, sizeof bytes);
    suite_member(answer.body, "sha256", sum, sizeof sum);
    raw_answer_fini(&answer);
    (void)snprintf(check, sizeof check,
                   "test \"$(stat -c %%a:%%s backups/%s)\" = 600:%s && echo '%s  backups/%s' | sha256sum -c --quiet",
                   ret_file, bytes, sum, ret_file);
    run(check);
}

static void test_refused(void **state)
{
    const char *bearer = suite_bearer(&suite, SUITE_PAYMENT);
    (void)state;
    is_refused("", 401, "admin token");
    is_refused(bearer, 500, "BACKUP_DIR cannot be used: No such file");
    run("touch backups");
    is_refused(bearer, 500, "Not a directory");
    run("rm backups && mkdir -m 0700 backups");
    assert_int_equal(suite_metric(&suite, SUITE_PAYMENT, "tern_store_backups_total{outcome=\"failed\"}"), 2);
    suite_signal(&suite, SUITE_PAYMENT, SIGTERM);
    assert_int_equal(suite_await_end(&suite, SUITE_PAYMENT, 20), 0);
    suite_start(&suite, SUITE_PAYMENT, "BACKUP_DIR=");
    is_refused(bearer, 409, "BACKUP_DIR is not set");
    suite_signal(&suite, SUITE_PAYMENT, SIGTERM);
    assert_int_equal(suite_await_end(&suite, SUITE_PAYMENT, 20), 0);
    suite_start(&suite, SUITE_PAYMENT, NULL);
}

/* A disk that is too small, mounted where the daemons see it too. */
static void test_without_room(void **state)
{
    (void)state;
    if (!own_mounts || mount("none", folder, "tmpfs", 0, "size=1m") != 0) skip();
    is_refused(suite_bearer(&suite, SUITE_PAYMENT), 507, "has room for");
    run("test -z \"$(ls -A backups)\"");
    assert_int_equal(umount(folder), 0);
}

/* Payments since the backup are forgotten, and asked for again by the orders that wait for them. */
static void test_drill(void **state)
{
    char file[SUITE_DAEMONS][128], command[256];
    (void)state;
    suite_load_start(&load, &suite);
    suite_load_pass(&load, 20);
    for (int i = 0; i < SUITE_DAEMONS; i++)
        back_up((enum suite_daemon)i, file[i]);
    suite_load_pass(&load, 20); /* nobody waited for that */
    run("test \"$(ls -A backups | wc -l)\" = 4");

    suite_signal(&suite, SUITE_PAYMENT, SIGKILL);
    assert_int_equal(suite_await_end(&suite, SUITE_PAYMENT, 20), 128 + SIGKILL);
    suite_load_pass(&load, 10);
    (void)snprintf(command, sizeof command, "rm -f payment.db-wal payment.db-shm && cp backups/%s payment.db",
                   file[SUITE_PAYMENT]);
    run(command);
    suite_start(&suite, SUITE_PAYMENT, NULL);
    suite_await_ready(&suite, SUITE_PAYMENT);
    suite_load_pass(&load, 10);
    assert_true(suite_load_stop(&load) >= 60);
    suite_load_await_ends(&load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"a1: a backup without a token, a folder or a place is refused with a reason", test_refused,      NULL, NULL, NULL},
        {"a2: a backup without room is refused, and leaves nothing",                   test_without_room, NULL, NULL, NULL},
        {"a3: backed up under load, one service's store put back: every order ends",   test_drill,        NULL, NULL, NULL},
    };
    return cmocka_run_group_tests_name("backup and restore", tests, open_suite, close_suite);
}
