/* suite.c - processes, ports and requests of an end-to-end test. */
#include "suite.h"

#include "tern_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/store/store.h"
#include "tern/db.h"

enum { ORDER_PATIENCE_S = 60, START_PATIENCE_S = 30 };

static const char *const names[SUITE_DAEMONS] = {"order", "payment", "inventory", "notification"};
static const char *const at_once[] = {"PAYMENT_DELAY_MS=0", "PAYMENT_SUCCESS_RATE=1", NULL};

const char *suite_name(enum suite_daemon daemon)
{
    return names[daemon];
}

bool suite_wait(int timeout_s, bool (*condition)(void *self), void *self)
{
    struct timespec now, until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_s;
    for (;;) {
        if (condition(self)) return true;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec > until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec > until.tv_nsec)) return false;
        (void)poll(NULL, 0, 20);
    }
}

/* ---- life ---- */

void suite_open_alone(struct suite *suite, const char *const *settings)
{
    memset(suite, 0, sizeof *suite);
    suite->settings = settings ? settings : at_once;
    test_folder_make("e2e", suite->folder);
    strcpy(suite->broker.url, "amqp://guest:guest@127.0.0.1:1/%2f");
}

void suite_open(struct suite *suite, const char *const *settings)
{
    suite_open_alone(suite, settings);
    real_broker_start(&suite->broker);
}

void suite_close(struct suite *suite)
{
    for (int i = 0; i < SUITE_DAEMONS; i++)
        if (suite->pid[i]) suite_signal(suite, (enum suite_daemon)i, SIGTERM);
    for (int i = 0; i < SUITE_DAEMONS; i++)
        if (suite->pid[i]) assert_int_equal(suite_await_end(suite, (enum suite_daemon)i, 30), 0);
    real_broker_end(&suite->broker);
    test_folder_remove(suite->folder);
}

/* ---- daemons ---- */

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

/* In the child: the environment, the log, the program. Never returns. */
static void become_daemon(const struct suite *suite, enum suite_daemon daemon, const char *extra)
{
    char path[512], text[512];
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setsid(); /* whoever runs the tests may have a terminal: it is not theirs */
    if (suite->terminal) (void)open(suite->terminal, O_RDWR | O_CLOEXEC);
    for (const char *const *setting = suite->settings; *setting; setting++)
        (void)putenv((char *)(uintptr_t)*setting);
    bool flag = extra && strncmp(extra, "--", 2) == 0;
    if (extra && !flag) (void)putenv((char *)(uintptr_t)extra);
    (void)setenv("AMQP_URL", suite->broker.url, 0);
    (void)snprintf(text, sizeof text, "sqlite:%s/%s.db", suite->folder, names[daemon]);
    (void)setenv("DATABASE_URL", text, 1);
    (void)snprintf(text, sizeof text, "%u", suite->port[daemon]);
    (void)setenv("PORT", text, 1);
    (void)snprintf(path, sizeof path, "%s/%s.log", suite->folder, names[daemon]);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    (void)dup2(log, STDOUT_FILENO);
    (void)dup2(log, STDERR_FILENO);
    const char *older = getenv("TERN_SUITE_BIN"); /* daemons of another version: tests/stores/make.sh */
    (void)snprintf(path, sizeof path, "%s/%s-service", older ? older : TERN_BIN_DIR, names[daemon]);
    (void)execl(path, path, flag ? extra : NULL, (char *)NULL);
    _exit(127);
}

static void show_log(const struct suite *suite, enum suite_daemon daemon)
{
    char command[256];
    (void)snprintf(command, sizeof command, "tail -n 25 %s/%s.log >&2", suite->folder, names[daemon]);
    (void)!system(command);
}

struct probe {
    struct suite *suite;
    enum suite_daemon daemon;
    const char *path;
    int status;
    const char *wanted;
};

static bool answers_so(void *self)
{
    struct probe *probe = self;
    struct raw_answer answer;
    if (suite_ended(probe->suite, probe->daemon)) return true;
    suite_ask(probe->suite, probe->daemon, "GET", probe->path, "", "", &answer);
    bool good = answer.status == probe->status && strstr(answer.body, probe->wanted);
    raw_answer_fini(&answer);
    return good;
}

void suite_await_answer(struct suite *suite, enum suite_daemon daemon, const char *path, int status, const char *text)
{
    struct probe probe = {suite, daemon, path, status, text};
    if (suite_wait(START_PATIENCE_S, answers_so, &probe)) return;
    show_log(suite, daemon);
    fail_msg("%s-service does not answer %s with %d and %s", names[daemon], path, status, text);
}

void suite_start(struct suite *suite, enum suite_daemon daemon, const char *extra)
{
    assert_int_equal(suite->pid[daemon], 0);
    if (!suite->port[daemon]) suite->port[daemon] = free_port();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) become_daemon(suite, daemon, extra);
    suite->pid[daemon] = pid;
    suite_await_answer(suite, daemon, "/livez", 200, "pass");
}

void suite_await_ready(struct suite *suite, enum suite_daemon daemon)
{
    suite_await_answer(suite, daemon, "/readyz", 200, "\"status\":\"pass\",\"service\"");
}

void suite_start_all(struct suite *suite)
{
    for (int i = 0; i < SUITE_DAEMONS; i++)
        suite_start(suite, (enum suite_daemon)i, NULL);
    for (int i = 0; i < SUITE_DAEMONS; i++)
        suite_await_ready(suite, (enum suite_daemon)i);
}

void suite_signal(struct suite *suite, enum suite_daemon daemon, int signal)
{
    assert_true(suite->pid[daemon] > 0);
    assert_int_equal(kill(suite->pid[daemon], signal), 0);
}

bool suite_ended(struct suite *suite, enum suite_daemon daemon)
{
    siginfo_t info = {0};
    if (!suite->pid[daemon]) return true;
    return waitid(P_PID, (id_t)suite->pid[daemon], &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

static bool has_ended(void *self)
{
    struct probe *probe = self;
    return suite_ended(probe->suite, probe->daemon);
}

int suite_await_end(struct suite *suite, enum suite_daemon daemon, int timeout_s)
{
    struct probe probe = {suite, daemon, NULL, 0, NULL};
    int status;
    if (!suite_wait(timeout_s, has_ended, &probe)) {
        show_log(suite, daemon);
        fail_msg("%s-service did not end within %d s", names[daemon], timeout_s);
    }
    assert_int_equal(waitpid(suite->pid[daemon], &status, 0), suite->pid[daemon]);
    suite->pid[daemon] = 0;
    if (WIFSIGNALED(status)) return 128 + WTERMSIG(status);
    if (WEXITSTATUS(status) != 0) show_log(suite, daemon);
    return WEXITSTATUS(status);
}

/* ---- requests ---- */

/* Nobody may listen right now: that is no answer, not a failed test. */
static int try_connect(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    close(fd);
    return -1;
}

void suite_ask(struct suite *suite, enum suite_daemon daemon, const char *method, const char *path, const char *headers,
               const char *body, struct raw_answer *ret_answer)
{
    char head[1024];
    memset(ret_answer, 0, sizeof *ret_answer);
    int fd = try_connect(suite->port[daemon]);
    if (fd < 0) return;
    (void)snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s", method, path,
                   headers);
    if (body[0])
        (void)snprintf(head + strlen(head), sizeof head - strlen(head),
                       "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    (void)strncat(head, "\r\n", sizeof head - strlen(head) - 1);
    if (raw_http_send_text(fd, head) && raw_http_send_text(fd, body)) raw_http_read(fd, false, ret_answer);
    close(fd);
}

const char *suite_bearer(struct suite *suite, enum suite_daemon daemon)
{
    char path[128], token[264] = "";
    (void)snprintf(path, sizeof path, "%s/%s.db.token", suite->folder, names[daemon]);
    FILE *file = fopen(path, "re");
    if (!file || !fgets(token, sizeof token, file)) fail_msg("%s holds no token", path);
    (void)fclose(file);
    (void)snprintf(suite->bearer[daemon], sizeof suite->bearer[daemon], "Authorization: Bearer %.*s\r\n",
                   (int)strcspn(token, "\n"), token);
    return suite->bearer[daemon];
}

void suite_put_stock(struct suite *suite, const char *product_id, const char *body)
{
    struct raw_answer answer;
    char path[128];
    (void)snprintf(path, sizeof path, "/inventory/%s", product_id);
    suite_await_ready(suite, SUITE_INVENTORY); /* before that nothing is taken in */
    suite_ask(suite, SUITE_INVENTORY, "PUT", path, suite_bearer(suite, SUITE_INVENTORY), body, &answer);
    if (answer.status != 200 && answer.status != 201)
        fail_msg("PUT %s is answered with %d: %s", path, answer.status, answer.body);
    raw_answer_fini(&answer);
}

void suite_member(const char *json, const char *name, char *ret_value, size_t size)
{
    char quoted[64];
    ret_value[0] = '\0';
    (void)snprintf(quoted, sizeof quoted, "\"%s\":", name);
    const char *at = json ? strstr(json, quoted) : NULL;
    if (!at) return;
    at += strlen(quoted);
    at += *at == '"';
    (void)snprintf(ret_value, size, "%.*s", (int)strcspn(at, "\",}"), at);
}

struct placing {
    struct suite *suite;
    char headers[128], body[4096], *order_id;
};

static bool try_place(void *self)
{
    struct placing *placing = self;
    struct raw_answer answer;
    suite_ask(placing->suite, SUITE_ORDER, "POST", "/orders", placing->headers, placing->body, &answer);
    bool placed = answer.status == 201;
    if (placed) suite_member(answer.body, "orderId", placing->order_id, 64);
    if (answer.status >= 400 && answer.status < 500)
        fail_msg("POST /orders answered %d: %s", answer.status, answer.body);
    raw_answer_fini(&answer);
    return placed || suite_ended(placing->suite, SUITE_ORDER);
}

void suite_place(struct suite *suite, const char *token, const char *items, char ret_order_id[64])
{
    static int number;
    struct placing placing = {.suite = suite, .order_id = ret_order_id};
    ret_order_id[0] = '\0';
    (void)snprintf(placing.headers, sizeof placing.headers, "Idempotency-Key: \"e2e-%d-%d\"\r\n", getpid(), ++number);
    (void)snprintf(placing.body, sizeof placing.body,
                   "{\"customerId\":\"customer-%d\",\"items\":%s,\"paymentToken\":\"%s\"}", number, items, token);
    if (!suite_wait(ORDER_PATIENCE_S, try_place, &placing)) fail_msg("POST /orders is never answered with 201");
    if (ret_order_id[0]) return;
    (void)suite_await_end(suite, SUITE_ORDER, 30); /* killed on the way: the client asks again, with the same key */
    suite_start(suite, SUITE_ORDER, NULL);
    if (!suite_wait(ORDER_PATIENCE_S, try_place, &placing)) fail_msg("POST /orders is never answered with 201");
}

struct status_wait {
    struct suite *suite;
    const char *order_id, *wanted;
    char seen[32];
};

static bool has_status(void *self)
{
    struct status_wait *wait = self;
    struct raw_answer answer;
    char path[128];
    (void)snprintf(path, sizeof path, "/orders/%s", wait->order_id);
    suite_ask(wait->suite, SUITE_ORDER, "GET", path, "", "", &answer);
    suite_member(answer.body, "status", wait->seen, sizeof wait->seen);
    raw_answer_fini(&answer);
    return strcmp(wait->seen, wait->wanted) == 0;
}

void suite_await_status(struct suite *suite, const char *order_id, const char *status)
{
    struct status_wait wait = {.suite = suite, .order_id = order_id, .wanted = status};
    if (suite_wait(ORDER_PATIENCE_S, has_status, &wait)) return;
    for (int i = 0; i < SUITE_DAEMONS; i++)
        show_log(suite, (enum suite_daemon)i);
    fail_msg("order %s stays %s instead of becoming %s", order_id, wait.seen, status);
}

static double row_of(const char *page, const char *row)
{
    char wanted[160];
    (void)snprintf(wanted, sizeof wanted, "\n%s ", row);
    const char *at = page ? strstr(page, wanted) : NULL;
    return at ? strtod(at + strlen(wanted), NULL) : -1;
}

static double sum_of(const char *page, const char *family)
{
    char wanted[160];
    double sum = 0;
    (void)snprintf(wanted, sizeof wanted, "\n%s", family);
    for (const char *at = page; at && (at = strstr(at, wanted)) != NULL;) {
        at += strlen(wanted);
        if (*at != ' ' && *at != '{') continue;
        sum += strtod(strchr(at, *at == '{' ? '}' : ' ') + 1, NULL);
    }
    return sum;
}

double suite_metric(struct suite *suite, enum suite_daemon daemon, const char *row)
{
    struct raw_answer answer;
    suite_ask(suite, daemon, "GET", "/metrics", "", "", &answer);
    double value = row_of(answer.body, row);
    raw_answer_fini(&answer);
    return value;
}

double suite_metric_sum(struct suite *suite, enum suite_daemon daemon, const char *family)
{
    struct raw_answer answer;
    suite_ask(suite, daemon, "GET", "/metrics", "", "", &answer);
    double value = sum_of(answer.body, family);
    raw_answer_fini(&answer);
    return value;
}

struct metric_wait {
    struct suite *suite;
    enum suite_daemon daemon;
    const char *row;
    double at_least, seen;
};

static bool has_value(void *self)
{
    struct metric_wait *wait = self;
    wait->seen = suite_metric(wait->suite, wait->daemon, wait->row);
    return wait->seen >= wait->at_least;
}

void suite_await_metric(struct suite *suite, enum suite_daemon daemon, const char *row, double at_least)
{
    struct metric_wait wait = {.suite = suite, .daemon = daemon, .row = row, .at_least = at_least};
    if (suite_wait(ORDER_PATIENCE_S, has_value, &wait)) return;
    show_log(suite, daemon);
    fail_msg("%s-service: %s stays %g instead of becoming %g", names[daemon], row, wait.seen, at_least);
}

int suite_log_lines(struct suite *suite, enum suite_daemon daemon, const char *text)
{
    char path[128], line[4096];
    int count = 0;
    (void)snprintf(path, sizeof path, "%s/%s.log", suite->folder, names[daemon]);
    FILE *log = fopen(path, "re");
    assert_non_null(log);
    while (fgets(line, sizeof line, log))
        count += strstr(line, text) != NULL;
    (void)fclose(log);
    return count;
}

struct log_wait {
    struct suite *suite;
    enum suite_daemon daemon;
    const char *text;
    int lines, seen;
};

static bool has_lines(void *self)
{
    struct log_wait *wait = self;
    wait->seen = suite_log_lines(wait->suite, wait->daemon, wait->text);
    return wait->seen >= wait->lines;
}

void suite_await_log(struct suite *suite, enum suite_daemon daemon, const char *text, int lines)
{
    struct log_wait wait = {.suite = suite, .daemon = daemon, .text = text, .lines = lines};
    if (suite_wait(START_PATIENCE_S, has_lines, &wait) && wait.seen == lines) return;
    show_log(suite, daemon);
    fail_msg("%s-service says \"%s\" %d times, not %d", names[daemon], text, wait.seen, lines);
}

static bool queues_empty(struct suite *suite)
{
    char output[16384];
    real_broker_do(&suite->broker, "ctl -q list_queues messages", output, sizeof output);
    for (const char *at = output; *at; at++)
        if (*at >= '1' && *at <= '9') return false;
    return true;
}

/* Whether a daemon has nothing to do; adds up what it has done so far. */
static bool is_idle(struct suite *suite, enum suite_daemon daemon, double *done)
{
    static const char *const undone[] = {"tern_outbox_pending", "tern_deferred_messages", "tern_jobs_pending"};
    struct raw_answer answer;
    suite_ask(suite, daemon, "GET", "/metrics", "", "", &answer);
    bool idle = answer.status == 200;
    for (size_t i = 0; i < TERN_COUNT(undone); i++)
        idle = idle && row_of(answer.body, undone[i]) <= 0;
    *done += sum_of(answer.body, "tern_messages_published_total") +
             sum_of(answer.body, "tern_messages_consumed_total") + sum_of(answer.body, "tern_jobs_total");
    raw_answer_fini(&answer);
    return idle;
}

static bool all_idle(struct suite *suite, double *ret_done)
{
    bool idle = true;
    *ret_done = 0;
    for (int i = 0; i < SUITE_DAEMONS; i++)
        idle = idle && is_idle(suite, (enum suite_daemon)i, ret_done);
    return idle;
}

/* They are asked one after the other, and an event may pass behind our back: so twice, with nothing done in between. */
static bool at_rest(void *self)
{
    struct suite *suite = self;
    double done_before, done_after;
    return all_idle(suite, &done_before) && queues_empty(suite) && all_idle(suite, &done_after) &&
           done_before == done_after;
}

void suite_await_rest(struct suite *suite)
{
    if (suite_wait(ORDER_PATIENCE_S, at_rest, suite)) return;
    for (int i = 0; i < SUITE_DAEMONS; i++) {
        print_message("%s: pending %g, retrying %g, jobs %g\n", names[i],
                      suite_metric(suite, (enum suite_daemon)i, "tern_outbox_pending"),
                      suite_metric(suite, (enum suite_daemon)i, "tern_deferred_messages"),
                      suite_metric(suite, (enum suite_daemon)i, "tern_jobs_pending"));
        show_log(suite, (enum suite_daemon)i);
    }
    fail_msg("the services do not come to rest");
}

/* ---- the books ---- */

int64_t suite_store_number(struct suite *suite, enum suite_daemon daemon, const char *sql)
{
    char url[128];
    struct tern_db *db;
    struct tern_error err = {0};
    int64_t value = -1;
    (void)snprintf(url, sizeof url, "sqlite:%s/%s.db", suite->folder, names[daemon]);
    int opened = suite->pid[daemon] ? tern_db_open_reader(url, &db, &err) : tern_db_open(url, &db, &err);
    if (opened < 0) fail_msg("%s", err.text);
    if (tern_db_get_int(db, sql, TERN_DB_NO_ARGS, &value, &err) < 0) fail_msg("%s: %s", sql, err.text);
    tern_db_close(db);
    return value;
}

/* A law over a store, as a query that counts its breaches. */
struct law {
    enum suite_daemon daemon;
    const char *says, *breaches;
};

static const struct law laws[] = {
    {SUITE_ORDER,        "every order has ended",
     "SELECT count(*) FROM orders WHERE status NOT IN ('READY_FOR_SHIPMENT', 'PAYMENT_FAILED', 'CANCELLED')"                              },
    {SUITE_ORDER,        "every order has one OrderPlaced",
     "SELECT count(*) FROM (SELECT subject FROM event_log WHERE type = 'OrderPlaced' GROUP BY subject HAVING count(*) > 1)"               },
    {SUITE_ORDER,        "streams have no gaps",
     "SELECT count(*) FROM (SELECT subject FROM event_log GROUP BY subject HAVING max(subject_version) <> count(*))"                      },
    {SUITE_PAYMENT,      "no order is charged twice",
     "SELECT count(*) FROM (SELECT subject FROM event_log WHERE type = 'PaymentProcessed' GROUP BY subject"
     " HAVING count(DISTINCT json_extract(body, '$.data.transactionId')) > 1)"                                                            },
    {SUITE_PAYMENT,      "no charge is left open",               "SELECT count(*) FROM payment WHERE status IN ('PENDING', 'REFUNDING')"  },
    {SUITE_INVENTORY,    "what is reserved is what orders hold",
     "SELECT (SELECT sum(reserved) FROM product) - (SELECT coalesce(sum(json_extract(item.value, '$.quantity')), 0)"
     " FROM reservation, json_each(reservation.items, '$.items') AS item WHERE state = 'RESERVED')"                                       },
    {SUITE_INVENTORY,    "no order takes stock twice",
     "SELECT count(*) FROM (SELECT subject FROM event_log WHERE type = 'InventoryReserved' GROUP BY subject HAVING count(*) > 1)"         },
    {SUITE_NOTIFICATION, "every message is settled",
     "SELECT count(*) FROM notification WHERE status IN ('WAITING', 'PENDING')"                                                           },
    {SUITE_NOTIFICATION, "nothing is said twice of one message",
     "SELECT (SELECT count(*) FROM event_log WHERE type = 'NotificationSent') - (SELECT count(*) FROM notification WHERE status = 'SENT')"},
};

/* What holds in every store. */
static const struct law common_laws[] = {
    {SUITE_DAEMONS, "nothing is unpublished",
     "SELECT (SELECT count(*) FROM outbox_returned) + (SELECT count(*) FROM event_log, outbox_position"
     " WHERE origin = 1 AND seq > confirmed_through)"                                                         },
    {SUITE_DAEMONS, "no job is left to do",                   "SELECT count(*) FROM job"                      },
    {SUITE_DAEMONS, "nothing is kept but what was parked",    "SELECT count(*) FROM deferred WHERE state <> 2"},
    {SUITE_DAEMONS, "nothing that was handled is still kept",
     "SELECT count(*) FROM deferred JOIN inbox ON inbox.event_id = deferred.event_id"                         },
};

static void check_law(struct suite *suite, enum suite_daemon daemon, const struct law *law)
{
    int64_t breaches = suite_store_number(suite, daemon, law->breaches);
    if (breaches != 0) fail_msg("broken: %s: %s (%lld)", names[daemon], law->says, (long long)breaches);
}

void suite_check_books(struct suite *suite, int64_t orders, int64_t stock)
{
    for (size_t i = 0; i < TERN_COUNT(laws); i++)
        check_law(suite, laws[i].daemon, &laws[i]);
    for (int i = 0; i < SUITE_DAEMONS; i++) {
        for (size_t j = 0; j < TERN_COUNT(common_laws); j++)
            check_law(suite, (enum suite_daemon)i, &common_laws[j]);
        int64_t held = suite_store_number(suite, (enum suite_daemon)i, "SELECT count(*) FROM deferred");
        if (held != suite->parked[i])
            fail_msg("%s keeps %lld messages, not %lld", names[i], (long long)held, (long long)suite->parked[i]);
    }
    int64_t placed = suite_store_number(suite, SUITE_ORDER, "SELECT count(*) FROM orders");
    int64_t ready =
        suite_store_number(suite, SUITE_ORDER, "SELECT count(*) FROM orders WHERE status = 'READY_FOR_SHIPMENT'");
    assert_int_equal(placed, orders);
    assert_int_equal(suite_store_number(suite, SUITE_PAYMENT, "SELECT count(*) FROM payment WHERE status = 'SUCCESS'"),
                     ready);
    assert_int_equal(
        suite_store_number(suite, SUITE_INVENTORY, "SELECT count(*) FROM reservation WHERE state = 'RESERVED'"), ready);
    assert_int_equal(suite_store_number(suite, SUITE_INVENTORY, "SELECT sum(quantity + reserved) FROM product"), stock);
}
