/* unit_of_work.h - the one protocol by which every message takes effect, and what is tried again later.
 *
 *     inbox: seen this eventId?          yes: done, nothing happens twice; a nudge: what it caused is said again
 *     subject held?                      yes: kept behind the earlier message, in order
 *     came a second time?                yes: its attempts are counted, in a transaction before the handler runs
 *     handler                            DONE: its effects and events commit with the inbox row
 *                                        RETRY: undone, kept, tried again with back-off, then parked
 *                                        REJECT, unreadable, unknown: parked with the reason
 *     commit, then: acknowledge
 *
 * Runs on the writer thread. Counts outcomes; logs the story's lines. */
#ifndef TERN_SERVICE_UNIT_OF_WORK_H
#define TERN_SERVICE_UNIT_OF_WORK_H

#include "tern/consumer.h"
#include "tern/held.h"
#include "tern/numbers.h"
#include "tern/service.h"
#include "writer.h"

struct tern_units;

struct tern_units_settings {
    const struct tern_service *service;
    struct tern_writer *writer;
    int64_t most_attempts;
    int64_t backoff_ms;
    /* Gives a delivery back after its transaction: acknowledge it, or (dropped) leave it to the broker. */
    void (*settle)(void *self, struct tern_delivery *delivery);
    /* Whether it can still be acknowledged; if not, the broker sends it again. NULL: always. */
    bool (*current)(void *self, const struct tern_delivery *delivery);
    /* Whether the broker is there: timers that need it wait for it. NULL: always. */
    bool (*online)(void *self);
    struct tern_numbers *numbers; /* of what was taken in; NULL: not counted */
    void *self;
};

struct tern_units *tern_units_create(const struct tern_units_settings *settings);
void tern_units_destroy(struct tern_units *units);
/* How many messages are held: before the start, and last of all in a command that changed them. Sets the gauges. */
int tern_units_load(struct tern_units *units, struct tern_context *ctx, struct tern_error *err);
/* Any thread: takes the delivery, queues it as a work. */
void tern_units_deliver(struct tern_units *units, struct tern_delivery *delivery);
/* The writer's `due` and `next_due`: timers, and held messages whose next try has come. */
int tern_units_due(struct tern_units *units, struct tern_context *ctx, struct tern_error *err);
int64_t tern_units_next_due(struct tern_units *units, struct tern_context *ctx);
/* After a commit: queues the held messages whose attempt was counted in it. */
void tern_units_committed(struct tern_units *units);
/* The store took nothing: forget what was counted, and look again at what is held. */
void tern_units_failed(struct tern_units *units);
/* No more tries from now on (drain): deliveries that cannot commit are left to the broker. */
void tern_units_drain(struct tern_units *units);

#endif
