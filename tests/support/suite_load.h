/* suite_load.h - a customer who places orders all the time, on a thread of its own, while a test does its worst.
 *
 * Orders of three kinds in turn: one that succeeds, one whose payment is declined, one that finds no stock. Each has its
 * Idempotency-Key, and is asked for again until there is a 201; how often there was another answer is counted. */
#ifndef TERN_TEST_SUITE_LOAD_H
#define TERN_TEST_SUITE_LOAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "suite.h"

enum { SUITE_LOAD_MAX = 4096 };

/* What the load orders: PROD-102, as much of it as there are orders at most. */
#define SUITE_LOAD_PRODUCT "PROD-102"

struct suite_load {
    struct suite *suite;
    int run; /* keys of one run are not those of another */
    pthread_t thread;
    bool running;
    atomic_bool stopping;
    atomic_int placed, refused; /* answers 201; all others */
    char ids[SUITE_LOAD_MAX][64];
};

void suite_load_start(struct suite_load *load, struct suite *suite);
/* Waits until so many more orders were placed: time, measured in orders. */
void suite_load_pass(struct suite_load *load, int orders);
/* Ends it; an order that is not answered yet is waited for. Returns how many were placed. */
int suite_load_stop(struct suite_load *load);
/* Waits until each of them has ended as it should. */
void suite_load_await_ends(struct suite_load *load);

#endif
