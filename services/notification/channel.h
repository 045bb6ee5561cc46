/* notification/channel.h - the seam to whatever carries a message to a person: one channel per method.
 *
 * Sending may happen twice after a crash, with the same key; a channel that can, lets the receiver drop the second
 * by it. Runs on the job lane's thread. */
#ifndef NOTIFICATION_CHANNEL_H
#define NOTIFICATION_CHANNEL_H

#include "message.h"
#include "tern/log.h"

struct channel_letter {
    const char *type, *order_id;
    const char *recipient; /* address or number, as the method wants it */
    const char *title, *text;
    const char *key; /* the same letter always has the same */
};

struct channel {
    const char *method; /* SHOP_METHOD_... */
    /* 0: it went out; -1: not now, `err` says why: it is tried again. */
    int (*send)(void *self, const struct channel_letter *letter, struct tern_error *err);
    void *self;
};

/* The simulated channel: the log line is the message. `log` must outlive it. */
struct channel channel_to_log(const char *method, struct tern_log *log);

#endif
