/* upcasters.h - the one place where the shop's upcasters are declared: a table for each event that has had an older major
 * version. */
#ifndef SHOP_UPCASTERS_H
#define SHOP_UPCASTERS_H

#include "tern/catalogue.h"

extern const struct tern_upcaster shop_order_placed_upcasters[];

#endif
