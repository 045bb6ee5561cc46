/* order_service.h - order-service as one value: what main.c runs and what tests start in their own process. */
#ifndef ORDER_ORDER_SERVICE_H
#define ORDER_ORDER_SERVICE_H

#include "tern/service.h"

extern const struct tern_service order_service;

#endif
