/* payment/gateway.h - the seam to the payment gateway: simulated (gateway_simulated.c) or over HTTP (gateway_http.c).
 *
 * Every call carries an idempotency key, and the same key always means the same charge or refund: a repeat after a
 * crash or an unknown outcome changes nothing and gives the same answer. Calls run on the thread of the job worker and
 * must not block: a gateway that takes its time answers GATEWAY_WAIT and is called again with the next step. */
#ifndef PAYMENT_GATEWAY_H
#define PAYMENT_GATEWAY_H

#include "shop/catalogue.h"
#include "tern/config.h"
#include "tern/jobs.h"

enum gateway_answer {
    GATEWAY_DONE,     /* the money moved; `reference` is the gateway's id of it */
    GATEWAY_DECLINED, /* the charge was declined for `reason`; final */
    GATEWAY_REFUSED,  /* this request was refused for `reason`; an earlier one with its key may still charge */
    GATEWAY_UNKNOWN,  /* no usable answer, `reason` says why: call again with the same key */
    GATEWAY_NOTHING,  /* of a charge: no more attempts, and the gateway says that nothing was taken; `reason` */
    GATEWAY_STOPPED,  /* of a cancelled charge: not posted again, and the gateway says that nothing was taken */
    GATEWAY_WAIT      /* call again in wait_ms with the next step */
};

struct gateway_request {
    char customer_id[TERN_ID_SIZE];
    int64_t amount_minor;          /* in minor units of `currency` */
    char currency[TERN_WORD_SIZE]; /* ISO 4217; "" in a job of an older version */
    char token[SHOP_REF_SIZE];     /* of a charge: the customer's means of payment, or "" */
    char reference[SHOP_REF_SIZE]; /* of a refund: the charge it gives back */
    int64_t cancelled;             /* of a charge, 1: the order is cancelled; only what became of the charge counts */
};
/* Of a request as the payload of a job. */
extern const struct tern_schema gateway_request_schema;

struct gateway_call {
    const char *key;                       /* the idempotency key */
    const struct gateway_request *request; /* NULL when a charge is only looked up */
    const struct tern_job *job;            /* whose run this is; its subject is the order */
    int64_t most_attempts;                 /* of a charge */
    int step;                              /* 0, then 1, ... after each GATEWAY_WAIT */
    struct tern_job_worker *worker;        /* where to wake the job */
};

struct gateway_reply {
    char reference[SHOP_REF_SIZE]; /* DONE: the gateway's id of the charge or refund */
    char reason[SHOP_TEXT_SIZE];   /* of the other answers, for people */
    int64_t wait_ms;               /* WAIT: for how long at most */
};

typedef enum gateway_answer gateway_ask(void *self, const struct gateway_call *call, struct gateway_reply *ret_reply);

struct payment_gateway {
    gateway_ask *charge, *refund;
    /* Looks a charge up by its key, takes nothing: DONE, DECLINED, NOTHING (never seen), UNKNOWN or WAIT. NULL: this
     * gateway cannot, and no charge of its turns up late. */
    gateway_ask *find;
    /* Why the gateway takes nothing from us now, or NULL. Any thread. The function NULL: it always does. */
    const char *(*fault)(void *self);
    /* Takes over the key and reads the file of certificates again; main thread, while the gateway is used. False: the
     * key stayed, since the new one belongs to another gateway. The function NULL: nothing to do. */
    bool (*reload)(void *self, const struct tern_config *config);
    void (*close)(void *self); /* NULL: nothing to do */
    void *self;                /* of the calls above; owned, closed by `close` */
};

/* The simulated gateway: approves with a chance of PAYMENT_SUCCESS_RATE after PAYMENT_DELAY_MS; knows the test tokens
 * tok_ok, tok_declined, tok_error and tok_slow. Its answer follows from the key alone, so it needs no ledger to repeat
 * it. */
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
