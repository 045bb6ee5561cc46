/* payment/gateway_answer.h - reads what a gateway answered over HTTP. Pure; any thread.
 *
 * An answer is untrusted bytes: only the exact status with the exact schema counts, everything else is UNKNOWN with a
 * sentence that quotes none of it. 400 and 422 to a POST are a definite no when their body is a JSON object; only a
 * reason for people is read from it. With another body they come from a proxy. */
#ifndef PAYMENT_GATEWAY_ANSWER_H
#define PAYMENT_GATEWAY_ANSWER_H

#include "gateway.h"

enum { GATEWAY_ANSWER_MAX = 16384 };

enum gateway_question {
    GATEWAY_CHARGE, /* POST /charges */
    GATEWAY_QUERY,  /* GET /charges/<key> */
    GATEWAY_REFUND, /* POST /refunds */
    GATEWAY_QUESTIONS
};

/* DONE with the reference, DECLINED or REFUSED (400, 422) with the reason, NOTHING, or UNKNOWN with the reason.
 * `body` has `length` bytes. */
enum gateway_answer gateway_read_answer(enum gateway_question question, int status, const char *body, size_t length,
                                        struct gateway_reply *ret_reply);

/* The gateway refuses our key: the operator's fault, not the customer's. */
static inline bool gateway_refuses_key(int status)
{
    return status == 401 || status == 403;
}

/* Our key is refused, or a proxy refuses our requests: UNKNOWN, and shown to the operator (/readyz). */
static inline bool gateway_turns_away(int status, enum gateway_answer answer)
{
    return gateway_refuses_key(status) || ((status == 400 || status == 422) && answer == GATEWAY_UNKNOWN);
}

#endif
