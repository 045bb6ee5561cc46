/* tern/projection.h - a read model folded from the service's event log, with a position of its own.
 *
 * A projection is a row: its tables, the types of events that it folds, and how. The runtime reads the log in the order
 * of its seq, decodes each event, and folds it on the writer's thread, many at a time in one unit of work that also
 * writes the position: a crash repeats nothing and leaves nothing out. It catches up on its own, a fraction of a second
 * behind the units that wrote the events; a fold that fails stops its own projection only.
 *
 * A rebuild folds the whole log into empty tables beside those in use, while the service goes on, and puts them in
 * their place once they have caught up. So the statements of a projection come twice, for its tables and for those
 * beside them: TERN_PROJECTION_SQL writes both. A projection's tables have primary keys, and neither foreign keys nor
 * triggers; rows depend on the log alone, never on a clock or on how many events come at a time. */
#ifndef TERN_PROJECTION_H
#define TERN_PROJECTION_H

#include "tern/db.h"
#include "tern/event_log.h"

/* Which tables: those in use, or those that are being rebuilt beside them, named <table>_rebuilt. */
enum tern_side { TERN_LIVE, TERN_REBUILT, TERN_SIDES };

/* A statement for both sides, as the value of a `static const char *const sql[TERN_SIDES]`:
 *     #define KEEP(side) "INSERT INTO totals" side " (day, orders) VALUES (?1, ?2)"
 *     static const char *const keep[TERN_SIDES] = TERN_PROJECTION_SQL(KEEP); */
/* clang-format off */
#define TERN_PROJECTION_SQL(text) {text(""), text("_rebuilt")}
/* clang-format on */

/* Where a fold writes. */
struct tern_fold {
    struct tern_db *db;  /* inside the open transaction */
    enum tern_side side; /* which text of a pair */
    void *state;         /* `state_size` bytes, zeroed before the first event; the projection's */
};

/* An event of the log as a fold gets it; valid during the call. */
struct tern_fold_event {
    const struct tern_event *event;
    int64_t seq, subject_version; /* its places in the log and in its subject's stream */
    int64_t logged_at_ms;         /* UTC */
    enum tern_origin origin;
};

/* Writer's thread, inside a unit of work, like all that the rows point to. 0, or -1 with `err`: everything since the
 * last `write` is undone. */
struct tern_projection {
    const char *name;          /* "order_stats": of its position in the store; never changes */
    const char *const *tables; /* NULL-terminated; nobody else writes them */
    const char *const *types;  /* NULL-terminated: of the events that it folds; the others are passed over */
    bool in_unit; /* its tables are written in the units that write the events; it is folded only to be rebuilt */
    int (*fold)(const struct tern_fold *fold, const struct tern_fold_event *event, struct tern_error *err);
    /* Writes what was folded into the state. `all`: nothing may be left in it; else it may keep what is likely to
     * change again soon. NULL: `fold` writes. */
    int (*write)(const struct tern_fold *fold, bool all, struct tern_error *err);
    void (*fini)(void *state); /* frees what the state owns, not the state. May be NULL */
    size_t state_size;
};

/* How far a projection has come. */
struct tern_projection_progress {
    int64_t position; /* seq of the last event that its tables have folded */
    int64_t behind;   /* committed events after it; 0 for one that is written in the unit */
};
#endif
