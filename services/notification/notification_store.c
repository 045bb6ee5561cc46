/* notification_store.c - SQL of contacts and notifications; see schema/001_notification.sql for the laws.
 *
 * Each statement stands beside its one function. Decides nothing, but that the first contact of an order stays and that
 * a dedup key exists once. */
#include "notification_store.h"

#include <string.h>

/* ---- contacts ---- */

static const char select_contact[] = "SELECT email, phone FROM contact WHERE order_id = ?1";

int contact_load(struct tern_db *db, const char *order_id, struct contact *ret_contact, struct tern_error *err)
{
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, select_contact, TERN_DB_ARGS(tern_db_text(order_id)), err) < 0) return -1;
    int got = tern_db_next(&rows, err);
    if (got > 0) {
        tern_copy_whole(ret_contact->email, sizeof ret_contact->email, tern_db_column_text(&rows, 0));
        tern_copy_whole(ret_contact->phone, sizeof ret_contact->phone, tern_db_column_text(&rows, 1));
    }
    tern_db_done(&rows);
    return got;
}

static const char insert_contact[] =
    "INSERT INTO contact (order_id, email, phone) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";

int contact_add(struct tern_db *db, const char *order_id, const struct contact *contact, struct tern_error *err)
{
    return tern_db_run(db, insert_contact,
                       TERN_DB_ARGS(tern_db_text(order_id), tern_db_text(contact->email), tern_db_text(contact->phone)),
                       err) < 0
               ? -1
               : 0;
}

/* ---- notifications ---- */

static const char insert_notification[] =
    "INSERT INTO notification (dedup_key, type, order_id, product_id, status, recipient, methods, sent, failed, title,"
    " text, created_at, customer_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, '', '', ?8, ?9, ?10, ?11) ON CONFLICT (dedup_key) DO NOTHING";

int notification_add(struct tern_db *db, const struct message *message, const char *recipient, int64_t now_ms,
                     int64_t *ret_id, struct tern_error *err)
{
    return tern_db_insert(db, insert_notification, "id",
                          TERN_DB_ARGS(tern_db_text(message->dedup_key), tern_db_text(message->type),
                                       tern_db_text(message->order_id), tern_db_text(message->product_id),
                                       tern_db_text(recipient ? NOTIFICATION_PENDING : NOTIFICATION_WAITING),
                                       tern_db_text(recipient), tern_db_text(message->methods),
                                       tern_db_text(message->title), tern_db_text(message->text), tern_db_int(now_ms),
                                       tern_db_text(message->customer_id)),
                          ret_id, err);
}

#define COLUMNS                                                                                                \
    "SELECT id, dedup_key, type, order_id, product_id, status, recipient, methods, sent, failed, title, text," \
    " created_at, settled_at, customer_id FROM notification"

static void read_row(const struct tern_db_rows *rows, struct notification *row)
{
    row->id = tern_db_column_int(rows, 0);
    tern_copy_whole(row->dedup_key, sizeof row->dedup_key, tern_db_column_text(rows, 1));
    tern_copy_whole(row->type, sizeof row->type, tern_db_column_text(rows, 2));
    tern_copy_whole(row->order_id, sizeof row->order_id, tern_db_column_text(rows, 3));
    tern_copy_whole(row->product_id, sizeof row->product_id, tern_db_column_text(rows, 4));
    tern_copy_whole(row->status, sizeof row->status, tern_db_column_text(rows, 5));
    tern_copy_whole(row->recipient, sizeof row->recipient, tern_db_column_text(rows, 6));
    tern_copy_whole(row->methods, sizeof row->methods, tern_db_column_text(rows, 7));
    tern_copy_whole(row->sent, sizeof row->sent, tern_db_column_text(rows, 8));
    tern_copy_whole(row->failed, sizeof row->failed, tern_db_column_text(rows, 9));
    tern_copy_whole(row->title, sizeof row->title, tern_db_column_text(rows, 10));
    tern_copy_whole(row->text, sizeof row->text, tern_db_column_text(rows, 11));
    row->created_at_ms = tern_db_column_int(rows, 12);
    row->finished_at_ms = tern_db_column_int(rows, 13);
    tern_copy_whole(row->customer_id, sizeof row->customer_id, tern_db_column_text(rows, 14));
}

/* Runs a statement with at most one row. 1 with the row, 0, or -1. */
static int one_row(struct tern_db *db, const char *sql, const struct tern_db_value *values, size_t count,
                   struct notification *ret_row, struct tern_error *err)
{
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, sql, values, count, err) < 0) return -1;
    int got = tern_db_next(&rows, err);
    if (got > 0) read_row(&rows, ret_row);
    tern_db_done(&rows);
    return got;
}

static const char select_by_id[] = COLUMNS " WHERE id = ?1";

int notification_load(struct tern_db *db, int64_t id, struct notification *ret_row, struct tern_error *err)
{
    return one_row(db, select_by_id, TERN_DB_ARGS(tern_db_int(id)), ret_row, err);
}

static const char select_waiting[] = COLUMNS " WHERE order_id = ?1 AND status = 'WAITING' ORDER BY id LIMIT 1";

int notification_next_waiting(struct tern_db *db, const char *order_id, struct notification *ret_row,
                              struct tern_error *err)
{
    return one_row(db, select_waiting, TERN_DB_ARGS(tern_db_text(order_id)), ret_row, err);
}

static const char update_recipient[] = "UPDATE notification SET recipient = ?2, status = 'PENDING' WHERE id = ?1";

int notification_address(struct tern_db *db, int64_t id, const char *recipient, struct tern_error *err)
{
    return tern_db_run(db, update_recipient, TERN_DB_ARGS(tern_db_int(id), tern_db_text(recipient)), err) < 0 ? -1 : 0;
}

/* tern_db_text binds "" as NULL; the columns of methods are NOT NULL, so "" is put back here. */
static const char update_notification[] =
    "UPDATE notification SET status = ?2, sent = coalesce(?3, ''), failed = coalesce(?4, ''), settled_at = ?5"
    " WHERE id = ?1";

int notification_update(struct tern_db *db, const struct notification *row, struct tern_error *err)
{
    return tern_db_run(db, update_notification,
                       TERN_DB_ARGS(tern_db_int(row->id), tern_db_text(row->status), tern_db_text(row->sent),
                                    tern_db_text(row->failed),
                                    row->finished_at_ms ? tern_db_int(row->finished_at_ms) : tern_db_null()),
                       err) < 0
               ? -1
               : 0;
}

/* ---- lists ---- */

enum { ROWS_MAX = 5000 }; /* rows that a page reads at most */

#define BEFORE " id < ?1 ORDER BY id DESC LIMIT ?2"
static const char list_all[] = COLUMNS " WHERE" BEFORE;
static const char list_failed[] = COLUMNS " WHERE status = 'FAILED' AND" BEFORE;
static const char list_order[] = COLUMNS " WHERE order_id = ?3 AND" BEFORE;
static const char list_customer[] = COLUMNS " WHERE customer_id = ?3 AND" BEFORE;

/* Walks the index that is expected to have the fewest rows of others; none sorts more than an order's few. */
static int begin_list(struct tern_db *db, const struct notification_filter *filter,
                      const struct notification_page *page, struct tern_db_rows *rows, struct tern_error *err)
{
    const char *whose = filter->order_id ? filter->order_id : filter->customer_id;
    const struct tern_db_value values[] = {tern_db_int(page->before), tern_db_int(ROWS_MAX + 1), tern_db_text(whose)};
    if (whose) return tern_db_query(db, rows, filter->order_id ? list_order : list_customer, values, 3, err);
    bool failed = filter->status && strcmp(filter->status, NOTIFICATION_FAILED) == 0;
    return tern_db_query(db, rows, failed ? list_failed : list_all, values, 2, err);
}

static bool passes(const struct notification_filter *filter, const struct notification *row)
{
    return (!filter->customer_id || strcmp(filter->customer_id, row->customer_id) == 0) &&
           (!filter->type || strcmp(filter->type, row->type) == 0) &&
           (!filter->status || strcmp(filter->status, row->status) == 0);
}

int notification_list(struct tern_db *db, const struct notification_filter *filter, struct notification_page *page,
                      void (*visit)(void *self, const struct notification *row), void *self, struct tern_error *err)
{
    struct tern_db_rows rows;
    struct notification row;
    int64_t shown = 0, read = 0;
    int got;
    page->more = false;
    if (begin_list(db, filter, page, &rows, err) < 0) return -1;
    while ((got = tern_db_next(&rows, err)) > 0) {
        page->more = shown == page->limit || read++ == ROWS_MAX;
        if (page->more) break;
        read_row(&rows, &row);
        page->before = row.id;
        if (!passes(filter, &row)) continue;
        visit(self, &row);
        shown++;
    }
    tern_db_done(&rows);
    return got < 0 ? -1 : 0;
}
