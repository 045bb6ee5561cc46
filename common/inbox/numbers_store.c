/* numbers_store.c - the rows of received numbers: one for each type, written only when they have changed.
 *
 * A row that cannot be read to its end is taken as far as it goes: what is forgotten is asked for again. */
#include "numbers.h"

#include <inttypes.h>
#include <stdlib.h>

static const char read_begin[] = "SELECT from_first FROM numbers_begin";
static const char write_begin[] = "UPDATE numbers_begin SET from_first = 0";
static const char read_type[] = "SELECT store, through, above, reported_through FROM number_received WHERE type = ?1";
static const char write_type[] =
    "INSERT INTO number_received (type, store, through, above, reported_through) VALUES (?1, ?2, ?3, ?4, ?5)"
    " ON CONFLICT (type) DO UPDATE SET store = excluded.store, through = excluded.through, above = excluded.above,"
    " reported_through = excluded.reported_through";

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* "7-9,12-12": ascending, above `through`. */
static void read_ranges(struct tern_numbers_type *type, const char *text)
{
    int64_t above = type->through + 1;
    type->count = 0;
    while (*text != '\0' && type->count < TERN_NUMBERS_RANGES) {
        char *end;
        int64_t from = strtoll(text, &end, 10);
        if (*end != '-') return;
        int64_t to = strtoll(end + 1, &end, 10);
        if (from <= above || to < from) return;
        type->ranges[type->count++] = (struct tern_number_range){from, to};
        above = to + 1;
        text = *end == ',' ? end + 1 : end;
    }
}

/* A type without a row is not known: nothing of it was received yet. */
static int load_type(struct tern_numbers_type *type, struct tern_db *db, struct tern_error *err)
{
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, read_type, TERN_DB_ARGS(tern_db_text(type->type->name)), err) < 0) return -1;
    int got = tern_db_next(&rows, err);
    type->known = type->dirty = false;
    type->store[0] = '\0';
    type->through = type->reported_through = 0;
    type->count = 0;
    if (got > 0) {
        type->known = true;
        tern_copy_whole(type->store, sizeof type->store, tern_db_column_text(&rows, 0));
        type->through = tern_db_column_int(&rows, 1);
        type->reported_through = tern_db_column_int(&rows, 3);
        read_ranges(type, tern_db_column_text(&rows, 2));
    }
    tern_db_done(&rows);
    return got < 0 ? -1 : 0;
}

int tern_numbers_load(struct tern_numbers *numbers, struct tern_db *db, struct tern_error *err)
{
    int64_t from_first = 0;
    numbers->stale = true; /* until all rows are read */
    if (tern_db_get_int(db, read_begin, TERN_DB_NO_ARGS, &from_first, err) < 0) return -1;
    numbers->from_first = from_first != 0;
    for (size_t i = 0; i < numbers->count; i++)
        if (load_type(&numbers->types[i], db, err) < 0) return -1;
    numbers->stale = false;
    return 0;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static int save_type(struct tern_numbers_type *type, struct tern_db *db, struct tern_error *err)
{
    struct tern_text above = {0};
    for (size_t i = 0; i < type->count; i++)
        tern_text_printf(&above, "%s%" PRId64 "-%" PRId64, i > 0 ? "," : "", type->ranges[i].from, type->ranges[i].to);
    int changed =
        tern_db_run(db, write_type,
                    TERN_DB_ARGS(tern_db_text(type->type->name), tern_db_text(type->store), tern_db_int(type->through),
                                 tern_db_text(above.bytes), tern_db_int(type->reported_through)),
                    err);
    tern_text_fini(&above);
    if (changed < 0) return -1;
    type->dirty = false;
    return 0;
}

int tern_numbers_save(struct tern_numbers *numbers, struct tern_db *db, struct tern_error *err)
{
    for (size_t i = 0; i < numbers->count; i++)
        if (numbers->types[i].dirty && save_type(&numbers->types[i], db, err) < 0) return -1;
    return 0;
}

int tern_numbers_adopt(struct tern_numbers *numbers, struct tern_db *db, struct tern_error *err)
{
    numbers->from_first = false;
    return tern_db_run(db, write_begin, TERN_DB_NO_ARGS, err) < 0 ? -1 : 0;
}
