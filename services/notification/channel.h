/* notification/channel.h - the seam to what carries a message to a person: one channel per method.
 *
 * Delivery is at least once: after a crash a letter may be sent again with the same key, by which a provider can drop
 * the second. Calls run on the job worker's thread, outside any transaction, and must not block for long. */
#ifndef NOTIFICATION_CHANNEL_H
#define NOTIFICATION_CHANNEL_H

#include "message.h"
#include "tern/log.h"

/* Valid during the call only; all owned by the caller. */
struct channel_letter {
    const char *type;         /* SHOP_NOTIFY_... */
    const char *order_id;     /* the order that the letter is about */
    const char *recipient;    /* e-mail address or phone number, as the method needs it */
    const char *title, *text; /* UTF-8, for people */
    const char *key;          /* idempotency key: the same for every attempt at this letter */
};

struct channel {
    const char *method; /* SHOP_METHOD_... */
    /* 0: sent. -1 with `err`: not sent, or unknown; the job tries again, up to RETRY_MAX_ATTEMPTS. */
    int (*send)(void *self, const struct channel_letter *letter, struct tern_error *err);
    void *self; /* passed to `send`; not owned */
};

/* The simulated channel: the log line is the message. `log` must outlive the channel. */
struct channel channel_to_log(const char *method, struct tern_log *log);

#endif
