/* queue_markers.c - stores which queues carry our marker, and which part of the log is to be republished after a loss.
 *
 * A loss is one transaction: the queues are no longer noted, and the range is set. A process that ends after it goes
 * on with the range at its next start; one that ends before it finds the same marker missing. */
#include "queue_markers.h"

#include "log_store.h"
#include "tern/event_log.h"

static const char has_queue[] = "SELECT 1 FROM queue_marker WHERE queue = ?1";
static const char note_queue[] = "INSERT INTO queue_marker (queue) VALUES (?1) ON CONFLICT DO NOTHING";
static const char forget_queue[] = "DELETE FROM queue_marker WHERE queue = ?1";
/* The table has at most one row: a new loss replaces the range. Ids are never used twice, so a late report is
 * recognised. */
static const char read_range[] = "SELECT id, after_seq, through_seq FROM republish_range";
static const char drop_range[] = "DELETE FROM republish_range";
static const char add_range[] = "INSERT INTO republish_range (after_seq, through_seq) VALUES (?1, ?2)";
static const char advance_range[] = "UPDATE republish_range SET after_seq = ?2 WHERE id = ?1 AND after_seq < ?2";
static const char end_range[] = "DELETE FROM republish_range WHERE after_seq >= through_seq";

int tern_queue_markers_has(struct tern_db *db, const char *queue, struct tern_error *err)
{
    int64_t one;
    return tern_db_get_int(db, has_queue, TERN_DB_ARGS(tern_db_text(queue)), &one, err);
}

int tern_republish_range_load(struct tern_db *db, struct tern_republish_range *ret_republish, struct tern_error *err)
{
    struct tern_republish_range republish = {0};
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, read_range, TERN_DB_NO_ARGS, err) < 0) return -1;
    int got = tern_db_next(&rows, err);
    if (got > 0)
        republish = (struct tern_republish_range){tern_db_column_int(&rows, 0), tern_db_column_int(&rows, 1),
                                                  tern_db_column_int(&rows, 2)};
    tern_db_done(&rows);
    if (got < 0) return -1;
    *ret_republish = republish;
    return 0;
}

int tern_republish_range_advance(struct tern_db *db, int64_t id, int64_t after_seq, struct tern_error *err)
{
    if (tern_db_run(db, advance_range, TERN_DB_ARGS(tern_db_int(id), tern_db_int(after_seq)), err) < 0) return -1;
    return tern_db_run(db, end_range, TERN_DB_NO_ARGS, err) < 0 ? -1 : 0;
}

/* Sets the range: the whole window again, because what was republished after an earlier loss may be lost too; and what
 * that earlier range still had to do. */
static int begin_range(struct tern_db *db, struct tern_queue_news *news, int64_t window_ms, int64_t online_ms,
                       struct tern_error *err)
{
    int64_t after_seq = 0;
    struct tern_republish_range before;
    if (tern_republish_range_load(db, &before, err) < 0) return -1;
    int64_t through_seq = news->through_seq > before.through_seq ? news->through_seq : before.through_seq;
    int64_t earliest_ms = online_ms - TERN_REPUBLISH_MOST_MS;
    if (tern_event_log_window(db, window_ms, earliest_ms, news->through_seq, &after_seq, err) < 0) return -1;
    if (before.id > 0 && before.after_seq < after_seq) after_seq = before.after_seq;
    if (tern_db_run(db, drop_range, TERN_DB_NO_ARGS, err) < 0) return -1;
    if (after_seq < through_seq &&
        tern_db_run(db, add_range, TERN_DB_ARGS(tern_db_int(after_seq), tern_db_int(through_seq)), err) < 0)
        return -1;
    return tern_republish_range_load(db, &news->republish, err);
}

int tern_queue_markers_record(struct tern_db *db, struct tern_queue_news *news, int64_t window_ms, int64_t online_ms,
                              struct tern_error *err)
{
    const char *sql = news->lost ? forget_queue : note_queue;
    for (size_t i = 0; i < news->count; i++)
        if (tern_db_run(db, sql, TERN_DB_ARGS(tern_db_text(news->queues[i])), err) < 0) return -1;
    return news->lost ? begin_range(db, news, window_ms, online_ms, err) : 0;
}
