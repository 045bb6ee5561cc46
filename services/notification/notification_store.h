/* notification/notification_store.h - contacts of orders, and every message that was sent or is to be sent.
 *
 * Rows are never deleted: the dedup key keeps a message from being sent twice, also after the inbox has forgotten its
 * event. Reading calls run on any connection; writing ones on the writer's, inside its transaction. All return -1 with
 * `err` when the store fails. Logs nothing. */
#ifndef NOTIFICATION_STORE_H
#define NOTIFICATION_STORE_H

#include "message.h"
#include "tern/db.h"

/* How to reach the customer of an order. Neither is "": a placeholder stands for what the customer did not give. */
struct contact {
    char email[SHOP_TEXT_SIZE], phone[SHOP_SHORT_SIZE];
};
/* 1 with the contact, 0 while OrderPlaced was not handled, -1. */
int contact_load(struct tern_db *db, const char *order_id, struct contact *ret_contact, struct tern_error *err);
/* Stores the contact of an order, unless it has one. 0, or -1. */
int contact_add(struct tern_db *db, const char *order_id, const struct contact *contact, struct tern_error *err);

/* The statuses of a notification. */
#define NOTIFICATION_WAITING "WAITING" /* for the order's contact: OrderPlaced was not handled yet */
#define NOTIFICATION_PENDING "PENDING" /* it has jobs that are not finished */
#define NOTIFICATION_SENT    "SENT"    /* all are finished, and at least one method has sent it */
#define NOTIFICATION_FAILED  "FAILED"  /* all are finished, and every method was given up */

struct notification {
    int64_t id;                                            /* ascending */
    char dedup_key[160], type[TERN_WORD_SIZE];             /* as in struct message */
    char order_id[TERN_ID_SIZE], product_id[TERN_ID_SIZE]; /* product_id: "" when not about a product */
    char customer_id[TERN_ID_SIZE];                        /* "": to the administrator, or of an older version */
    char status[12];                                       /* NOTIFICATION_... */
    char recipient[SHOP_TEXT_SIZE];                        /* "" while WAITING */
    char methods[64];                                      /* all its methods, separated by a blank: "EMAIL SMS" */
    char sent[64], failed[64]; /* of these, the ones that have sent it and the ones that were given up; may be "" */
    char title[MESSAGE_TITLE_SIZE], text[MESSAGE_TEXT_SIZE];
    int64_t created_at_ms;  /* UTC milliseconds */
    int64_t finished_at_ms; /* UTC milliseconds; when the last method had sent it or was given up, 0 before */
};

/* Stores a message: WAITING when `recipient` is NULL, else PENDING. 1 with its id when it is new, 0 when a row with its
 * dedup key exists, -1. */
int notification_add(struct tern_db *db, const struct message *message, const char *recipient, int64_t now_ms,
                     int64_t *ret_id, struct tern_error *err);
/* 1 with the row, 0 when there is none, -1. */
int notification_load(struct tern_db *db, int64_t id, struct notification *ret_row, struct tern_error *err);
/* The oldest row of an order that is WAITING. 1 with the row, 0 when there is none, -1. */
int notification_next_waiting(struct tern_db *db, const char *order_id, struct notification *ret_row,
                              struct tern_error *err);
/* Gives a WAITING row its recipient; it is PENDING then. 0, or -1. */
int notification_address(struct tern_db *db, int64_t id, const char *recipient, struct tern_error *err);
/* Writes status, sent, failed and finished_at_ms. 0, or -1. */
int notification_update(struct tern_db *db, const struct notification *row, struct tern_error *err);
/* Which notifications: those that pass all that is given. NULL: any. */
struct notification_filter {
    const char *order_id, *customer_id, *type, *status;
};
/* A page of a list, newest first. */
struct notification_page {
    int64_t before; /* the page begins before this id; INT64_MAX: with the newest */
    int64_t limit;  /* rows, at most */
    bool more;      /* filled: the list goes on before `before`, which is the last row that was read */
};
/* Visits a page and moves page->before. It reads so many rows at most that a page takes a few milliseconds: then it may
 * have fewer rows than its limit, and `more`. 0, or -1. */
int notification_list(struct tern_db *db, const struct notification_filter *filter, struct notification_page *page,
                      void (*visit)(void *self, const struct notification *row), void *self, struct tern_error *err);

#endif
