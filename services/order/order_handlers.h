/* order_handlers.h - the events that order-service consumes, and what it does about each. */
#ifndef ORDER_ORDER_HANDLERS_H
#define ORDER_ORDER_HANDLERS_H

#include "tern/service.h"

enum { ORDER_HANDLER_COUNT = 8 };
extern const struct tern_handler order_handlers[ORDER_HANDLER_COUNT];

#endif
