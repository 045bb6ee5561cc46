/* order_handlers.c - the events of other services: answers about an order, and changes of products.
 *
 * Every answer about an order is appended to its stream, whatever it changes; then it is an input of the saga. An
 * answer about an unknown order is rejected, so it is parked: OrderPlaced is committed here before any service can
 * consume it. Changes of products only feed the read model. */
#include "order_service.h"

#include <string.h>

#include "order_drive.h"
#include "order_metrics.h"
#include "order_replay.h"
#include "order_store.h"
#include "tern/event_log.h"

/* Why the input contradicts what is known of the order, or NULL: an answer to an OrderCancelled that was never emitted,
 * or "not charged" after a charge (a free order is paid without one). Neither can happen between intact stores, only
 * when a store was replaced by an older copy of itself. The event is handled all the same; a person has to look at
 * it. */
static const char *contradiction_of(const struct order_state *order, enum saga_input input)
{
    bool voided = input == SAGA_PAYMENT_VOIDED;
    bool undone = voided || input == SAGA_PAYMENT_REFUNDED || input == SAGA_INVENTORY_RELEASED;
    if (undone && !order->reason[0]) return "it was undone elsewhere, and is not cancelled here";
    if (voided && order->transaction_id[0] && order->total_minor > 0)
        return "it was charged, and payment-service knows of no charge: look for it at the gateway";
    return NULL;
}

static enum tern_outcome on_answer(struct tern_context *ctx, const struct tern_event *event, struct tern_error *err)
{
    enum shop_event type = shop_event_named(event->type);
    enum saga_input input = order_input(type);
    struct order_state order = {0};
    union order_payload answer;
    if (shop_decode(type, event, &answer, err) < 0) return TERN_REJECT;
    if (strcmp(answer.order_id, event->subject) != 0) {
        tern_error_set(err, "%s about %s speaks of order %s", event->type, event->subject, answer.order_id);
        return TERN_REJECT;
    }
    /* The inbox forgets old events; the order's stream never does. */
    int found = tern_event_log_has(ctx->db, event->subject, event->event_id, err);
    if (found != 0) return found > 0 ? TERN_DONE : TERN_RETRY;
    found = order_store_load(ctx->db, TERN_LIVE, answer.order_id, &order, err);
    if (found < 0) return TERN_RETRY;
    if (found == 0) {
        tern_error_set(err, "%s about order %s, which was never placed here", event->type, answer.order_id);
        return TERN_REJECT;
    }

    const char *contradiction = contradiction_of(&order, input);
    struct order_change change = {.event = type, .payload = &answer, .at_ms = ctx->now_ms};
    enum tern_outcome outcome = TERN_RETRY;
    if (tern_append_foreign(ctx, event, &change.version, err) < 0) goto done;
    order_apply(&order, &change);
    if (order_drive(ctx, &order, input, "", err) < 0) goto done;
    outcome = TERN_DONE;
    if (!contradiction) goto done;
    tern_metric_add(ctx->metrics, &order_contradictions_total, 1, event->type, NULL, NULL);
    tern_log_error(ctx->log, "an event contradicts what is known of its order: was an older store put back?",
                   TERN_STR("orderId", order.order_id), TERN_STR("eventType", event->type),
                   TERN_STR("status", order_status_name(order.saga.status)), TERN_STR("err", contradiction),
                   TERN_STR("correlationId", order.correlation_id));
done:
    order_fini(&order);
    return outcome;
}

static enum tern_outcome on_inventory_updated(struct tern_context *ctx, const struct tern_event *event,
                                              struct tern_error *err)
{
    struct shop_inventory_updated updated;
    if (shop_inventory_updated_decode(event, &updated, err) < 0) return TERN_REJECT;
    int kept = order_store_keep_product(ctx->db, &updated, event->event_id, err);
    if (kept < 0) return TERN_RETRY;
    if (kept == 0) tern_log_debug(ctx->log, "old news about a product", TERN_STR("productId", updated.product_id));
    return TERN_DONE;
}

const struct tern_handler order_handlers[ORDER_HANDLER_COUNT] = {
    {SHOP_TYPE(PAYMENT_PROCESSED),    on_answer           },
    {SHOP_TYPE(PAYMENT_FAILED),       on_answer           },
    {SHOP_TYPE(PAYMENT_REFUNDED),     on_answer           },
    {SHOP_TYPE(PAYMENT_VOIDED),       on_answer           },
    {SHOP_TYPE(INVENTORY_RESERVED),   on_answer           },
    {SHOP_TYPE(INVENTORY_RELEASED),   on_answer           },
    {SHOP_TYPE(PRODUCT_OUT_OF_STOCK), on_answer           },
    {SHOP_TYPE(INVENTORY_UPDATED),    on_inventory_updated},
};
