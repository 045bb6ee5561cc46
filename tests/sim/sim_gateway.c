/* sim_gateway.c - the payment gateway and the mail, with ledgers of their own.
 *
 * The gateway keeps a charge or a refund for each key, as a real one does; a call without a key, or with another one, moves
 * money again. It believes nothing that the service keeps: what it is checked by is what it was asked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/notification/notification.h"
#include "services/payment/gateway.h"
#include "sim.h"

static struct sim_charge *charge_of(const char *key)
{
    int index = key[0] != '\0' ? sim_map_get(&sim->charge_map, key) : -1;
    return index < 0 ? NULL : &sim->charges[index];
}

static struct sim_charge *new_charge(const char *key, const struct gateway_request *request, bool refund)
{
    if (sim->charge_count == sim->charge_room) {
        sim->charge_room = sim->charge_room ? sim->charge_room * 2 : 64;
        sim->charges = realloc(sim->charges, (size_t)sim->charge_room * sizeof *sim->charges);
        TERN_ASSERT(sim->charges, "memory for the ledger");
    }
    struct sim_charge *charge = &sim->charges[sim->charge_count];
    const char *dash = strchr(key, '-');
    *charge = (struct sim_charge){.amount_minor = request->amount_minor, .refund = refund};
    tern_copy_whole(charge->key, sizeof charge->key, key);
    tern_copy_whole(charge->order_id, sizeof charge->order_id, dash ? dash + 1 : "");
    tern_copy_whole(charge->currency, sizeof charge->currency, request->currency);
    (void)snprintf(charge->reference, sizeof charge->reference, "%s-%d", refund ? "REF" : "TXN", sim->charge_count);
    if (key[0] != '\0') sim_map_put(&sim->charge_map, key, sim->charge_count);
    sim->charge_count++;
    return charge;
}

static const struct sim_charge *find_reference(const char *reference)
{
    for (int i = 0; i < sim->charge_count; i++)
        if (!sim->charges[i].refund && strcmp(sim->charges[i].reference, reference) == 0) return &sim->charges[i];
    return NULL;
}

/* A refund names the capture that it gives back; for another order's money there is no excuse. */
static void watch_refund(const struct sim_charge *refund, const struct gateway_request *request)
{
    const struct sim_charge *capture = find_reference(request->reference);
    SIM_CHECK(I6, capture != NULL && !capture->declined && strcmp(capture->order_id, refund->order_id) == 0,
              refund->order_id, "a refund of \"%s\", which was not captured for this order", request->reference);
    SIM_CHECK(I6, capture == NULL || capture->amount_minor == refund->amount_minor, refund->order_id,
              "a refund of %lld of a capture of %lld", (long long)refund->amount_minor,
              capture ? (long long)capture->amount_minor : 0LL);
}

static void watch_charge(const struct sim_charge *charge)
{
    for (int i = 0; i < sim->charge_count; i++) {
        const struct sim_charge *other = &sim->charges[i];
        if (other == charge || strcmp(other->order_id, charge->order_id) != 0 || other->refund != charge->refund)
            continue;
        if (other->declined || charge->declined) continue;
        sim_violation(charge->refund ? SIM_RULE_I6 : SIM_RULE_I4, charge->order_id,
                      "%s twice, with the keys \"%s\" and \"%s\"", charge->refund ? "refunded" : "charged", other->key,
                      charge->key);
    }
}

static enum gateway_answer unknown(struct gateway_reply *reply, const char *key, bool did)
{
    tern_copy_whole(reply->reason, sizeof reply->reason, "no answer in time");
    sim_tell("gateway", key, did ? "did it, and does not answer" : "hears nothing, and does not answer");
    return GATEWAY_UNKNOWN;
}

static enum gateway_answer answer(const struct sim_charge *charge, struct gateway_reply *reply)
{
    if (charge->declined) {
        tern_copy_whole(reply->reason, sizeof reply->reason, "card declined");
        return GATEWAY_DECLINED;
    }
    tern_copy_whole(reply->reference, sizeof reply->reference, charge->reference);
    return GATEWAY_DONE;
}

static bool asks_for_the_same(const struct sim_charge *charge, const struct gateway_request *request)
{
    return charge->amount_minor == request->amount_minor && strcmp(charge->currency, request->currency) == 0;
}

static struct sim_charge *enter(const char *key, const struct gateway_request *request, bool refund)
{
    struct sim_charge *charge = new_charge(key, request, refund);
    SIM_CHECK(I4, request->amount_minor > 0, charge->order_id, "a gateway was asked for nothing");
    charge->declined =
        !refund && (sim_happens(SIM_FAULT_gateway_declined) || sim_chosen(SIM_FAULT_gateway_declined, 1));
    sim_tell("gateway", key, "%s %lld %s",
             charge->declined ? "declines"
             : refund         ? "refunds"
                              : "captures",
             (long long)request->amount_minor, request->currency);
    if (refund)
        sim->counts->refunds++;
    else if (!charge->declined)
        sim->counts->captures++;
    watch_charge(charge);
    if (refund) watch_refund(charge, request);
    return charge;
}

/* A call that was stuck on its way, and lands when nobody waits for it any more. */
struct stuck {
    char key[TERN_JOB_KEY_SIZE];
    struct gateway_request request;
};

static void land(void *self, int64_t number)
{
    struct stuck *stuck = self;
    (void)number;
    sim->stuck_calls--;
    if (charge_of(stuck->key) == NULL) (void)enter(stuck->key, &stuck->request, false);
    free(stuck);
}

bool sim_is_stuck_call(const struct sim_timer *timer)
{
    return timer->fire == land;
}

static void get_stuck(const char *key, const struct gateway_request *request)
{
    struct stuck *stuck = tern_alloc(sizeof *stuck);
    tern_copy_whole(stuck->key, sizeof stuck->key, key);
    stuck->request = *request;
    sim->stuck_calls++;
    sim_at(sim->now + 1000 + sim_below(sim_below(2) == 0 ? 10000 : 15 * 60 * 1000), land, stuck, 0);
}

static bool is_lost(enum sim_fault fault)
{
    return sim_happens(fault) || sim_chosen(fault, 1);
}

/* It remembers nothing of such a request, and the one that is stuck will land. */
static bool refuses(const struct gateway_call *call)
{
    return call->job->attempts > 0 && sim->stuck_calls > 0 && sim_happens(SIM_FAULT_gateway_declined);
}

static enum gateway_answer move(const struct gateway_call *call, bool refund, struct gateway_reply *reply)
{
    struct sim_charge *charge = charge_of(call->key);
    if (is_lost(SIM_FAULT_gateway_lost_call)) return unknown(reply, call->key, false);
    if (!refund && charge == NULL && sim_happens(SIM_FAULT_gateway_stuck_call)) {
        get_stuck(call->key, call->request);
        return unknown(reply, call->key, false);
    }
    if (!refund && charge == NULL && refuses(call)) {
        tern_copy_whole(reply->reason, sizeof reply->reason, "this token is of no use any more");
        return GATEWAY_REFUSED;
    }
    if (charge == NULL) charge = enter(call->key, call->request, refund);
    SIM_CHECK(I4, asks_for_the_same(charge, call->request), charge->order_id, "the key %s came with another amount",
              call->key);
    if (is_lost(SIM_FAULT_gateway_lost_answer)) return unknown(reply, call->key, true);
    return answer(charge, reply);
}

static enum gateway_answer wait_first(struct gateway_reply *reply)
{
    reply->wait_ms = 1 + sim_below(sim->plan.gateway_ms + 1);
    if (sim_happens(SIM_FAULT_gateway_slow)) reply->wait_ms += sim_below(2 * sim->plan.deadline_ms);
    return GATEWAY_WAIT;
}

static enum gateway_answer find(void *self, const struct gateway_call *call, struct gateway_reply *reply)
{
    const struct sim_charge *charge = charge_of(call->key);
    (void)self;
    if (is_lost(SIM_FAULT_gateway_lost_call)) return unknown(reply, call->key, false);
    return charge != NULL ? answer(charge, reply) : GATEWAY_NOTHING;
}

/* As the seam wants it: what nobody wants any more is only looked for; the last attempt asks what became of it. */
static enum gateway_answer charge(void *self, const struct gateway_call *call, struct gateway_reply *reply)
{
    static const char voided[] = "SELECT 1 FROM event_log WHERE subject = ?1 AND type = 'PaymentVoided'";
    if (call->step == 0 && !sim->small) return wait_first(reply);
    if (call->request->cancelled != 0) {
        enum gateway_answer found = find(self, call, reply);
        return found == GATEWAY_NOTHING ? GATEWAY_STOPPED : found;
    }
    SIM_CHECK(I6, sim_number(sim->services[SIM_PAYMENT].db, voided, call->job->subject) < 0, call->job->subject,
              "charged after it was said to be void");
    enum gateway_answer moved = move(call, false, reply);
    if (moved == GATEWAY_UNKNOWN && call->job->attempts + 1 >= call->most_attempts) return find(self, call, reply);
    return moved;
}

static enum gateway_answer refund(void *self, const struct gateway_call *call, struct gateway_reply *reply)
{
    (void)self;
    if (call->step == 0 && !sim->small) return wait_first(reply);
    return move(call, true, reply);
}

void sim_gateway_attach(struct payment_gateway *seam)
{
    *seam = (struct payment_gateway){.charge = charge, .refund = refund, .find = find};
}

/* ---- the mail --------------------------------------------------------------------------------------------------- */

static int send_letter(void *self, const struct channel_letter *letter, struct tern_error *err)
{
    (void)self;
    if (sim_happens(SIM_FAULT_mail_fails)) return tern_error_set(err, "the mail server is busy");
    int sent = sim_map_get(&sim->letter_map, letter->key);
    sim_map_put(&sim->letter_map, letter->key, sent < 0 ? 1 : sent + 1);
    sim->counts->letters++;
    sim_tell("mail", letter->order_id, "%s to %s", letter->type, letter->recipient);
    return 0;
}

void sim_mail_attach(void *notification_state)
{
    struct notification_state *state = notification_state;
    for (size_t i = 0; i < NOTIFICATION_CHANNELS; i++)
        state->channels[i].send = send_letter;
}
