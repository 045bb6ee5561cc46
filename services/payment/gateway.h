/* payment/gateway.h - the seam to whoever moves the money.
 *
 * Every call carries an idempotency key, and the same key always means the same charge or refund: a repeat after a
 * crash or an unknown outcome changes nothing and gives the same answer. Calls run on the job lane's thread, and
 * must not block: a gateway that takes its time answers GATEWAY_WAIT and is asked again with the next step. */
#ifndef PAYMENT_GATEWAY_H
#define PAYMENT_GATEWAY_H

#include "shop/catalogue.h"
#include "tern/config.h"
#include "tern/jobs.h"

enum gateway_answer {
    GATEWAY_DONE,     /* the money moved; `reference` is the gateway's id of it */
    GATEWAY_DECLINED, /* it will not, for `reason`; final */
    GATEWAY_REFUSED,  /* this request will not be done, for `reason`; an earlier one with its key still may */
    GATEWAY_UNKNOWN,  /* no usable answer, `reason` says why: ask again with the same key */
    GATEWAY_NOTHING,  /* of a charge: no more attempts, and the gateway says that nothing was taken; `reason` */
    GATEWAY_STOPPED,  /* of a cancelled charge: not asked for again, and the gateway says that nothing was taken */
    GATEWAY_WAIT      /* ask again in wait_ms with the next step */
};

struct gateway_request {
    char customer_id[TERN_ID_SIZE];
    int64_t amount_minor;
    char currency[TERN_WORD_SIZE];
    char token[SHOP_REF_SIZE];     /* of a charge: the customer's means of payment, or "" */
    char reference[SHOP_REF_SIZE]; /* of a refund: the charge it gives back */
    int64_t cancelled;             /* of a charge, 1: nobody wants it any more; only what became of it counts */
};
/* As the payload of a job. */
extern const struct tern_shape gateway_request_shape;

struct gateway_call {
    const char *key;                       /* the idempotency key */
    const struct gateway_request *request; /* NULL when a charge is only looked for */
    const struct tern_job *job;            /* that asks: its subject is the order */
    int64_t most_attempts;                 /* of a charge */
    int step;                              /* 0, then 1, ... after each GATEWAY_WAIT */
    struct tern_job_lane *lane;            /* where to hurry the job */
};

struct gateway_reply {
    char reference[SHOP_REF_SIZE];
    char reason[SHOP_TEXT_SIZE];
    int64_t wait_ms;
};

typedef enum gateway_answer gateway_ask(void *self, const struct gateway_call *call, struct gateway_reply *ret_reply);

struct payment_gateway {
    gateway_ask *charge, *refund;
    /* Looks for a charge by its key, takes nothing: DONE, DECLINED, NOTHING (never seen), UNKNOWN or WAIT. NULL: a charge
     * cannot be called back, and what was given up can never turn up later. */
    gateway_ask *find;
    const char *(*fault)(void *self); /* any thread: why it takes nothing from us now, or NULL. NULL: it always does */
    /* Takes over its key, and the content of its file of certificates; main thread, while it is used. False: the key stayed,
     * for the new one belongs to another gateway. NULL: nothing to do */
    bool (*reload)(void *self, const struct tern_config *config);
    void (*close)(void *self); /* NULL: nothing to do */
    void *self;
};

/* The simulated gateway: approves with a chance of PAYMENT_SUCCESS_RATE after PAYMENT_DELAY_MS; honours the test
 * tokens tok_ok, tok_declined, tok_error and tok_slow. What it decides follows from the key alone, so it needs no
 * ledger to answer a repeat as it answered before. */
struct simulated_gateway {
    double success_rate;
    int64_t delay_low_ms, delay_high_ms;
};
void simulated_gateway_init(struct simulated_gateway *gateway, const struct tern_config *config,
                            struct payment_gateway *ret_seam);

/* The gateway over HTTP at PAYMENT_GATEWAY_URL (gateway_http.c). `log` may be NULL. */
int http_gateway_open(const struct tern_config *config, struct tern_log *log, struct payment_gateway *ret_seam,
                      struct tern_error *err);

#endif
