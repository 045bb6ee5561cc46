/* payment/gateway.h - the seam to the payment gateway: simulated (gateway_simulated.c) or over HTTP (gateway_http.c).
 *
 * Every call has an idempotency key, and the same key is the same charge or refund for ever: a repeat after a crash or
 * an unknown outcome takes nothing and gives the same answer. Calls run on the job worker's thread and must not block:
 * a slow gateway answers GATEWAY_WAIT and is called again with the next step. */
#ifndef PAYMENT_GATEWAY_H
#define PAYMENT_GATEWAY_H

#include "shop/catalogue.h"
#include "tern/config.h"
#include "tern/jobs.h"

enum gateway_answer {
    GATEWAY_DONE,     /* the money moved; `reference` is the gateway's id of the charge or refund */
    GATEWAY_DECLINED, /* the charge was declined for `reason`; final */
    GATEWAY_REFUSED,  /* this request was refused for `reason`; an earlier one with its key may still charge */
    GATEWAY_UNKNOWN,  /* no usable answer, for `reason`: call again with the same key */
    GATEWAY_NOTHING,  /* a charge: the attempts are used up, and the gateway has not seen it; `reason` */
    GATEWAY_STOPPED,  /* a cancelled charge: not posted any more, and the gateway has not seen it */
    GATEWAY_WAIT      /* call again after wait_ms, or when the job is woken, with the next step */
};

/* The payload of a job for a charge or a refund. Of a charge: all but `reference`. */
struct gateway_request {
    char customer_id[TERN_ID_SIZE];
    int64_t amount_minor;          /* in minor units of `currency` */
    char currency[TERN_WORD_SIZE]; /* ISO 4217; "": a job of an older version */
    char token[SHOP_REF_SIZE];     /* the customer's means of payment, or "" */
    char reference[SHOP_REF_SIZE]; /* of a refund: the gateway's id of the charge */
    int64_t cancelled;             /* 1: the order is cancelled; find out what became of the charge, do not post it */
};
/* Its JSON. */
extern const struct tern_schema gateway_request_schema;

/* Valid during the call only; all owned by the caller. */
struct gateway_call {
    const char *key;                       /* the idempotency key */
    const struct gateway_request *request; /* NULL: a query, which needs the key only */
    const struct tern_job *job;            /* the job that runs; its subject is the order */
    int64_t most_attempts;                 /* of a charge; the job counts those that have failed */
    int step;                              /* 0, then 1, ... after each GATEWAY_WAIT */
    struct tern_job_worker *worker;        /* wakes the job when the answer is there; outlives the call */
};

struct gateway_reply {
    char reference[SHOP_REF_SIZE]; /* DONE: the gateway's id of the charge or refund */
    char reason[SHOP_TEXT_SIZE];   /* other answers: why, for people */
    int64_t wait_ms;               /* WAIT: call again after so long at the latest */
};

typedef enum gateway_answer gateway_ask(void *self, const struct gateway_call *call, struct gateway_reply *ret_reply);

/* A gateway as a value; of the calls only charge and refund must be there. */
struct payment_gateway {
    gateway_ask *charge, *refund;
    /* Queries a charge by its key and takes nothing: DONE, DECLINED, NOTHING (never seen), UNKNOWN or WAIT. NULL: this
     * gateway has no query, and no charge of its turns up late. */
    gateway_ask *find;
    /* Why the gateway turns our requests away, or NULL when it accepts them. Any thread. The function NULL: it always
     * accepts them. */
    const char *(*fault)(void *self);
    /* Takes the new key and reads the file of certificates again. Main thread, while the gateway is used. False: the
     * old key stays, since the new one belongs to another gateway. The function NULL: nothing to reload. */
    bool (*reload)(void *self, const struct tern_config *config);
    void (*close)(void *self); /* NULL: nothing to do */
    void *self;                /* passed to the calls above; released by `close`, if there is one */
};

/* The simulated gateway: approves with a chance of PAYMENT_SUCCESS_RATE after PAYMENT_DELAY_MS; knows the test tokens
 * tok_ok, tok_declined, tok_error and tok_slow. Its answer is a function of the key, so it is the same after a restart
 * without any memory. Owned by the caller; must outlive the seam. */
struct simulated_gateway {
    double success_rate;                 /* 0 to 1 */
    int64_t delay_low_ms, delay_high_ms; /* both included */
};
void simulated_gateway_init(struct simulated_gateway *gateway, const struct tern_config *config,
                            struct payment_gateway *ret_seam);

/* The gateway over HTTP at PAYMENT_GATEWAY_URL (gateway_http.c). `log` may be NULL. 0, and nothing is called yet; or -1
 * with `err` when a setting is wrong. */
int http_gateway_open(const struct tern_config *config, struct tern_log *log, struct payment_gateway *ret_seam,
                      struct tern_error *err);

#endif
