/* notification/channel.h - the seam to what carries a message to a person: one channel per method.
 *
 * After a crash a letter may be sent twice, with the same key, by which a receiver can drop the second. Calls run on
 * the thread of the job worker. */
#ifndef NOTIFICATION_CHANNEL_H
#define NOTIFICATION_CHANNEL_H

#include "message.h"
#include "tern/log.h"

struct channel_letter {
    const char *type;         /* SHOP_NOTIFY_... */
    const char *order_id;     /* that the letter is about */
    const char *recipient;    /* address or number, as the method wants it */
    const char *title, *text; /* for people */
    const char *key;          /* idempotency key: the same letter always has the same */
};

struct channel {
    const char *method; /* SHOP_METHOD_... */
    /* 0: the letter was sent; -1: not now, `err` says why, and it is tried again. */
    int (*send)(void *self, const struct channel_letter *letter, struct tern_error *err);
    void *self; /* of `send`; not owned */
};

/* The simulated channel: the log line is the message. `log` must outlive it. */
struct channel channel_to_log(const char *method, struct tern_log *log);

#endif
