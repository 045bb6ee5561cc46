/* payment/gateway_answer.h - reads what a gateway answered over HTTP. Pure; any thread.
 *
 * An answer is the bytes of others: only the exact status with the exact shape counts, everything else is UNKNOWN
 * with a sentence that quotes none of it. */
#ifndef PAYMENT_GATEWAY_ANSWER_H
#define PAYMENT_GATEWAY_ANSWER_H

#include "gateway.h"

enum { GATEWAY_ANSWER_MAX = 16384 };

enum gateway_question {
    GATEWAY_CHARGE, /* POST /charges */
    GATEWAY_LOOK,   /* GET /charges/<key> */
    GATEWAY_REFUND  /* POST /refunds */
};

/* DONE with the reference, DECLINED with the reason, NOTHING, or UNKNOWN with the reason. `body` has `length` bytes. */
enum gateway_answer gateway_read_answer(enum gateway_question question, int status, const char *body, size_t length,
                                        struct gateway_reply *ret_reply);

#endif
