/* suite_gateway.h - tests/gateway/gateway.py as a process beside the suite: a payment gateway that can fail in every way.
 *
 * Its ledger lies in the suite's folder and outlives it; started again, it listens on the same port. */
#ifndef TERN_TEST_SUITE_GATEWAY_H
#define TERN_TEST_SUITE_GATEWAY_H

#include "suite.h"

/* PAYMENT_GATEWAY_KEY of the daemons. */
#define SUITE_GATEWAY_KEY "sesame"

struct suite_gateway {
    uint16_t port; /* 0 before the first start */
    pid_t pid;     /* 0: not running */
    char folder[64], url[64];
};

/* The folder must be there (suite_open). */
void suite_gateway_start(struct suite_gateway *gateway, const struct suite *suite);
/* SIGKILL: what is in the ledger is all it will know. */
void suite_gateway_kill(struct suite_gateway *gateway);
/* One request of its own, a POST with `body` or ("") a GET; fails the test unless it is answered with 200. */
void suite_gateway_ask(struct suite_gateway *gateway, const char *path, const char *body,
                       struct raw_answer *ret_answer);
/* {"name":"how"}, see gateway.py --help. */
void suite_gateway_fault(struct suite_gateway *gateway, const char *faults);
/* How often "charge", "look" or "refund" was asked since it was started. */
int suite_gateway_requests(struct suite_gateway *gateway, const char *call);
/* Lines of the ledger: "capture", "decline" or "refund" of an order, or ("") of all. */
int suite_gateway_entries(const struct suite_gateway *gateway, const char *what, const char *order_id);

#endif
