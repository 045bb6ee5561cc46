/* sim_watch.c - what is checked while it happens: that nothing is said before it is true, or let go before it is kept. */
#include <string.h>

#include "common/store/store.h"
#include "sim_bus.h"

/* Of the bytes: an eventId means the same for ever. */
static void watch_body(struct sim_event *event, const struct sim_message *message)
{
    uint64_t hash = sim_hash_of(message->body, message->length);
    if (event->sent == 0) event->body_hash = hash;
    SIM_CHECK(I13, event->body_hash == hash, sim->subjects[event->subject].id, "%s %s is said again with another body",
              event->type, event->id);
}

/* Nothing in this run keeps a service that is connected from sending what it wants to. */
static bool may_always_send(void)
{
    const int64_t *rate = sim->plan.rate;
    return rate[SIM_FAULT_confirm_lost] + rate[SIM_FAULT_silence] + rate[SIM_FAULT_blocked] + rate[SIM_FAULT_stall] ==
               0 &&
           sim->plan.window > 4;
}

/* A deadline may fire only when the service was connected for so long since the order began to wait for what did not come. */
static void watch_deadline(const struct tern_amqp *link, const struct sim_event *event,
                           const struct sim_message *message)
{
    if (link->who != SIM_ORDER || strcmp(event->type, "OrderCancelled") != 0 || event->sent > 0) return;
    if (strstr(message->body, "_TIMEOUT\"") == NULL) return;
    int order = sim_map_get(&sim->order_map, sim->subjects[event->subject].id);
    if (order < 0) return;
    int placed = sim->subjects[event->subject].placed;
    SIM_CHECK(S1, sim->plan.off != SIM_HEALER_deadline, sim->orders[order].order_id,
              "given up, and its patience is a month");
    if (sim->plan.deadline_ms > 2 * sim->plan.nudge_ms && may_always_send())
        SIM_CHECK(S1, placed >= 0 && sim->events[placed].sent > 1, sim->subjects[event->subject].id,
                  "given up, and nobody was asked again");
    bool paid = strstr(message->body, "INVENTORY_TIMEOUT") != NULL;
    int64_t since_ms = paid ? sim->orders[order].paid_ms : sim->orders[order].online_ms;
    int64_t online_ms = sim_service_online_ms(&sim->services[SIM_ORDER]) - since_ms;
    SIM_CHECK(S1, online_ms >= sim->plan.deadline_ms - 100, sim->subjects[event->subject].id,
              "given up after %lld ms online, and its patience is %lld ms", (long long)online_ms,
              (long long)sim->plan.deadline_ms);
}

void sim_watch_publish(const struct tern_amqp *link, struct sim_message *message)
{
    struct sim_event *event = &sim->events[message->event];
    SIM_CHECK(I13, !tern_db_in_transaction(sim->services[link->who].db), sim->subjects[event->subject].id,
              "%s %s is sent inside a transaction", event->type, event->id);
    SIM_CHECK(I13, event->producer == link->who, sim->subjects[event->subject].id, "%s says %s", sim_names[link->who],
              event->type);
    const struct tern_amqp *consumer = sim->services[link->who].links[0];
    SIM_CHECK(S3, consumer->conn != NULL && sim->broker->queues[link->who].owner == consumer->conn->serial,
              sim->subjects[event->subject].id, "%s says %s while it does not own its queue", sim_names[link->who],
              event->type);
    watch_body(event, message);
    watch_deadline(link, event, message);
    sim_heal_said(event, message);
    sim_tell(sim_names[link->who], sim->subjects[event->subject].id, "says %s %s%s", event->type, event->id,
             message->nudge    ? ", a nudge"
             : event->sent > 0 ? " again"
                               : "");
    event->sent++;
    if (event->message != NULL || message->nudge) return;
    message->references++;
    event->message = message;
}

/* Handled or held, in a transaction that has ended. */
static bool is_kept(struct sim_service *service, const struct sim_message *message)
{
    static const char handled[] = "SELECT 1 FROM inbox WHERE event_id = ?1";
    static const char held[] = "SELECT 1 FROM deferred WHERE event_id = ?1";
    static const char unread[] =
        "SELECT 1 FROM deferred WHERE event_id IS NULL UNION ALL SELECT 1 FROM parked_audit LIMIT 1";
    if (service->forgot) return true;
    if (message->malformed > 0) return sim_number(service->db, unread, NULL) > 0;
    return sim_number(service->db, handled, message->message_id) > 0 ||
           sim_number(service->db, held, message->message_id) > 0;
}

void sim_watch_ack(const struct tern_amqp *link, uint64_t tag)
{
    struct sim_service *service = &sim->services[link->who];
    const struct sim_pipe *unacked = &link->conn->unacked;
    SIM_CHECK(I15, !tern_db_in_transaction(service->db), NULL, "%s acknowledges inside a transaction",
              sim_names[link->who]);
    for (size_t i = 0; i < unacked->count && sim_pipe_at(unacked, i)->number <= tag; i++) {
        const struct sim_message *message = sim_pipe_at(unacked, i)->message;
        SIM_CHECK(I15, is_kept(service, message), message->message_id, "%s lets go of %s %s, which it has not kept",
                  sim_names[link->who], message->type, message->message_id);
    }
}
