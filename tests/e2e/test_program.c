/* test_program.c - b: the daemons as programs: flags, exit codes, the store and the port they need, signals. */
#include "suite.h"
#include "suite_load.h"
#include "tern_test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/store/store.h"
#include "tern/base.h"
#include "tern/db.h"

enum {
    STOCK = 100000,
    STOCK_SUM = 50 + STOCK + 150 + 30 + 25,
    DRAINS_WITHIN_S = 20,
    OUTPUT_SIZE = 16384,
    CUSTOMERS = 8
};

static struct suite suite;
static struct suite_load load;

static int open_suite(void **state)
{
    static const char *const settings[] = {"PAYMENT_DELAY_MS=0-30", "PAYMENT_SUCCESS_RATE=1", "RETRY_BACKOFF_MS=20",
                                           NULL};
    (void)state;
    suite_open(&suite, settings);
    return 0;
}

static int close_suite(void **state)
{
    (void)state;
    suite_close(&suite);
    return 0;
}

/* Runs one to its end, with these settings and no others. Returns its exit status. */
static int run_program(enum suite_daemon daemon, const char *settings, const char *flags, char output[OUTPUT_SIZE])
{
    char command[1024];
    (void)snprintf(command, sizeof command, "cd %s && exec env -i PATH=/usr/bin:/bin %s %s/%s-service %s 2>&1",
                   suite.folder, settings, TERN_BIN_DIR, suite_name(daemon), flags);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t got = fread(output, 1, OUTPUT_SIZE - 1, pipe);
    output[got] = '\0';
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void expect_run(enum suite_daemon daemon, const char *settings, const char *flags, int status, const char *says)
{
    char output[OUTPUT_SIZE];
    int ended = run_program(daemon, settings, flags, output);
    if (ended != status || !strstr(output, says))
        fail_msg("%s %s-service %s ends with %d, not %d, and says: %s (not: %s)", settings, suite_name(daemon), flags,
                 ended, status, output, says);
}

/* ---- what is asked for and answered ---- */

static void test_help(void **state)
{
    static const char *const words[] = {"--check-config", "--print-config", "--version",   "AMQP_URL",
                                        "--amqp-url",     "DATABASE_URL",   "ADMIN_TOKEN", "RETRY_BACKOFF_MS"};
    (void)state;
    for (int i = 0; i < SUITE_DAEMONS; i++)
        for (size_t j = 0; j < TERN_COUNT(words); j++)
            expect_run((enum suite_daemon)i, "", "--help", 0, words[j]);
    expect_run(SUITE_ORDER, "PORT=nonsense", "--help", 0, "Usage: order-service");
}

static void test_version(void **state)
{
    static const char *const words[] = {"-service ", "rabbitmq-c ", "libmicrohttpd ", "cJSON ", "SQLite "};
    (void)state;
    for (int i = 0; i < SUITE_DAEMONS; i++)
        for (size_t j = 0; j < TERN_COUNT(words); j++)
            expect_run((enum suite_daemon)i, "", "--version", 0, words[j]);
    expect_run(SUITE_PAYMENT, "", "--version", 0, "libcurl ");
    if (tern_db_version_warning()) expect_run(SUITE_PAYMENT, "", "--version", 0, tern_db_version_warning());
}

struct fault {
    enum suite_daemon daemon;
    const char *settings, *says;
};

static const struct fault faults[] = {
    {SUITE_ORDER,        "PORT=0",                                           "PORT must be a whole number from 1 to 65535" },
    {SUITE_ORDER,        "LOG_LEVEL=loud",                                   "LOG_LEVEL must be one of"                    },
    {SUITE_ORDER,        "QUEUE_TYPE=stream",                                "QUEUE_TYPE must be one of"                   },
    {SUITE_ORDER,        "AMQP_URL=nonsense",                                "AMQP_URL must be a URL"                      },
    {SUITE_ORDER,        "AMQP_URL=http://localhost/",                       "AMQP_URL: the broker's address must"         },
    {SUITE_ORDER,        "AMQP_URL=amqp://localhost:99999/",                 "AMQP_URL: the port of the broker's address"  },
    {SUITE_ORDER,        "AMQP_URL=amqp://localhost/?heartbeat=90",          "AMQP_URL: heartbeat in the broker's address" },
    {SUITE_ORDER,        "AMQP_URL=amqp://localhost/?frame_max=9",           "connection_timeout, no \"frame_max\""        },
    {SUITE_ORDER,        "AMQP_URL=amqps://localhost/ AMQP_CA_FILE=nowhere", "nowhere cannot be read (AMQP_CA_FILE)"       },
    {SUITE_ORDER,        "DATABASE_URL=postgres://localhost/shop",           "DATABASE_URL: there is no driver for"        },
    {SUITE_ORDER,        "DATABASE_URL=sqlite:var/",                         "DATABASE_URL: sqlite: is followed by"        },
    {SUITE_ORDER,        "DATABASE_URL=sqlite:x.db?mode=rw",                 "takes no \"?mode=rw\"; in the name of a file"},
    {SUITE_ORDER,        "DATABASE_URL=sqlite:50%/x.db",                     "is written %25"                              },
    {SUITE_ORDER,        "HTTP_ADDR=256.0.0.1",                              "HTTP_ADDR: \"256.0.0.1\" is not an IPv4"     },
    {SUITE_ORDER,        "ADMIN_TOKEN_FILE=nowhere",                         "ADMIN_TOKEN_FILE: cannot read nowhere"       },
    {SUITE_ORDER,        "ADMIN_TOKEN=a ADMIN_TOKEN_FILE=b",                 "are both set"                                },
    {SUITE_PAYMENT,      "PAYMENT_SUCCESS_RATE=1.5",                         "PAYMENT_SUCCESS_RATE must be a number"       },
    {SUITE_PAYMENT,      "PAYMENT_DELAY_MS=3-1",                             "PAYMENT_DELAY_MS must be milliseconds"       },
    {SUITE_NOTIFICATION, "ADMIN_EMAIL=m\xfcller@store.com",                  "ADMIN_EMAIL must be an e-mail address"       },
    {SUITE_NOTIFICATION, "ADMIN_EMAIL=nobody",                               "ADMIN_EMAIL must be an e-mail address"       },
    {SUITE_INVENTORY,    "INVENTORY_FILE=nowhere",                           "INVENTORY_FILE nowhere: No such file"        },
};

/* What one fault would hide is named beside it. */
static void test_many_faults(void **state)
{
    static const char settings[] = "PORT=0 AMQP_URL=http://localhost/ DATABASE_URL=postgres://localhost/shop "
                                   "HTTP_ADDR=256.0.0.1 INVENTORY_FILE=nowhere LOG_LEVEL=loud";
    static const char *const said[] = {
        "PORT must", "AMQP_URL:", "DATABASE_URL:", "HTTP_ADDR:", "INVENTORY_FILE nowhere:", "LOG_LEVEL must"};
    char output[OUTPUT_SIZE];
    size_t lines = 0;
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(said); i++) {
        expect_run(SUITE_INVENTORY, settings, "--check-config", 78, said[i]);
        expect_run(SUITE_INVENTORY, settings, "", 78, said[i]);
    }
    assert_int_equal(run_program(SUITE_INVENTORY, settings, "--check-config", output), 78);
    for (const char *at = output; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, TERN_COUNT(said));
}

/* A fault is found by --check-config and by a start alike: one sentence, and nothing was opened. */
static void test_check_config(void **state)
{
    char output[OUTPUT_SIZE];
    (void)state;
    for (int i = 0; i < SUITE_DAEMONS; i++)
        expect_run((enum suite_daemon)i, "", "--check-config", 0, "the configuration is good");
    for (size_t i = 0; i < TERN_COUNT(faults); i++) {
        expect_run(faults[i].daemon, faults[i].settings, "--check-config", 78, faults[i].says);
        assert_int_equal(run_program(faults[i].daemon, faults[i].settings, "--check-config", output), 78);
        assert_true(strchr(output, '\n') == output + strlen(output) - 1);
        expect_run(faults[i].daemon, faults[i].settings, "", 78, faults[i].says);
    }
    assert_int_equal(run_program(SUITE_INVENTORY,
                                 "PORT=0 BATCH_MAX=0 LOG_FORMAT=xml AMQP_URL=amqp://u:p@h:1/ HTTP_CONNECTIONS=1",
                                 "--check-config", output),
                     78);
    int lines = 0;
    for (const char *at = output; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, 4);
    assert_int_equal(
        run_program(SUITE_INVENTORY, "AMQP_URL=http://h/ HTTP_ADDR=h INVENTORY_FILE=nowhere", "--check-config", output),
        78);
    assert_true(strstr(output, "AMQP_URL") && strstr(output, "HTTP_ADDR") && strstr(output, "INVENTORY_FILE"));
}

static void test_print_config(void **state)
{
    static const char settings[] = "AMQP_URL=amqp://ann:hidden-1@localhost/%2f ADMIN_TOKEN=hidden-2 PORT=4711";
    char output[OUTPUT_SIZE];
    (void)state;
    for (int i = 0; i < SUITE_DAEMONS; i++) {
        assert_int_equal(run_program((enum suite_daemon)i, settings, "--print-config --log-level=debug", output), 0);
        assert_non_null(strstr(output, "AMQP_URL=amqp://ann:****@localhost/%2f\n"));
        assert_non_null(strstr(output, "ADMIN_TOKEN=****\n"));
        assert_non_null(strstr(output, "PORT=4711\n"));
        assert_non_null(strstr(output, "LOG_LEVEL=debug\n"));
        assert_null(strstr(output, "hidden"));
    }
}

static void test_usage(void **state)
{
    (void)state;
    expect_run(SUITE_ORDER, "", "--prot 1", 2, "unknown flag --prot; did you mean --port?");
    expect_run(SUITE_ORDER, "", "--completely-else", 2, "unknown flag --completely-else");
    expect_run(SUITE_ORDER, "", "--port", 2, "--port needs a value");
    expect_run(SUITE_ORDER, "", "start", 2, "unexpected argument \"start\"");
    expect_run(SUITE_ORDER, "", "--admin-token=x", 2, "ADMIN_TOKEN");
}

/* ---- what it needs and cannot have ---- */

static void own_settings(char settings[256], const char *store, unsigned port)
{
    (void)snprintf(settings, 256, "DATABASE_URL=sqlite:%s PORT=%u AMQP_URL=amqp://guest:guest@127.0.0.1:1/%%2f", store,
                   port);
}

static void test_second_process(void **state)
{
    char settings[256];
    (void)state;
    suite_start(&suite, SUITE_ORDER, NULL);
    own_settings(settings, "order.db", 1);
    expect_run(SUITE_ORDER, settings, "", 74, "another process is using it");
    own_settings(settings, "other.db", suite.port[SUITE_ORDER]);
    expect_run(SUITE_ORDER, settings, "", 1, "is in use by another program");
    suite_await_ready(&suite, SUITE_ORDER);
}

static void write_file(const char *name, const char *bytes, size_t length, off_t at)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", suite.folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, length, at), length);
    close(fd);
}

static void test_damaged_store(void **state)
{
    static const char garbage[8192] = "this is no database";
    char settings[256], copy[256];
    (void)state;
    own_settings(settings, "garbage.db", 1);
    write_file("garbage.db", garbage, sizeof garbage, 0);
    expect_run(SUITE_PAYMENT, settings, "", 74, "cannot open the store garbage.db");
    own_settings(settings, "order.db/deeper.db", 1);
    expect_run(SUITE_PAYMENT, settings, "", 74, "order.db/deeper.db.lock: Not a directory");

    suite_start(&suite, SUITE_INVENTORY, NULL);
    suite_await_ready(&suite, SUITE_INVENTORY);
    suite_put_stock(&suite, "PROD-900", "{\"quantity\":0}");
    suite_signal(&suite, SUITE_INVENTORY, SIGTERM);
    assert_int_equal(suite_await_end(&suite, SUITE_INVENTORY, DRAINS_WITHIN_S), 0);
    (void)snprintf(copy, sizeof copy, "cp %s/inventory.db %s/torn.db", suite.folder, suite.folder);
    assert_int_equal(system(copy), 0);
    write_file("torn.db", garbage, 4096, 4096);
    write_file("torn.db", garbage, 4096, 12288);
    own_settings(settings, "torn.db", 1);
    expect_run(SUITE_INVENTORY, settings, "", 74, "torn.db");
}

/* ---- signals ---- */

static void test_healthcheck(void **state)
{
    char settings[256];
    (void)state;
    own_settings(settings, "order.db", suite.port[SUITE_ORDER]);
    suite_await_ready(&suite, SUITE_ORDER);
    expect_run(SUITE_ORDER, settings, "--healthcheck", 0, "");
    suite_signal(&suite, SUITE_ORDER, SIGTERM);
    assert_int_equal(suite_await_end(&suite, SUITE_ORDER, DRAINS_WITHIN_S), 0);
    expect_run(SUITE_ORDER, settings, "--healthcheck", 1, "Connection refused");
    suite_start(&suite, SUITE_ORDER, "AMQP_URL=amqp://guest:guest@127.0.0.1:1/%2f");
    expect_run(SUITE_ORDER, settings, "--healthcheck", 1, "/readyz answered 503");
}

/* Continues without a broker: what was accepted and not published yet is kept over the stop. */
static void test_stop_with_a_backlog(void **state)
{
    char id[64];
    (void)state;
    suite_signal(&suite, SUITE_ORDER, SIGTERM);
    assert_int_equal(suite_await_end(&suite, SUITE_ORDER, DRAINS_WITHIN_S), 0);
    suite_start(&suite, SUITE_ORDER, NULL);
    suite_await_ready(&suite, SUITE_ORDER);
    real_broker_do(&suite.broker, "ctl -q stop_app", NULL, 0);
    suite_signal(&suite, SUITE_ORDER, SIGPIPE);
    suite_place(&suite, "tok_ok", "[{\"productId\":\"PROD-101\",\"quantity\":1,\"price\":5}]", id);
    suite_signal(&suite, SUITE_ORDER, SIGINT);
    assert_int_equal(suite_await_end(&suite, SUITE_ORDER, DRAINS_WITHIN_S), 0);
    assert_int_equal(suite_log_lines(&suite, SUITE_ORDER, "msg=stopped unpublished=1"), 1);
    real_broker_do(&suite.broker, "ctl -q start_app", NULL, 0);
    suite_start_all(&suite);
    suite_await_status(&suite, id, "READY_FOR_SHIPMENT");
}

/* Whoever has a 201 has an order: eight customers at once, a daemon that drains under them, and one that is not let. */
static void test_stop_under_many(void **state)
{
    static struct suite_load loads[CUSTOMERS];
    (void)state;
    suite_await_rest(&suite);
    int64_t before = suite_store_number(&suite, SUITE_ORDER, "SELECT count(*) FROM orders");
    for (int i = 0; i < CUSTOMERS; i++)
        suite_load_start(&loads[i], &suite);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < CUSTOMERS; i++)
            suite_load_pass(&loads[i], 10);
        suite_signal(&suite, SUITE_ORDER, SIGTERM);
        if (round > 0)
            suite_signal(&suite, SUITE_ORDER, SIGINT); /* whichever is taken first, the other one is the second */
        int status = suite_await_end(&suite, SUITE_ORDER, DRAINS_WITHIN_S);
        assert_true(status == 0 || (round > 0 && (status == 128 + SIGINT || status == 128 + SIGTERM)));
        suite_start(&suite, SUITE_ORDER, NULL);
    }
    int64_t placed = 0;
    for (int i = 0; i < CUSTOMERS; i++) {
        suite_load_pass(&loads[i], 5);
        placed += suite_load_stop(&loads[i]);
    }
    for (int i = 0; i < CUSTOMERS; i++)
        suite_load_await_ends(&loads[i]);
    suite_await_rest(&suite);
    suite_check_books(&suite, before + placed, STOCK_SUM);
}

static void test_stop_under_load(void **state)
{
    (void)state;
    suite_await_rest(&suite);
    suite_put_stock(&suite, SUITE_LOAD_PRODUCT, "{\"quantity\":100000}");
    suite_load_start(&load, &suite);
    for (int i = 0; i < SUITE_DAEMONS; i++) {
        suite_load_pass(&load, 20);
        suite_signal(&suite, (enum suite_daemon)i, SIGTERM);
        assert_int_equal(suite_await_end(&suite, (enum suite_daemon)i, DRAINS_WITHIN_S), 0);
        suite_start(&suite, (enum suite_daemon)i, NULL);
    }
    suite_load_pass(&load, 20);
    int placed = suite_load_stop(&load);
    suite_load_await_ends(&load);
    suite_await_rest(&suite);
    suite_check_books(&suite, placed + 1, STOCK_SUM);
}

static int stop_load(void **state)
{
    (void)state;
    if (load.running) (void)suite_load_stop(&load);
    return 0;
}

/* A request that has begun and does not end holds up the drain for a while: time for a second signal. */
static void test_second_signal(void **state)
{
    static const char said[] = "stopping: finishing what is in hand";
    (void)state;
    int fd = raw_http_open(suite.port[SUITE_ORDER]);
    assert_true(raw_http_send_text(fd, "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                                       "Expect: 100-continue\r\nContent-Length: 100\r\n\r\n"));
    struct raw_answer answer;
    raw_http_read(fd, false, &answer);
    assert_int_equal(answer.status, 100);
    raw_answer_fini(&answer);
    int times = suite_log_lines(&suite, SUITE_ORDER, said);
    suite_signal(&suite, SUITE_ORDER, SIGTERM);
    suite_await_log(&suite, SUITE_ORDER, said, times + 1);
    suite_signal(&suite, SUITE_ORDER, SIGTERM);
    assert_int_equal(suite_await_end(&suite, SUITE_ORDER, DRAINS_WITHIN_S), 128 + SIGTERM);
    close(fd);
    suite_start(&suite, SUITE_ORDER, NULL);
    suite_await_ready(&suite, SUITE_ORDER);
}

/* The shell of a terminal that is closed says so, and so does the kernel: two of them are no second wish. */
static void test_hang_up(void **state)
{
    (void)state;
    suite_signal(&suite, SUITE_ORDER, SIGTERM);
    assert_int_equal(suite_await_end(&suite, SUITE_ORDER, DRAINS_WITHIN_S), 0);
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal >= 0);
    assert_int_equal(grantpt(terminal), 0);
    assert_int_equal(unlockpt(terminal), 0);
    suite.terminal = ptsname(terminal);
    suite_start(&suite, SUITE_ORDER, NULL);
    suite.terminal = NULL;
    int times = suite_log_lines(&suite, SUITE_ORDER, "settings reloaded");
    suite_signal(&suite, SUITE_ORDER, SIGHUP); /* the terminal is still there */
    suite_await_log(&suite, SUITE_ORDER, "settings reloaded", times + 1);
    suite_await_ready(&suite, SUITE_ORDER);
    close(terminal);
    if (!suite_ended(&suite, SUITE_ORDER)) (void)kill(suite.pid[SUITE_ORDER], SIGHUP);
    assert_int_equal(suite_await_end(&suite, SUITE_ORDER, DRAINS_WITHIN_S), 0);
    assert_int_equal(suite_log_lines(&suite, SUITE_ORDER, "settings reloaded"), times + 1);

    (void)signal(SIGHUP, SIG_IGN); /* as nohup does for its child */
    suite_start(&suite, SUITE_ORDER, NULL);
    (void)signal(SIGHUP, SIG_DFL);
    suite_signal(&suite, SUITE_ORDER, SIGHUP);
    suite_await_ready(&suite, SUITE_ORDER);
    assert_false(suite_ended(&suite, SUITE_ORDER));
}

static void put_setting(const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", suite.folder, name);
    (void)unlink(path);
    write_file(name, text, strlen(text), 0);
}

static void set_file(const char *variable, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", suite.folder, name);
    assert_int_equal(setenv(variable, path, 1), 0);
}

static int admin_status(const char *token)
{
    char headers[128];
    struct raw_answer answer;
    (void)snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n", token);
    suite_ask(&suite, SUITE_PAYMENT, "GET", "/admin/parked", headers, "", &answer);
    int status = answer.status;
    raw_answer_fini(&answer);
    return status;
}

/* Without a terminal: what logrotate and systemctl reload send. */
static void test_reload(void **state)
{
    static const char told[] = "settings reloaded", fault[] = "the settings are at fault: the old ones stay";
    (void)state;
    suite_signal(&suite, SUITE_PAYMENT, SIGTERM);
    assert_int_equal(suite_await_end(&suite, SUITE_PAYMENT, DRAINS_WITHIN_S), 0);
    put_setting("level", "info\n");
    put_setting("token", "the-first-token");
    put_setting("window", "100");
    set_file("LOG_LEVEL_FILE", "level");
    set_file("ADMIN_TOKEN_FILE", "token");
    set_file("PUBLISH_WINDOW_FILE", "window");
    suite_start(&suite, SUITE_PAYMENT, NULL);
    assert_int_equal(admin_status("the-first-token"), 200);

    suite_signal(&suite, SUITE_PAYMENT, SIGHUP);
    suite_await_log(&suite, SUITE_PAYMENT, told, 1);
    assert_int_equal(suite_log_lines(&suite, SUITE_PAYMENT, "changed=none"), 1);

    put_setting("level", "debug\n");
    put_setting("token", "the-second-token");
    put_setting("window", "200");
    suite_signal(&suite, SUITE_PAYMENT, SIGHUP);
    suite_await_log(&suite, SUITE_PAYMENT, told, 2);
    assert_int_equal(suite_log_lines(&suite, SUITE_PAYMENT, "changed=LOG_LEVEL,ADMIN_TOKEN needRestart=PUBLISH_WINDOW"),
                     1);
    assert_int_equal(admin_status("the-first-token"), 401);
    assert_int_equal(admin_status("the-second-token"), 200);

    put_setting("level", "loud");
    put_setting("token", "");
    suite_signal(&suite, SUITE_PAYMENT, SIGHUP);
    suite_await_log(&suite, SUITE_PAYMENT, fault, 2); /* each of them */
    assert_int_equal(suite_log_lines(&suite, SUITE_PAYMENT, "LOG_LEVEL must be one of"), 1);
    assert_int_equal(suite_log_lines(&suite, SUITE_PAYMENT, "is empty; a secret is not"), 1);
    assert_int_equal(admin_status("the-second-token"), 200);

    put_setting("level", "info");
    put_setting("token", "the-third-token");
    suite_signal(&suite, SUITE_PAYMENT, SIGHUP);
    suite_await_log(&suite, SUITE_PAYMENT, told, 3);
    assert_int_equal(admin_status("the-third-token"), 200);
    for (int i = 1; i <= 3; i++) {
        static const char *const tokens[] = {"the-first-token", "the-second-token", "the-third-token"};
        assert_int_equal(suite_log_lines(&suite, SUITE_PAYMENT, tokens[i - 1]), 0);
    }
    assert_false(suite_ended(&suite, SUITE_PAYMENT));
    (void)unsetenv("LOG_LEVEL_FILE");
    (void)unsetenv("ADMIN_TOKEN_FILE");
    (void)unsetenv("PUBLISH_WINDOW_FILE");
}

/* The key of another gateway is for the next start, with its address. */
static void test_reload_of_another_gateway(void **state)
{
    static const char both[] = "changed=none needRestart=PAYMENT_GATEWAY_URL,PAYMENT_GATEWAY_KEY";
    (void)state;
    suite_signal(&suite, SUITE_PAYMENT, SIGTERM);
    assert_int_equal(suite_await_end(&suite, SUITE_PAYMENT, DRAINS_WITHIN_S), 0);
    put_setting("gateway", "http://127.0.0.1:1/");
    put_setting("key", "the-first-key");
    set_file("PAYMENT_GATEWAY_URL_FILE", "gateway");
    set_file("PAYMENT_GATEWAY_KEY_FILE", "key");
    suite_start(&suite, SUITE_PAYMENT, NULL);
    put_setting("gateway", "http://127.0.0.1:2/");
    put_setting("key", "the-second-key");
    suite_signal(&suite, SUITE_PAYMENT, SIGHUP);
    suite_await_log(&suite, SUITE_PAYMENT, both, 1);
    (void)unsetenv("PAYMENT_GATEWAY_URL_FILE");
    (void)unsetenv("PAYMENT_GATEWAY_KEY_FILE");
}

/* The token that the daemon has made: taking the file away and a reload make another one; one that is bad changes nothing. */
static void test_reload_of_a_made_token(void **state)
{
    char path[128], old[sizeof suite.bearer[0]];
    (void)state;
    suite_signal(&suite, SUITE_PAYMENT, SIGTERM);
    assert_int_equal(suite_await_end(&suite, SUITE_PAYMENT, DRAINS_WITHIN_S), 0);
    suite_start(&suite, SUITE_PAYMENT, NULL);
    strcpy(old, suite_bearer(&suite, SUITE_PAYMENT) + strlen("Authorization: Bearer "));
    old[strcspn(old, "\r")] = '\0';
    assert_int_equal(admin_status(old), 200);
    (void)snprintf(path, sizeof path, "%s/payment.db.token", suite.folder);
    assert_int_equal(chmod(path, 0644), 0);
    suite_signal(&suite, SUITE_PAYMENT, SIGHUP);
    suite_await_log(&suite, SUITE_PAYMENT, "payment.db.token can be read or changed by others", 1);
    assert_int_equal(admin_status(old), 200);
    int times = suite_log_lines(&suite, SUITE_PAYMENT, "settings reloaded");
    assert_int_equal(unlink(path), 0);
    suite_signal(&suite, SUITE_PAYMENT, SIGHUP);
    suite_await_log(&suite, SUITE_PAYMENT, "settings reloaded", times + 1);
    assert_int_equal(admin_status(old), 401);
    strcpy(old, suite_bearer(&suite, SUITE_PAYMENT) + strlen("Authorization: Bearer "));
    old[strcspn(old, "\r")] = '\0';
    assert_int_equal(admin_status(old), 200);
}

#define TEST(function, sentence)                  \
    {                                             \
        sentence, function, NULL, stop_load, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_help, "--help names every flag and setting, whatever else is wrong"),
        TEST(test_version, "--version names the libraries it runs on"),
        TEST(test_many_faults, "--check-config names every fault of a configuration at once"),
        TEST(test_check_config,
             "each fault of the configuration is one sentence and exit 78, before anything is opened"),
        TEST(test_print_config, "--print-config shows every value and no secret"),
        TEST(test_usage, "a wrong command line is exit 2, with what was probably meant"),
        TEST(test_second_process, "a second process is refused: by the store with 74, by the port with 1"),
        TEST(test_damaged_store, "a store that is none, or damaged, or cannot be made, is exit 74"),
        TEST(test_healthcheck, "--healthcheck is 0 when ready, and says why not"),
        TEST(test_stop_with_a_backlog, "what is not published at a stop is published after the next start"),
        TEST(test_stop_under_load, "each daemon stopped under load ends with 0 in time, and every 201 is kept"),
        TEST(test_stop_under_many, "stopped under eight customers, politely or not, it keeps what it has answered"),
        TEST(test_second_signal, "a second signal ends a drain at once"),
        TEST(test_hang_up, "a closed terminal drains, and nohup is heeded"),
        TEST(test_reload, "SIGHUP without a terminal reloads level and token, and garbage changes nothing"),
        TEST(test_reload_of_another_gateway, "the key of another gateway waits for the restart"),
        TEST(test_reload_of_a_made_token, "a made token that is taken away is made anew at a reload"),
    };
    return cmocka_run_group_tests_name("the daemons as programs", tests, open_suite, close_suite);
}
