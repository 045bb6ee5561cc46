/* order_handlers.c - the events of other services: answers about an order, and news about products.
 *
 * Every answer about an order becomes part of its stream, whatever it changes; then the saga hears it. An order that
 * is not here cannot be answered: its OrderPlaced was committed here before anybody could hear it, so such an event
 * is parked for a person. News about products only feed the read model. */
#include "order_handlers.h"

#include <string.h>

#include "order_drive.h"
#include "order_metrics.h"
#include "order_store.h"
#include "product_store.h"
#include "tern/event_log.h"

/* Every payload about an order begins with its id. */
union order_answer {
    char order_id[TERN_ID_SIZE];
    struct shop_payment_processed payment_processed;
    struct shop_payment_failed payment_failed;
    struct shop_payment_refunded payment_refunded;
    struct shop_payment_voided payment_voided;
    struct shop_inventory_reserved inventory_reserved;
    struct shop_inventory_released inventory_released;
    struct shop_product_out_of_stock product_out_of_stock;
};

/* Makes the event part of the order's stream. */
static int order_take_in(struct tern_context *ctx, struct order_state *order, const struct tern_event *event,
                         const union order_answer *answer, struct tern_error *err)
{
    struct order_change change = {.event = shop_event_named(event->type), .payload = answer, .at_ms = ctx->now_ms};

    if (tern_take_in(ctx, event, &change.version, err) < 0) return -1;
    order_apply(order, &change);
    return 0;
}

/* An answer to a cancel that this order never said, or the word that nothing was charged after a charge was told (a free
 * order is paid without one). No order hears that unless an older store was put in the place of ours, or of theirs. */
static const char *order_contradiction(const struct order_state *order, enum saga_input input)
{
    const bool voided = input == SAGA_PAYMENT_VOIDED;
    const bool undone = voided || input == SAGA_PAYMENT_REFUNDED || input == SAGA_INVENTORY_RELEASED;

    if (undone && order->reason[0] == '\0') return "it was undone elsewhere, and is not cancelled here";
    if (voided && order->transaction_id[0] != '\0' && order->total_minor > 0)
        return "it was charged, and payment-service knows of no charge: look for it at the gateway";
    return NULL;
}

/* It stays as the saga says; a person has to look at it. */
static void order_tell_contradiction(struct tern_context *ctx, const struct order_state *order, const char *type,
                                     const char *contradiction)
{
    if (contradiction == NULL) return;
    order_metrics_contradicted(ctx->metrics, type);
    tern_log_error(ctx->log, "what is told of an order contradicts what is known of it: was an older store put back?",
                   TERN_STR("orderId", order->order_id), TERN_STR("eventType", type),
                   TERN_STR("status", order_status_name(order->saga.status)), TERN_STR("err", contradiction),
                   TERN_STR("correlationId", order->correlation_id));
}

static enum tern_outcome order_hears(struct tern_context *ctx, const struct tern_event *event, struct tern_error *err)
{
    const enum shop_event which = shop_event_named(event->type);
    struct order_state order = {0};
    union order_answer answer;
    enum tern_outcome outcome = TERN_RETRY;
    const char *contradiction;
    int found;

    if (shop_decode(which, event, &answer, err) < 0) return TERN_REJECT;
    if (strcmp(answer.order_id, event->subject) != 0) {
        tern_error_set(err, "%s about %s speaks of order %s", event->type, event->subject, answer.order_id);
        return TERN_REJECT;
    }
    /* The inbox forgets what came long ago; the order's stream never does. */
    found = tern_event_log_has(ctx->db, event->subject, event->event_id, err);
    if (found != 0) return found > 0 ? TERN_DONE : TERN_RETRY;
    found = order_store_load(ctx->db, answer.order_id, &order, err);
    if (found == 0) {
        tern_error_set(err, "%s about order %s, which was never placed here", event->type, answer.order_id);
        outcome = TERN_REJECT;
    } else if (found > 0) {
        contradiction = order_contradiction(&order, order_input(which));
        if (order_take_in(ctx, &order, event, &answer, err) == 0 &&
            order_drive(ctx, &order, order_input(which), err) == 0) {
            order_tell_contradiction(ctx, &order, event->type, contradiction);
            outcome = TERN_DONE;
        }
    }
    order_fini(&order);
    return outcome;
}

static enum tern_outcome order_hears_of_product(struct tern_context *ctx, const struct tern_event *event,
                                                struct tern_error *err)
{
    struct shop_inventory_updated told;
    int kept;

    if (shop_inventory_updated_decode(event, &told, err) < 0) return TERN_REJECT;
    kept = product_store_keep(ctx->db, &told, event->event_id, err);
    if (kept < 0) return TERN_RETRY;
    if (kept == 0) tern_log_debug(ctx->log, "old news about a product", TERN_STR("productId", told.product_id));
    return TERN_DONE;
}

const struct tern_handler order_handlers[ORDER_HANDLER_COUNT] = {
    {SHOP_TYPE(PAYMENT_PROCESSED),    order_hears           },
    {SHOP_TYPE(PAYMENT_FAILED),       order_hears           },
    {SHOP_TYPE(PAYMENT_REFUNDED),     order_hears           },
    {SHOP_TYPE(PAYMENT_VOIDED),       order_hears           },
    {SHOP_TYPE(INVENTORY_RESERVED),   order_hears           },
    {SHOP_TYPE(INVENTORY_RELEASED),   order_hears           },
    {SHOP_TYPE(PRODUCT_OUT_OF_STOCK), order_hears           },
    {SHOP_TYPE(INVENTORY_UPDATED),    order_hears_of_product},
};
