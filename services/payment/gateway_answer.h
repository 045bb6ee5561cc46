/* payment/gateway_answer.h - reads the answer of a gateway over HTTP. Pure; any thread.
 *
 * An answer is untrusted bytes: only the exact status with the exact schema counts, everything else is UNKNOWN with a
 * sentence that quotes none of it. 400 and 422 to a POST with a JSON object are the gateway's refusal; of the object
 * only a reason for people is read. With any other body they may come from a proxy, and prove nothing. */
#ifndef PAYMENT_GATEWAY_ANSWER_H
#define PAYMENT_GATEWAY_ANSWER_H

#include "gateway.h"

enum { GATEWAY_ANSWER_MAX = 16384 }; /* bytes of a body */

enum gateway_question {
    GATEWAY_CHARGE,   /* POST /charges */
    GATEWAY_QUERY,    /* GET /charges/<key> */
    GATEWAY_REFUND,   /* POST /refunds */
    GATEWAY_QUESTIONS /* their number */
};

/* DONE with the reference; DECLINED (402) or REFUSED (400, 422) with the reason; NOTHING (404 to a query); else UNKNOWN
 * with the reason. `body` has `length` bytes and needs no NUL. */
enum gateway_answer gateway_read_answer(enum gateway_question question, int status, const char *body, size_t length,
                                        struct gateway_reply *ret_reply);

/* 401 and 403: the gateway refuses our key (RFC 9110, 15.5.2 and 15.5.4). For the operator to mend; no order fails. */
static inline bool gateway_refuses_key(int status)
{
    return status == 401 || status == 403;
}

/* Our key is refused, or something before the gateway refuses our requests: UNKNOWN, and shown in /readyz. */
static inline bool gateway_turns_away(int status, enum gateway_answer answer)
{
    return gateway_refuses_key(status) || ((status == 400 || status == 422) && answer == GATEWAY_UNKNOWN);
}

#endif
