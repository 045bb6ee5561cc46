/* order_names.c - the names of an order's status, facts and reasons, as events, store and API spell them.
 *
 * Tables by enum: a test goes through them both ways. Names are stored and published, so they never change, also where
 * the code has a better word by now (SETTLED is finished, HELD is reserved). */
#include "order.h"

#include <string.h>

static const char *const money_names[] = {
    [SAGA_MONEY_NONE] = "NONE",
    [SAGA_MONEY_TAKEN] = "TAKEN",
    [SAGA_MONEY_FINISHED] = "SETTLED",
};

static const char *const stock_names[] = {
    [SAGA_STOCK_NONE] = "NONE",
    [SAGA_STOCK_RESERVED] = "HELD",
    [SAGA_STOCK_OUT] = "OUT",
};

static const char *const reason_names[SAGA_REASON_COUNT] = {
    [SAGA_REASON_KEPT] = "",
    [SAGA_CUSTOMER_REQUEST] = SHOP_REASON_CUSTOMER_REQUEST,
    [SAGA_PAYMENT_HAS_FAILED] = SHOP_REASON_PAYMENT_FAILED,
    [SAGA_OUT_OF_STOCK] = SHOP_REASON_OUT_OF_STOCK,
    [SAGA_PAYMENT_TIMEOUT] = SHOP_REASON_PAYMENT_TIMEOUT,
    [SAGA_INVENTORY_TIMEOUT] = SHOP_REASON_INVENTORY_TIMEOUT,
};

static const char *name_at(const char *const *names, size_t count, size_t index)
{
    TERN_ASSERT(index < count && names[index], "every value has its name");
    return names[index];
}

/* The index of `name`, or `count`. */
static size_t find_name(const char *const *names, size_t count, const char *name)
{
    size_t index = 0;
    while (index < count && strcmp(names[index], name) != 0)
        index++;
    return index;
}

const char *order_status_name(enum order_status status)
{
    TERN_ASSERT(status < ORDER_STATUS_COUNT, "every status has its name");
    return saga_statuses[status].name;
}

int order_status_parse(const char *name, enum order_status *ret_status)
{
    for (int status = 0; status < ORDER_STATUS_COUNT; status++) {
        if (strcmp(saga_statuses[status].name, name) != 0) continue;
        *ret_status = (enum order_status)status;
        return 0;
    }
    return -1;
}

const char *order_money_name(enum saga_money money)
{
    return name_at(money_names, TERN_COUNT(money_names), (size_t)money);
}

int order_money_parse(const char *name, enum saga_money *ret_money)
{
    size_t found = find_name(money_names, TERN_COUNT(money_names), name);
    if (found == TERN_COUNT(money_names)) return -1;
    *ret_money = (enum saga_money)found;
    return 0;
}

const char *order_stock_name(enum saga_stock stock)
{
    return name_at(stock_names, TERN_COUNT(stock_names), (size_t)stock);
}

int order_stock_parse(const char *name, enum saga_stock *ret_stock)
{
    size_t found = find_name(stock_names, TERN_COUNT(stock_names), name);
    if (found == TERN_COUNT(stock_names)) return -1;
    *ret_stock = (enum saga_stock)found;
    return 0;
}

const char *order_reason_name(enum saga_reason reason)
{
    return name_at(reason_names, TERN_COUNT(reason_names), (size_t)reason);
}
