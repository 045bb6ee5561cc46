/* order_words.c - the words of an order's status, facts and reasons, as the contract, the store and the API spell them.
 *
 * Tables by enum: a test walks them there and back. */
#include <string.h>

#include "order.h"

static const char *const status_names[ORDER_STATUS_COUNT] = {
    [ORDER_CREATED] = SHOP_STATUS_CREATED,
    [ORDER_PAID] = SHOP_STATUS_PAID,
    [ORDER_READY_FOR_SHIPMENT] = SHOP_STATUS_READY_FOR_SHIPMENT,
    [ORDER_PAYMENT_FAILED] = SHOP_STATUS_PAYMENT_FAILED,
    [ORDER_INVENTORY_ISSUE] = SHOP_STATUS_INVENTORY_ISSUE,
    [ORDER_CANCELLING] = SHOP_STATUS_CANCELLING,
    [ORDER_CANCELLED] = SHOP_STATUS_CANCELLED,
};

static const char *const money_names[] = {
    [SAGA_MONEY_NONE] = "NONE",
    [SAGA_MONEY_TAKEN] = "TAKEN",
    [SAGA_MONEY_SETTLED] = "SETTLED",
};

static const char *const stock_names[] = {
    [SAGA_STOCK_NONE] = "NONE",
    [SAGA_STOCK_HELD] = "HELD",
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

static const char *word_at(const char *const *words, size_t count, size_t index)
{
    TERN_ASSERT(index < count && words[index] != NULL, "every value has its word");
    return words[index];
}

/* The index of `word`, or `count`. */
static size_t word_find(const char *const *words, size_t count, const char *word)
{
    size_t index = 0;

    while (index < count && strcmp(words[index], word) != 0)
        index++;
    return index;
}

const char *order_status_name(enum order_status status)
{
    return word_at(status_names, TERN_COUNT(status_names), (size_t)status);
}

int order_status_parse(const char *name, enum order_status *ret_status)
{
    const size_t found = word_find(status_names, TERN_COUNT(status_names), name);

    if (found == TERN_COUNT(status_names)) return -1;
    *ret_status = (enum order_status)found;
    return 0;
}

const char *order_money_name(enum saga_money money)
{
    return word_at(money_names, TERN_COUNT(money_names), (size_t)money);
}

int order_money_parse(const char *name, enum saga_money *ret_money)
{
    const size_t found = word_find(money_names, TERN_COUNT(money_names), name);

    if (found == TERN_COUNT(money_names)) return -1;
    *ret_money = (enum saga_money)found;
    return 0;
}

const char *order_stock_name(enum saga_stock stock)
{
    return word_at(stock_names, TERN_COUNT(stock_names), (size_t)stock);
}

int order_stock_parse(const char *name, enum saga_stock *ret_stock)
{
    const size_t found = word_find(stock_names, TERN_COUNT(stock_names), name);

    if (found == TERN_COUNT(stock_names)) return -1;
    *ret_stock = (enum saga_stock)found;
    return 0;
}

const char *order_reason_name(enum saga_reason reason)
{
    return word_at(reason_names, TERN_COUNT(reason_names), (size_t)reason);
}
