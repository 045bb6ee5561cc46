/* upcasters.c - how the data of older major versions becomes that of the next.
 *
 * Events of all versions stay in the logs for ever, so an upcaster is never removed. Each changes what the newer version
 * has otherwise and leaves the rest, known or not. It checks nothing: the data is then read as the newest version. */
#include "upcasters.h"

#include "tern/json.h"

/* OrderPlaced 1: {productId, quantity, price}. 2: {productId, quantity, unitPrice: {amount, currency}}, with the
 * currency of the order. */
static int lift_order_placed_1(struct cJSON *data, struct tern_error *err)
{
    const char *currency = tern_json_string(tern_json_member(data, "currency"));
    struct cJSON *items = tern_json_edit(data, "items"), *line = NULL;
    if (!currency) return tern_error_set(err, "#/currency: is required");
    while ((line = tern_json_edit_next(items, line))) {
        struct cJSON *price = tern_json_detach(line, "price");
        if (!price) return tern_error_set(err, "#/items: each line must have a price");
        struct cJSON *unit_price = tern_json_new_object();
        tern_json_attach(unit_price, "amount", price);
        tern_json_attach(unit_price, "currency", tern_json_new_string(currency));
        tern_json_attach(line, "unitPrice", unit_price);
    }
    return 0;
}

const struct tern_upcaster shop_order_placed_upcasters[] = {
    {1, lift_order_placed_1},
    {0, NULL               },
};
