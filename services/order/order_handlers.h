/* order_handlers.h - what order-service does about the events it hears. */
#ifndef ORDER_ORDER_HANDLERS_H
#define ORDER_ORDER_HANDLERS_H

#include "tern/service.h"

enum { ORDER_HANDLER_COUNT = 8 };
extern const struct tern_handler order_handlers[ORDER_HANDLER_COUNT];

#endif
