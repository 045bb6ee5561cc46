/* suite.h - for end-to-end tests: a broker of its own, the four daemons as processes, and what a client sees of them.
 *
 * Everything lives in a temporary folder and on free ports. Conditions are waited for with a deadline; a deadline that
 * passes fails the test and shows the end of the logs. */
#ifndef TERN_TEST_SUITE_H
#define TERN_TEST_SUITE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "raw_http.h"
#include "real_broker.h"

enum suite_daemon { SUITE_ORDER, SUITE_PAYMENT, SUITE_INVENTORY, SUITE_NOTIFICATION, SUITE_DAEMONS };

struct suite {
    char folder[TEST_FOLDER_SIZE];
    struct real_broker broker;
    uint16_t port[SUITE_DAEMONS];
    pid_t pid[SUITE_DAEMONS];      /* 0: not running */
    int64_t parked[SUITE_DAEMONS]; /* how many messages a test has made each of them park */
    const char *const *settings;   /* NAME=VALUE for every daemon, NULL-terminated */
    char bearer[SUITE_DAEMONS][320];
    const char *terminal; /* the next daemon is started on it, as its controlling terminal; NULL: on none */
};

/* Starts the broker (not the daemons). `settings` must outlive the suite; NULL: payments at once and always approved. */
void suite_open(struct suite *suite, const char *const *settings);
/* The same without a broker: its address is one where nobody answers. */
void suite_open_alone(struct suite *suite, const char *const *settings);
/* Stops what still runs, gracefully, and checks that each daemon ends with 0; removes the folder. */
void suite_close(struct suite *suite);

/* One daemon. `extra` is one more NAME=VALUE, or a flag, or NULL. Waits until it answers /livez. */
void suite_start(struct suite *suite, enum suite_daemon daemon, const char *extra);
/* All four, and waits until all are ready. */
void suite_start_all(struct suite *suite);
void suite_await_ready(struct suite *suite, enum suite_daemon daemon);
void suite_signal(struct suite *suite, enum suite_daemon daemon, int signal);
/* Waits for its end: the exit status, or 128 + signal. */
int suite_await_end(struct suite *suite, enum suite_daemon daemon, int timeout_s);
bool suite_ended(struct suite *suite, enum suite_daemon daemon);
const char *suite_name(enum suite_daemon daemon);

/* One request; `headers` are whole lines, or "". Status 0: no answer. */
void suite_ask(struct suite *suite, enum suite_daemon daemon, const char *method, const char *path, const char *headers,
               const char *body, struct raw_answer *ret_answer);
/* The header line with the admin token that a daemon without ADMIN_TOKEN has made; it must have been started. */
const char *suite_bearer(struct suite *suite, enum suite_daemon daemon);
/* Sets what is free of a product in the running inventory-service. */
void suite_put_stock(struct suite *suite, const char *product_id, const char *body);
/* The text of a member of a flat JSON object, "" when there is none: enough for answers of our own. */
void suite_member(const char *json, const char *name, char *ret_value, size_t size);

/* Places an order of these items (JSON list) with this token; repeats with the same key until there is an answer. */
void suite_place(struct suite *suite, const char *token, const char *items, char ret_order_id[64]);
void suite_await_status(struct suite *suite, const char *order_id, const char *status);
/* The value of a metric without labels or with exactly these: "tern_outbox_pending". -1: there is none. */
double suite_metric(struct suite *suite, enum suite_daemon daemon, const char *row);
/* All rows of a family added up, whatever their labels. */
double suite_metric_sum(struct suite *suite, enum suite_daemon daemon, const char *family);
void suite_await_metric(struct suite *suite, enum suite_daemon daemon, const char *row, double at_least);
/* Waits until the answer to a GET of `path` has `status` and `text` in it. */
void suite_await_answer(struct suite *suite, enum suite_daemon daemon, const char *path, int status, const char *text);
/* In how many lines of its log the text stands. */
int suite_log_lines(struct suite *suite, enum suite_daemon daemon, const char *text);
/* Waits for that many, and fails when there are more. */
void suite_await_log(struct suite *suite, enum suite_daemon daemon, const char *text, int lines);
/* Everything said is confirmed, nothing waits to be tried again, every queue is empty. */
void suite_await_rest(struct suite *suite);

/* One number from the store of a daemon, running or not. */
int64_t suite_store_number(struct suite *suite, enum suite_daemon daemon, const char *sql);
/* With all daemons ended or at rest: no order without an end, no order charged twice or charged and not entitled to, no
 * stock lost or oversold, nothing unpublished, nothing parked but what is in `parked`. `stock` is the sum of the
 * first stock. */
void suite_check_books(struct suite *suite, int64_t orders, int64_t stock);

/* True once `condition` is, false when `timeout_s` is over. */
bool suite_wait(int timeout_s, bool (*condition)(void *self), void *self);

#endif
