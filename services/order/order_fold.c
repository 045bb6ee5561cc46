/* order_fold.c - the table of projections, and the rebuild of `orders`.
 *
 * The service writes `orders` in the unit that writes the event, since it decides by it; this fold makes the same rows
 * from the log alone, by the same order_apply. An order's events stand close together, so that orders are kept in memory
 * from event to event, and most are written once: when they have ended, or when there are many. */
#include "order_fold.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "order_replay.h"
#include "order_stats.h"
#include "order_store.h"

enum {
    WRITE_AT = 1024, /* orders in memory: those that have ended are written */
    MOST = 8192,     /* all are */
    SLOTS = 2 * MOST
};

struct folded_order {
    struct order_state order; /* owned */
    struct shop_line *lines;  /* of an order without a row; owned */
    size_t line_count;
    bool stored; /* has a row, which it was loaded from */
};

/* Orders in the order of their first event, found by a hash table with open addressing, which is filled again when some
 * were written. */
struct folding {
    struct folded_order **orders; /* MOST of them; owned */
    uint32_t *slots;              /* SLOTS: place in `orders` + 1, or 0; owned */
    size_t count;
    union order_payload payload;
};

/* ---- the orders in memory ---- */

/* FNV-1a (draft-eastlake-fnv). */
static uint32_t *slot_of(const struct folding *folding, const char *order_id)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *at = order_id; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    size_t slot = (size_t)(hash >> 32) % SLOTS;
    while (folding->slots[slot] && strcmp(folding->orders[folding->slots[slot] - 1]->order.order_id, order_id) != 0)
        slot = (slot + 1) % SLOTS;
    return &folding->slots[slot];
}

static void dispose(struct folded_order *folded)
{
    order_fini(&folded->order);
    free(folded->lines);
    free(folded);
}

void order_fold_fini(void *state)
{
    struct folding *folding = state;
    for (size_t i = 0; i < folding->count; i++)
        dispose(folding->orders[i]);
    free(folding->orders);
    free(folding->slots);
    *folding = (struct folding){0};
}

/* The order in memory; if it is not there, its row, or an order without events. NULL with `err`. */
static struct folded_order *find(struct folding *folding, const struct tern_fold *fold, const char *order_id,
                                 struct tern_error *err)
{
    if (!folding->slots) {
        folding->orders = tern_alloc(MOST * sizeof(struct folded_order *));
        folding->slots = tern_alloc(SLOTS * sizeof folding->slots[0]);
    }
    uint32_t *slot = slot_of(folding, order_id);
    if (*slot) return folding->orders[*slot - 1];
    struct folded_order *folded = tern_alloc(sizeof *folded);
    int found = order_store_load(fold->db, fold->side, order_id, &folded->order, err);
    if (found < 0) {
        free(folded);
        return NULL;
    }
    if (found == 0) tern_copy_whole(folded->order.order_id, sizeof folded->order.order_id, order_id);
    folded->stored = found > 0;
    TERN_ASSERT(folding->count < MOST, "orders are written in time");
    folding->orders[folding->count++] = folded;
    *slot = (uint32_t)folding->count;
    return folded;
}

/* ---- the fold ---- */

int order_fold_event(const struct tern_fold *fold, const struct tern_fold_event *event, struct tern_error *err)
{
    struct folding *folding = fold->state;
    const struct shop_lines *lines = &folding->payload.order_placed.items;
    struct order_change change;
    if (folding->count == MOST && order_fold_write(fold, true, err) < 0) return -1;
    if (order_read_change(event, &folding->payload, &change, err) < 0) return -1;
    struct folded_order *folded = find(folding, fold, event->event->subject, err);
    if (!folded) return -1;
    if (change.version != folded->order.version + 1 || (change.version == 1) != (change.event == SHOP_ORDER_PLACED))
        return tern_error_set(err, "it is event %" PRId64 " of a stream that has %" PRId64 " events before",
                              change.version, folded->order.version);
    order_apply(&folded->order, &change);
    if (change.event != SHOP_ORDER_PLACED) return 0;
    folded->line_count = lines->count;
    folded->lines = (void *)tern_copy_bytes(lines->at, lines->count * sizeof lines->at[0]);
    return 0;
}

static int write_order(const struct tern_fold *fold, const struct folded_order *folded, struct tern_error *err)
{
    if (folded->stored) return order_store_update(fold->db, fold->side, &folded->order, err);
    return order_store_insert(fold->db, fold->side, &folded->order, folded->lines, folded->line_count, err);
}

/* Writes those that have ended, or all of them, and forgets them. */
int order_fold_write(const struct tern_fold *fold, bool all, struct tern_error *err)
{
    struct folding *folding = fold->state;
    size_t count = folding->count;
    bool everything = all || count >= MOST / 2;
    if (count == 0 || (!all && count < WRITE_AT)) return 0;
    memset(folding->slots, 0, SLOTS * sizeof folding->slots[0]);
    folding->count = 0;
    for (size_t i = 0; i < count; i++) {
        struct folded_order *folded = folding->orders[i];
        if (!everything && saga_waits(folded->order.saga.status)) {
            uint32_t *slot = slot_of(folding, folded->order.order_id);
            folding->orders[folding->count++] = folded;
            *slot = (uint32_t)folding->count;
            continue;
        }
        int status = write_order(fold, folded, err);
        dispose(folded);
        if (status == 0) continue;
        for (i++; i < count; i++)
            dispose(folding->orders[i]);
        return -1;
    }
    return 0;
}

/* ---- the projections ---- */

static const char *const orders_tables[] = {"orders", "order_products", NULL};
static const char *const stats_tables[] = {"order_stats", "money_stats", NULL};
static const char *const stream_types[] = {"OrderPlaced",
                                           "OrderUpdated",
                                           "OrderCancelled",
                                           "PaymentProcessed",
                                           "PaymentFailed",
                                           "PaymentRefunded",
                                           "PaymentVoided",
                                           "InventoryReserved",
                                           "InventoryReleased",
                                           "ProductOutOfStock",
                                           NULL};
static const char *const stats_types[] = {"OrderPlaced", "OrderUpdated", "PaymentProcessed", "PaymentRefunded", NULL};

/* clang-format off */
const struct tern_projection order_projections[] = {
    {"orders",    orders_tables, stream_types, true,  order_fold_event,  order_fold_write,  order_fold_fini, sizeof(struct folding)},
    {ORDER_STATS, stats_tables,  stats_types,  false, order_stats_event, order_stats_write, NULL,            sizeof(struct order_stats_fold)},
    {.name = NULL},
};
/* clang-format on */
