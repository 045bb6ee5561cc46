/* notification/notification_store.h - contacts of orders, and every message that was sent or is to be sent.
 *
 * Calls run on the caller's connection, the writing ones inside its transaction. Logs nothing. */
#ifndef NOTIFICATION_STORE_H
#define NOTIFICATION_STORE_H

#include "message.h"
#include "tern/db.h"

struct contact {
    char email[SHOP_TEXT_SIZE], phone[SHOP_SHORT_SIZE];
};
/* 1 with the contact, 0 when the order is not known (yet), -1. */
int contact_load(struct tern_db *db, const char *order_id, struct contact *ret_contact, struct tern_error *err);
/* Keeps the first contact of an order. 0, or -1. */
int contact_add(struct tern_db *db, const char *order_id, const struct contact *contact, struct tern_error *err);

/* The statuses of a notification: waits for the order's contact; its jobs run; at least one method has sent it; all
 * methods were given up. */
#define NOTIFICATION_WAITING "WAITING"
#define NOTIFICATION_PENDING "PENDING"
#define NOTIFICATION_SENT    "SENT"
#define NOTIFICATION_FAILED  "FAILED"

struct notification {
    int64_t id;
    char dedup_key[160], type[TERN_WORD_SIZE];
    char order_id[TERN_ID_SIZE], product_id[TERN_ID_SIZE]; /* product_id: "" when not about a product */
    char status[12];                                       /* NOTIFICATION_... */
    char recipient[SHOP_TEXT_SIZE];                        /* "" while WAITING */
    char methods[64];                                      /* all its methods, separated by a blank: "EMAIL SMS" */
    char sent[64], failed[64]; /* of these, the ones that have sent it, and the ones that were given up */
    char title[MESSAGE_TITLE_SIZE], text[MESSAGE_TEXT_SIZE];
    int64_t created_at_ms;  /* UTC milliseconds */
    int64_t finished_at_ms; /* when the last method sent it or was given up; 0 before */
};

/* A new row for a message; recipient NULL: WAITING, else PENDING. 1 and its id when it is new, 0 when it was there,
 * -1. */
int notification_add(struct tern_db *db, const struct message *message, const char *recipient, int64_t now_ms,
                     int64_t *ret_id, struct tern_error *err);
/* 1 with the row, 0 when there is none, -1. */
int notification_load(struct tern_db *db, int64_t id, struct notification *ret_row, struct tern_error *err);
/* The next row of an order that waits for its contact: 1, 0, -1. */
int notification_next_waiting(struct tern_db *db, const char *order_id, struct notification *ret_row,
                              struct tern_error *err);
int notification_address(struct tern_db *db, int64_t id, const char *recipient, struct tern_error *err);
/* Writes status, sent, failed, finished_at_ms back. */
int notification_update(struct tern_db *db, const struct notification *row, struct tern_error *err);
/* Newest first, of one order, or of all when `order_id` is "". `visit` returns 0 to go on. */
int notification_each(struct tern_db *db, const char *order_id, int limit,
                      int (*visit)(void *self, const struct notification *row), void *self, struct tern_error *err);

#endif
