/* db_sqlite_statement.c - statements: prepared once, cached by the address of their text, bound, stepped, read.
 *
 * A statement is reset, and its parameters are cleared, as soon as its rows are done: the caller's values may go away,
 * and no open read delays a checkpoint. A statement that is used again while its rows are being read gets a second
 * instance. Once SQLite has ended a transaction by itself, no statement runs until the caller has rolled back: it would
 * be committed alone. */
#include "db_sqlite.h"

#include <stdlib.h>
#include <string.h>

struct tern_db_value tern_db_int(int64_t number)
{
    return (struct tern_db_value){.kind = TERN_DB_INT, .number = number};
}

struct tern_db_value tern_db_text(const char *text)
{
    if (!text || text[0] == '\0') return tern_db_null();
    return (struct tern_db_value){.kind = TERN_DB_TEXT, .bytes = text, .length = strlen(text)};
}

struct tern_db_value tern_db_text_bytes(const char *text, size_t length)
{
    if (length == 0) return tern_db_null();
    return (struct tern_db_value){.kind = TERN_DB_TEXT, .bytes = text, .length = length};
}

struct tern_db_value tern_db_bytes(const void *bytes, size_t length)
{
    return (struct tern_db_value){.kind = TERN_DB_BYTES, .bytes = length > 0 ? bytes : "", .length = length};
}

struct tern_db_value tern_db_null(void)
{
    return (struct tern_db_value){.kind = TERN_DB_NULL};
}

/* ---- the cache ------------------------------------------------------------------------------------------- */

/* The slot of this text, or the free slot for it. */
static struct tern_db_statement **slot_of(const struct tern_db *db, const char *sql)
{
    uint64_t hash = (uint64_t)(uintptr_t)sql * UINT64_C(0x9E3779B97F4A7C15);
    size_t at = (size_t)(hash >> 32) & (db->slot_room - 1);
    while (db->slots[at] && db->slots[at]->sql != sql)
        at = (at + 1) & (db->slot_room - 1);
    return &db->slots[at];
}

/* Doubles the table when it is half full. Statements are found by address, so they stay where they are. */
static void make_room(struct tern_db *db)
{
    if (db->slot_count * 2 < db->slot_room) return;
    struct tern_db_statement **old = db->slots;
    size_t old_room = db->slot_room;
    db->slot_room = old_room == 0 ? 64 : old_room * 2;
    db->slots = tern_alloc(db->slot_room * sizeof(struct tern_db_statement *));
    for (size_t i = 0; i < old_room; i++)
        if (old[i]) *slot_of(db, old[i]->sql) = old[i];
    free(old);
}

/* NULL with `err` when the text is wrong, or the store cannot be read. */
static struct tern_db_statement *prepare(struct tern_db *db, const char *sql, unsigned flags, struct tern_error *err)
{
    sqlite3_stmt *handle = NULL;
    int code = sqlite3_prepare_v3(db->handle, sql, -1, flags, &handle, NULL);
    if (code != SQLITE_OK) {
        tern_sqlite_fail(db, code, "prepare", err);
        return NULL;
    }
    TERN_ASSERT(handle, "a statement is not empty");
    struct tern_db_statement *statement = tern_alloc(sizeof *statement);
    statement->sql = sql;
    statement->handle = handle;
    statement->parameters = (size_t)sqlite3_bind_parameter_count(handle);
    return statement;
}

static void dispose(struct tern_db_statement *statement)
{
    sqlite3_finalize(statement->handle);
    free(statement);
}

void tern_sqlite_forget_statements(struct tern_db *db)
{
    for (size_t i = 0; i < db->slot_room; i++) {
        if (db->slots[i]) {
            TERN_ASSERT(!db->slots[i]->in_use, "every query was ended before the store is closed");
            dispose(db->slots[i]);
            db->slots[i] = NULL;
        }
    }
    db->slot_count = 0;
}

/* The cached statement, or a second instance while the cached one is in use. */
static struct tern_db_statement *find(struct tern_db *db, const char *sql, bool *ret_borrowed, struct tern_error *err)
{
    make_room(db);
    struct tern_db_statement **slot = slot_of(db, sql);
    *ret_borrowed = *slot && (*slot)->in_use;
    if (*ret_borrowed) return prepare(db, sql, 0, err);
    if (!*slot) {
        *slot = prepare(db, sql, SQLITE_PREPARE_PERSISTENT, err);
        if (*slot) db->slot_count++;
    }
    return *slot;
}

/* ---- use ------------------------------------------------------------------------------------------------- */

/* SQLITE_STATIC: SQLite does not copy; the values live until the statement ends (tern/db.h). */
static int bind(sqlite3_stmt *handle, int at, const struct tern_db_value *value)
{
    switch (value->kind) {
    case TERN_DB_INT: return sqlite3_bind_int64(handle, at, value->number);
    case TERN_DB_TEXT: return sqlite3_bind_text64(handle, at, value->bytes, value->length, SQLITE_STATIC, SQLITE_UTF8);
    case TERN_DB_BYTES: return sqlite3_bind_blob64(handle, at, value->bytes, value->length, SQLITE_STATIC);
    case TERN_DB_NULL: break;
    }
    return sqlite3_bind_null(handle, at);
}

int tern_db_query(struct tern_db *db, struct tern_db_rows *rows, const char *sql, const struct tern_db_value *values,
                  size_t count, struct tern_error *err)
{
    *rows = (struct tern_db_rows){.db = db};
    if (tern_sqlite_fails_now(db, err) || tern_sqlite_refuse(db, err) < 0) return -1;
    struct tern_db_statement *statement = find(db, sql, &rows->borrowed, err);
    if (!statement) return -1;
    statement->in_use = true;
    rows->statement = statement;
    TERN_ASSERT(statement->parameters == count, "a statement gets as many values as it names");
    for (size_t i = 0; i < count; i++) {
        int code = bind(statement->handle, (int)i + 1, &values[i]);
        if (code == SQLITE_OK) continue;
        tern_sqlite_fail(db, code, "bind", err);
        tern_db_done(rows);
        return -1;
    }
    return 0;
}

static sqlite3_stmt *handle_of(const struct tern_db_rows *rows)
{
    TERN_ASSERT(rows->statement, "rows are read before they are done");
    return ((struct tern_db_statement *)rows->statement)->handle;
}

int tern_db_next(struct tern_db_rows *rows, struct tern_error *err)
{
    if (tern_sqlite_fails_now(rows->db, err)) return -1;
    int code = sqlite3_step(handle_of(rows));
    if (code == SQLITE_ROW) return 1;
    return code == SQLITE_DONE ? 0 : tern_sqlite_fail(rows->db, code, "the store refused", err);
}

void tern_db_done(struct tern_db_rows *rows)
{
    struct tern_db_statement *statement = rows->statement;
    if (!statement) return;
    rows->statement = NULL;
    if (rows->borrowed) {
        dispose(statement);
        return;
    }
    sqlite3_reset(statement->handle);
    sqlite3_clear_bindings(statement->handle);
    statement->in_use = false;
}

int tern_db_run(struct tern_db *db, const char *sql, const struct tern_db_value *values, size_t count,
                struct tern_error *err)
{
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, sql, values, count, err) < 0) return -1;
    int code = sqlite3_step(handle_of(&rows));
    TERN_ASSERT(code != SQLITE_ROW, "a statement that is run returns no rows");
    int result =
        code == SQLITE_DONE ? sqlite3_changes(db->handle) : tern_sqlite_fail(db, code, "the store refused", err);
    tern_db_done(&rows);
    return result;
}

/* A generated key is an INTEGER PRIMARY KEY, which is the rowid (sqlite.org/lang_createtable.html): asking for it costs
 * nothing; RETURNING would cost 3 us. */
int tern_db_insert(struct tern_db *db, const char *sql, const char *key, const struct tern_db_value *values,
                   size_t count, int64_t *ret_key, struct tern_error *err)
{
    (void)key;
    int added = tern_db_run(db, sql, values, count, err);
    TERN_ASSERT(added <= 1, "one row is inserted at a time");
    if (added > 0) *ret_key = sqlite3_last_insert_rowid(db->handle);
    return added;
}

int tern_db_get_int(struct tern_db *db, const char *sql, const struct tern_db_value *values, size_t count,
                    int64_t *ret_value, struct tern_error *err)
{
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, sql, values, count, err) < 0) return -1;
    int got = tern_db_next(&rows, err);
    if (got > 0) *ret_value = tern_db_column_int(&rows, 0);
    tern_db_done(&rows);
    return got;
}

int64_t tern_db_column_int(const struct tern_db_rows *rows, int column)
{
    return sqlite3_column_int64(handle_of(rows), column);
}

const char *tern_db_column_text(const struct tern_db_rows *rows, int column)
{
    const unsigned char *text = sqlite3_column_text(handle_of(rows), column);
    TERN_ASSERT(text || sqlite3_errcode(rows->db->handle) != SQLITE_NOMEM, "there is memory for a text");
    return text ? (const char *)text : "";
}

const void *tern_db_column_bytes(const struct tern_db_rows *rows, int column, size_t *ret_length)
{
    const void *bytes = sqlite3_column_blob(handle_of(rows), column);
    TERN_ASSERT(bytes || sqlite3_errcode(rows->db->handle) != SQLITE_NOMEM, "there is memory for the bytes");
    *ret_length = bytes ? (size_t)sqlite3_column_bytes(handle_of(rows), column) : 0;
    return bytes ? bytes : "";
}

bool tern_db_column_is_null(const struct tern_db_rows *rows, int column)
{
    return sqlite3_column_type(handle_of(rows), column) == SQLITE_NULL;
}
