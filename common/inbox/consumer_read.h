/* consumer_read.h - turns an AMQP message into a delivery: decoded, or kept as bytes with the reason why it is
 * unreadable. */
#ifndef TERN_INBOX_CONSUMER_READ_H
#define TERN_INBOX_CONSUMER_READ_H

#include "common/amqp/amqp.h"
#include "deliveries.h"

/* Fills content, headers and number of a zeroed delivery from `message`, whose bytes are copied. Never fails. */
void tern_delivery_read(const struct tern_catalogue *catalogue, const struct tern_amqp_delivery *message,
                        struct tern_delivery *delivery);
/* Frees what the delivery owns, not the delivery itself. */
void tern_delivery_fini(struct tern_delivery *delivery);

#endif
