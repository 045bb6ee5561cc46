/* tern/db.h - statements on a service's own store: typed parameters, rows, migrations.
 *
 * One connection writes; it belongs to the writer thread, and what a handler or command does with it is part of the
 * unit's transaction. Others only read, one connection per thread. The library opens, commits and maintains:
 * common/store/store.h.
 *
 * Statements are static const char[] texts with the parameters ?1, ?2, ...: the driver prepares each once per
 * connection and finds it again by the address of its text.
 *
 * Calls return -1 with an error whose fault (tern/error.h) is BUSY (a passing conflict), CONSTRAINT (a law of the
 * schema), FULL (no room; nothing was changed), BROKEN (I/O error or damage: stop the process) or OTHER. */
#ifndef TERN_DB_H
#define TERN_DB_H

#include "tern/error.h"

struct tern_db;

/* A numbered step of a schema, embedded from schema/NNN_name.sql. The last row of an array has sql NULL. */
struct tern_migration {
    int number;       /* 1, 2, ... ascending, with gaps or without */
    const char *name; /* recorded in the store: never changed once it was applied anywhere */
    const char *sql;  /* statements that neither begin nor end a transaction */
};

/* ---- parameters ---- */

enum tern_db_kind { TERN_DB_NULL, TERN_DB_INT, TERN_DB_TEXT, TERN_DB_BYTES };

struct tern_db_value {
    enum tern_db_kind kind;
    int64_t number;    /* INT */
    const void *bytes; /* TEXT, BYTES: the caller's, until the statement ends */
    size_t length;     /* of them */
};

struct tern_db_value tern_db_int(int64_t number);
struct tern_db_value tern_db_text(const char *text);                      /* NULL or "" becomes NULL */
struct tern_db_value tern_db_text_bytes(const char *text, size_t length); /* needs no NUL; length 0 becomes NULL */
struct tern_db_value tern_db_bytes(const void *bytes, size_t length);     /* length 0 is an empty value, not NULL */
struct tern_db_value tern_db_null(void);

/* A parameter list: tern_db_run(db, sql, TERN_DB_ARGS(tern_db_int(3), tern_db_text(id)), &err). */
#define TERN_DB_ARGS(...)                        \
    (const struct tern_db_value[]){__VA_ARGS__}, \
        sizeof((const struct tern_db_value[]){__VA_ARGS__}) / sizeof(struct tern_db_value)
#define TERN_DB_NO_ARGS NULL, 0

/* ---- statements ---- */

/* Runs a statement that returns no rows. Returns the number of rows it changed, or -1. */
int tern_db_run(struct tern_db *db, const char *sql, const struct tern_db_value *values, size_t count,
                struct tern_error *err);
/* Runs an INSERT of one row whose column `key` the store generates. Returns 1 with the key, 0 when no row was inserted
 * (ON CONFLICT DO NOTHING), or -1. A driver whose store does not know the last key by itself appends RETURNING and
 * `key`. */
int tern_db_insert(struct tern_db *db, const char *sql, const char *key, const struct tern_db_value *values,
                   size_t count, int64_t *ret_key, struct tern_error *err);
/* One integer of the first row. Returns 1 with it, 0 when there is no row, or -1. */
int tern_db_get_int(struct tern_db *db, const char *sql, const struct tern_db_value *values, size_t count,
                    int64_t *ret_value, struct tern_error *err);

/* Rows. Every query that was started must be ended with tern_db_done, also after an error or early.
 *     if (tern_db_query(db, &rows, sql, TERN_DB_ARGS(...), err) < 0) return -1;
 *     while ((got = tern_db_next(&rows, err)) > 0) ... tern_db_column_text(&rows, 0) ...
 *     tern_db_done(&rows); */
struct tern_db_rows {
    void *statement;    /* the driver's; NULL once done */
    struct tern_db *db; /* the caller's connection */
    bool borrowed;      /* the prepared statement was in use: this one lives until tern_db_done only */
};

int tern_db_query(struct tern_db *db, struct tern_db_rows *rows, const char *sql, const struct tern_db_value *values,
                  size_t count, struct tern_error *err);
/* 1: a row is there, 0: no more, -1: error. */
int tern_db_next(struct tern_db_rows *rows, struct tern_error *err);
/* Columns count from 0. Texts and bytes are never NULL (a NULL column is "", an integer 0), and are valid until the
 * next tern_db_next or tern_db_done. */
int64_t tern_db_column_int(const struct tern_db_rows *rows, int column);
const char *tern_db_column_text(const struct tern_db_rows *rows, int column);
const void *tern_db_column_bytes(const struct tern_db_rows *rows, int column, size_t *ret_length);
bool tern_db_column_is_null(const struct tern_db_rows *rows, int column);
void tern_db_done(struct tern_db_rows *rows);

#endif
