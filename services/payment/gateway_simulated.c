/* gateway_simulated.c - a payment gateway without money: chance, delay, test tokens.
 *
 * Invariant: chance, delay and reference are functions of the idempotency key, never of when or how often a call is
 * made. Keeps no state, so its answers after a crash are those of before. */
#include <stdio.h>
#include <string.h>

#include "gateway.h"

enum { SLOW_FACTOR = 10 }; /* tok_slow: times the delay */

/* FNV-1a, then the finaliser of MurmurHash3: keys differ in a few characters only, and FNV alone leaves the high bits
 * alike. `salt` gives a key several independent numbers. */
static uint64_t hash_of(const char *key, const char *salt)
{
    uint64_t hash = 14695981039346656037u;
    for (const char *text = salt; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 1099511628211u;
    for (const char *text = key; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 1099511628211u;
    hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
    hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53u;
    return hash ^ (hash >> 33);
}

static bool approves(const struct simulated_gateway *gateway, const char *key, const char *token)
{
    if (strcmp(token, "tok_ok") == 0 || strcmp(token, "tok_slow") == 0) return true;
    if (strcmp(token, "tok_declined") == 0) return false;
    return (double)(hash_of(key, "chance") >> 11) / 9007199254740992.0 < gateway->success_rate; /* 53 bits: [0, 1) */
}

static int64_t delay_ms(const struct simulated_gateway *gateway, const char *key, const char *token)
{
    uint64_t span = (uint64_t)(gateway->delay_high_ms - gateway->delay_low_ms) + 1;
    int64_t delay = gateway->delay_low_ms + (int64_t)(hash_of(key, "delay") % span);
    return strcmp(token, "tok_slow") == 0 ? delay * SLOW_FACTOR : delay;
}

static void make_reference(const char *prefix, const char *key, struct gateway_reply *reply)
{
    (void)snprintf(reply->reference, sizeof reply->reference, "%s%016llx%08x", prefix,
                   (unsigned long long)hash_of(key, "first"), (unsigned)hash_of(key, "second"));
}

static enum gateway_answer charge(void *self, const struct gateway_call *call, struct gateway_reply *reply)
{
    const struct simulated_gateway *gateway = self;
    const char *key = call->key, *token = call->request->token;
    reply->wait_ms = delay_ms(gateway, key, token);
    if (call->step == 0 && reply->wait_ms > 0) return GATEWAY_WAIT;
    if (strcmp(token, "tok_error") == 0) {
        tern_copy_whole(reply->reason, sizeof reply->reason, "the gateway reported an internal error");
        return call->job->attempts + 1 < call->most_attempts ? GATEWAY_UNKNOWN : GATEWAY_NOTHING;
    }
    if (!approves(gateway, key, token)) {
        tern_copy_whole(reply->reason, sizeof reply->reason, "card declined");
        return GATEWAY_DECLINED;
    }
    make_reference("TXN-", key, reply);
    return GATEWAY_DONE;
}

static enum gateway_answer refund(void *self, const struct gateway_call *call, struct gateway_reply *reply)
{
    const struct simulated_gateway *gateway = self;
    reply->wait_ms = delay_ms(gateway, call->key, call->request->token);
    if (call->step == 0 && reply->wait_ms > 0) return GATEWAY_WAIT;
    make_reference("REF-", call->key, reply);
    return GATEWAY_DONE;
}

void simulated_gateway_init(struct simulated_gateway *gateway, const struct tern_config *config,
                            struct payment_gateway *ret_seam)
{
    gateway->success_rate = tern_config_ratio(config, "PAYMENT_SUCCESS_RATE");
    tern_config_range(config, "PAYMENT_DELAY_MS", &gateway->delay_low_ms, &gateway->delay_high_ms);
    *ret_seam = (struct payment_gateway){.charge = charge, .refund = refund, .self = gateway};
}
