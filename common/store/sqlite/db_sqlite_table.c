/* db_sqlite_table.c - copies of tables: an empty one like another, one in the place of another, one that goes away.
 *
 * SQLite keeps the text of every CREATE (sqlite.org/schematab.html), so a copy is made from the same text under another
 * name. It cannot rename an index: those of a copy end in SWAPPED, those of its next copy do not, and before a
 * migration every index gets its plain name back, since steps name indexes. DROP TABLE walks all pages of a table (2.4 s
 * for a million orders), so a large table goes in parts: index by index, then rows, then what is left. */
#include <string.h>

#include "common/store/store.h"
#include "db_sqlite.h"
#include "tern/text.h"

#define SWAPPED "__swapped"

enum { DROPPED_AT_ONCE = 1000 }; /* rows */

static const char select_definition[] = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1";
/* Those without a text belong to a PRIMARY KEY or UNIQUE. The names of a copy are in the same order. */
static const char select_indexes[] = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 AND "
                                     "sql IS NOT NULL ORDER BY rowid LIMIT -1 OFFSET ?2";
static const char count_indexes[] =
    "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 AND sql IS NOT NULL";
static const char select_one_index[] =
    "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 AND sql IS NOT NULL LIMIT 1";
static const char select_swapped[] = "SELECT name, sql, tbl_name FROM sqlite_schema WHERE type = 'index' AND "
                                     "substr(name, -length('" SWAPPED "')) = '" SWAPPED "'";
static const char select_key[] = "SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk";

/* Runs what was written, and frees it. */
static int run_text(struct tern_db *db, struct tern_text *sql, const char *what, struct tern_error *err)
{
    int status = tern_sqlite_fails_now(db, err) || tern_sqlite_refuse(db, err) < 0 ? -1 : 0;
    if (status == 0) {
        int code = sqlite3_exec(db->handle, sql->bytes, NULL, NULL, NULL);
        if (code != SQLITE_OK) status = tern_sqlite_fail(db, code, what, err);
    }
    tern_text_fini(sql);
    return status;
}

/* The definition from its list of columns on: names stand before the first bracket. */
static const char *body_of(const char *definition)
{
    const char *body = strchr(definition, '(');
    TERN_ASSERT(body, "a definition has columns");
    return body;
}

/* Of the name without its ending. */
static int plain_length(const char *index)
{
    const char *ending = strstr(index, SWAPPED);
    return ending ? (int)(ending - index) : (int)strlen(index);
}

static void write_index(const char *index, const char *ending, const char *definition, const char *table,
                        struct tern_text *sql)
{
    const char *unique = strncmp(definition, "CREATE UNIQUE", strlen("CREATE UNIQUE")) == 0 ? "UNIQUE " : "";
    tern_text_printf(sql, "CREATE %sINDEX \"%.*s%s\" ON \"%s\" %s;", unique, plain_length(index), index, ending, table,
                     body_of(definition));
}

int tern_db_table_like(struct tern_db *db, const char *table, const char *copy, struct tern_error *err)
{
    struct tern_text sql = {0};
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, select_definition, TERN_DB_ARGS(tern_db_text(table)), err) < 0) return -1;
    int found = tern_db_next(&rows, err);
    if (found > 0) tern_text_printf(&sql, "CREATE TABLE \"%s\" %s", copy, body_of(tern_db_column_text(&rows, 0)));
    tern_db_done(&rows);
    if (found > 0) return run_text(db, &sql, "make a table like another", err);
    return found < 0 ? -1 : tern_error_set(err, "the store has no table %s", table);
}

int tern_db_table_index(struct tern_db *db, const char *table, const char *copy, struct tern_error *err)
{
    struct tern_text sql = {0};
    struct tern_db_rows rows;
    int64_t made = 0;
    if (tern_db_get_int(db, count_indexes, TERN_DB_ARGS(tern_db_text(copy)), &made, err) < 0 ||
        tern_db_query(db, &rows, select_indexes, TERN_DB_ARGS(tern_db_text(table), tern_db_int(made)), err) < 0)
        return -1;
    int found = tern_db_next(&rows, err);
    if (found > 0) {
        const char *index = tern_db_column_text(&rows, 0);
        write_index(index, index[plain_length(index)] == '\0' ? SWAPPED : "", tern_db_column_text(&rows, 1), copy,
                    &sql);
    }
    tern_db_done(&rows);
    if (found > 0) return run_text(db, &sql, "make an index", err);
    return found < 0 ? -1 : 1;
}

int tern_db_table_swap(struct tern_db *db, const char *table, const char *copy, const char *old, struct tern_error *err)
{
    struct tern_text sql = {0};
    tern_text_printf(&sql, "ALTER TABLE \"%s\" RENAME TO \"%s\"; ALTER TABLE \"%s\" RENAME TO \"%s\"", table, old, copy,
                     table);
    return run_text(db, &sql, "swap two tables", err);
}

/* ---- a table goes away ---- */

/* DELETE of some rows, by the primary key or, without one, by the rowid. */
static int write_delete(struct tern_db *db, const char *table, struct tern_text *sql, struct tern_error *err)
{
    struct tern_db_rows rows;
    struct tern_text key = {0};
    int got;
    if (tern_db_query(db, &rows, select_key, TERN_DB_ARGS(tern_db_text(table)), err) < 0) return -1;
    while ((got = tern_db_next(&rows, err)) > 0)
        tern_text_printf(&key, "%s\"%s\"", key.length > 0 ? ", " : "", tern_db_column_text(&rows, 0));
    tern_db_done(&rows);
    if (key.length == 0) tern_text_add(&key, "rowid");
    tern_text_printf(sql, "DELETE FROM \"%s\" WHERE (%s) IN (SELECT %s FROM \"%s\" LIMIT %d)", table, key.bytes,
                     key.bytes, table, DROPPED_AT_ONCE);
    tern_text_fini(&key);
    return got < 0 ? -1 : 0;
}

int tern_db_table_drop(struct tern_db *db, const char *table, struct tern_error *err)
{
    struct tern_text sql = {0};
    struct tern_db_rows rows;
    int64_t one;
    static const char has_table[] = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    int found = tern_db_get_int(db, has_table, TERN_DB_ARGS(tern_db_text(table)), &one, err);
    if (found <= 0) return found < 0 ? -1 : 1;
    if (tern_db_query(db, &rows, select_one_index, TERN_DB_ARGS(tern_db_text(table)), err) < 0) return -1;
    found = tern_db_next(&rows, err);
    if (found > 0) tern_text_printf(&sql, "DROP INDEX \"%s\"", tern_db_column_text(&rows, 0));
    tern_db_done(&rows);
    if (found < 0) return -1;
    if (found > 0) return run_text(db, &sql, "drop an index", err);
    if (write_delete(db, table, &sql, err) < 0 || run_text(db, &sql, "drop rows", err) < 0) return -1;
    if (sqlite3_changes(db->handle) == DROPPED_AT_ONCE) return 0;
    tern_text_printf(&sql, "DROP TABLE \"%s\"", table);
    return run_text(db, &sql, "drop a table", err) < 0 ? -1 : 1;
}

/* ---- before a migration ---- */

int tern_sqlite_plain_indexes(struct tern_db *db, struct tern_error *err)
{
    struct tern_text sql = {0};
    struct tern_db_rows rows;
    int got;
    if (tern_db_query(db, &rows, select_swapped, TERN_DB_NO_ARGS, err) < 0) return -1;
    while ((got = tern_db_next(&rows, err)) > 0) {
        const char *name = tern_db_column_text(&rows, 0);
        tern_text_printf(&sql, "DROP INDEX \"%s\";", name);
        write_index(name, "", tern_db_column_text(&rows, 1), tern_db_column_text(&rows, 2), &sql);
    }
    tern_db_done(&rows);
    if (got == 0 && sql.length > 0) return run_text(db, &sql, "name the indexes", err);
    tern_text_fini(&sql);
    return got < 0 ? -1 : 0;
}
