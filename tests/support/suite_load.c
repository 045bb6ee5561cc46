/* suite_load.c - the customer's thread. It never asserts: what it saw is looked at by the test's thread. */
#include "suite_load.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tern/base.h"
#include "tern_test.h"

enum { PAUSE_MS = 30, PATIENCE_S = 60 };

struct kind {
    const char *token, *items, *ends;
};

static const struct kind kinds[] = {
    {"tok_ok",       "[{\"productId\":\"" SUITE_LOAD_PRODUCT "\",\"quantity\":1,\"price\":19.99}]", "READY_FOR_SHIPMENT"},
    {"tok_declined", "[{\"productId\":\"" SUITE_LOAD_PRODUCT "\",\"quantity\":1,\"price\":19.99}]", "PAYMENT_FAILED"    },
    {"tok_ok",
     "[{\"productId\":\"" SUITE_LOAD_PRODUCT
     "\",\"quantity\":1,\"price\":1},{\"productId\":\"PROD-105\",\"quantity\":9999,\"price\":1}]",  "CANCELLED"         },
};

static const struct kind *kind_of(int number)
{
    return &kinds[(size_t)number % TERN_COUNT(kinds)];
}

/* One attempt. True when the order is placed. */
static bool place(struct suite_load *load, int number)
{
    struct raw_answer answer;
    char headers[128], body[512];
    const struct kind *kind = kind_of(number);
    (void)snprintf(headers, sizeof headers, "Idempotency-Key: load-%d-%d-%d\r\n", getpid(), load->run, number);
    (void)snprintf(body, sizeof body, "{\"customerId\":\"customer-%d\",\"items\":%s,\"paymentToken\":\"%s\"}", number,
                   kind->items, kind->token);
    suite_ask(load->suite, SUITE_ORDER, "POST", "/orders", headers, body, &answer);
    bool placed = answer.status == 201;
    if (placed) suite_member(answer.body, "orderId", load->ids[number], sizeof load->ids[number]);
    raw_answer_fini(&answer);
    return placed;
}

static void *run(void *argument)
{
    struct suite_load *load = argument;
    for (int number = 0; number < SUITE_LOAD_MAX && !atomic_load(&load->stopping); number++) {
        while (!place(load, number)) {
            atomic_fetch_add(&load->refused, 1);
            (void)poll(NULL, 0, PAUSE_MS);
        }
        atomic_fetch_add(&load->placed, 1);
        (void)poll(NULL, 0, PAUSE_MS);
    }
    return NULL;
}

void suite_load_start(struct suite_load *load, struct suite *suite)
{
    static int runs;
    memset(load, 0, sizeof *load);
    load->suite = suite;
    load->run = ++runs;
    assert_int_equal(pthread_create(&load->thread, NULL, run, load), 0);
    load->running = true;
}

struct passing {
    struct suite_load *load;
    int until;
};

static bool has_passed(void *self)
{
    const struct passing *passing = self;
    return atomic_load(&passing->load->placed) >= passing->until;
}

void suite_load_pass(struct suite_load *load, int orders)
{
    struct passing passing = {load, atomic_load(&load->placed) + orders};
    if (!suite_wait(PATIENCE_S, has_passed, &passing))
        fail_msg("only %d orders were placed, %d answers were no 201", atomic_load(&load->placed),
                 atomic_load(&load->refused));
}

int suite_load_stop(struct suite_load *load)
{
    atomic_store(&load->stopping, true);
    assert_int_equal(pthread_join(load->thread, NULL), 0);
    load->running = false;
    return atomic_load(&load->placed);
}

void suite_load_await_ends(struct suite_load *load)
{
    for (int i = 0; i < atomic_load(&load->placed); i++)
        suite_await_status(load->suite, load->ids[i], kind_of(i)->ends);
}
