/* order_config.h - the settings of order-service besides those of every service. */
#ifndef ORDER_ORDER_CONFIG_H
#define ORDER_ORDER_CONFIG_H

#include "tern/config.h"

extern const struct tern_config_key order_config[];

#endif
