/* event_log.c - appends rows to the event log and reads them; never changes one.
 *
 * The next version of a subject is looked up in the index of its stream before the insert: measured, a third cheaper
 * than INSERT ... RETURNING. Only the writer appends, so no row can come between; a UNIQUE index enforces it all the
 * same. Readers go page by page, because SQLite cannot checkpoint the WAL past an open read transaction. */
#include "tern/event_log.h"
#include "log_store.h"

#define COLUMNS                                                                                                       \
    "seq, subject_version, logged_at_ms, origin, event_id, type, subject, correlation_id, causation_id, traceparent," \
    " body, number "

static const char newest_version[] = "SELECT subject_version FROM event_log WHERE subject = ?1"
                                     " ORDER BY subject_version DESC LIMIT 1";
static const char append_row[] =
    "INSERT INTO event_log (origin, subject_version, logged_at_ms, event_id, type, subject, correlation_id,"
    " causation_id, traceparent, body, number, online_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
/* Each query walks the rows or one index in its order: none sorts. */
static const char stream_rows[] = "SELECT " COLUMNS "FROM event_log WHERE subject = ?1 AND subject_version > ?2"
                                  " ORDER BY subject_version LIMIT ?3";
static const char own_rows[] = "SELECT " COLUMNS "FROM event_log WHERE origin = 1 AND seq > ?1 AND seq <= ?2"
                               " ORDER BY seq LIMIT ?3";
static const char caused_rows[] = "SELECT " COLUMNS "FROM event_log WHERE origin = 1 AND causation_id = ?1"
                                  " ORDER BY seq";
static const char newest_row[] = "SELECT seq FROM event_log WHERE subject = ?1 AND origin = 1 AND type = ?2"
                                 " ORDER BY subject_version DESC LIMIT 1";
static const char last_number[] = "SELECT number FROM event_log WHERE type = ?1 AND number IS NOT NULL"
                                  " ORDER BY number DESC LIMIT 1";
static const char numbered_rows[] = "SELECT " COLUMNS "FROM event_log WHERE type = ?1 AND number BETWEEN ?2 AND ?3"
                                    " ORDER BY number";
static const char seq_of_number[] = "SELECT seq FROM event_log WHERE type = ?1 AND number = ?2";
static const char has_row[] = "SELECT 1 FROM event_log WHERE subject = ?1 AND event_id = ?2";
static const char newest_own_online[] =
    "SELECT online_ms FROM event_log WHERE origin = 1 AND seq <= ?1 ORDER BY seq DESC LIMIT 1";
static const char online_after[] = "SELECT online_ms FROM event_log WHERE seq > ?1 ORDER BY seq LIMIT 1";
static const char logged_after[] = "SELECT logged_at_ms FROM event_log WHERE seq > ?1 ORDER BY seq LIMIT 1";
static const char all_rows[] = "SELECT " COLUMNS "FROM event_log WHERE seq > ?1 ORDER BY seq LIMIT ?2";

/* ---- writing --------------------------------------------------------------------------------------------- */

/* The version is the next of the subject; only the number may be known to the caller, who keeps it in the context. */
int tern_event_log_append(struct tern_db *db, const struct tern_event *event, enum tern_origin origin, const char *body,
                          size_t body_length, struct tern_log_time at, int64_t *ret_seq, int64_t *ret_subject_version,
                          struct tern_error *err)
{
    const bool own = origin == TERN_ORIGIN_OWN, numbered = event->number > 0;
    int64_t version = 0, before = 0;
    if (body_length > TERN_EVENT_MAX_BYTES)
        return tern_error_set(err, "%s about %s has %zu bytes; %d are the most that can be published", event->type,
                              event->subject, body_length, TERN_EVENT_MAX_BYTES);
    if (tern_db_get_int(db, newest_version, TERN_DB_ARGS(tern_db_text(event->subject)), &version, err) < 0 ||
        (own && !numbered && tern_event_log_last_number(db, event->type, &before, err) < 0) ||
        tern_db_insert(db, append_row, "seq",
                       TERN_DB_ARGS(tern_db_int(origin), tern_db_int(version + 1), tern_db_int(at.wall_ms),
                                    tern_db_text(event->event_id), tern_db_text(event->type),
                                    tern_db_text(event->subject), tern_db_text(event->correlation_id),
                                    tern_db_text(event->causation_id), tern_db_text(event->traceparent),
                                    tern_db_text_bytes(body, body_length),
                                    own ? tern_db_int(numbered ? event->number : before + 1) : tern_db_null(),
                                    tern_db_int(at.online_ms)),
                       ret_seq, err) < 0)
        return tern_error_prefix(err, "cannot append %s about %s", event->type, event->subject);
    *ret_subject_version = version + 1;
    return 0;
}

/* ---- reading --------------------------------------------------------------------------------------------- */

/* In the order of COLUMNS. The texts stay the statement's. */
static void read_row(const struct tern_db_rows *rows, struct tern_log_row *row)
{
    row->seq = tern_db_column_int(rows, 0);
    row->subject_version = tern_db_column_int(rows, 1);
    row->logged_at_ms = tern_db_column_int(rows, 2);
    row->origin = tern_db_column_int(rows, 3) == TERN_ORIGIN_OWN ? TERN_ORIGIN_OWN : TERN_ORIGIN_FOREIGN;
    row->event_id = tern_db_column_text(rows, 4);
    row->type = tern_db_column_text(rows, 5);
    row->subject = tern_db_column_text(rows, 6);
    row->correlation_id = tern_db_column_text(rows, 7);
    row->causation_id = tern_db_column_text(rows, 8);
    row->traceparent = tern_db_column_text(rows, 9);
    row->body = tern_db_column_text(rows, 10);
    (void)tern_db_column_bytes(rows, 10, &row->body_length);
    row->number = tern_db_column_int(rows, 11);
}

/* Visits the rows of a query of COLUMNS. How many, or -1. */
static int visit_rows(struct tern_db *db, const char *sql, const struct tern_db_value *values, size_t count,
                      tern_log_visitor *visit, void *self, struct tern_error *err)
{
    struct tern_db_rows rows;
    struct tern_log_row row;
    if (tern_db_query(db, &rows, sql, values, count, err) < 0) return -1;
    int visited = 0, got = 0, answer = 0;
    while (answer == 0 && (got = tern_db_next(&rows, err)) > 0) {
        read_row(&rows, &row);
        answer = visit(self, &row, err);
        visited++;
    }
    tern_db_done(&rows);
    return got < 0 || answer < 0 ? -1 : visited;
}

int tern_event_log_stream(struct tern_db *db, const char *subject, int64_t after_version, int limit,
                          tern_log_visitor *visit, void *self, struct tern_error *err)
{
    return visit_rows(db, stream_rows,
                      TERN_DB_ARGS(tern_db_text(subject), tern_db_int(after_version), tern_db_int(limit)), visit, self,
                      err);
}

int tern_event_log_own(struct tern_db *db, int64_t after_seq, int64_t through_seq, int limit, tern_log_visitor *visit,
                       void *self, struct tern_error *err)
{
    int64_t through = through_seq < 0 ? INT64_MAX : through_seq;
    return visit_rows(db, own_rows, TERN_DB_ARGS(tern_db_int(after_seq), tern_db_int(through), tern_db_int(limit)),
                      visit, self, err);
}

int tern_event_log_caused(struct tern_db *db, const char *causation_id, tern_log_visitor *visit, void *self,
                          struct tern_error *err)
{
    return visit_rows(db, caused_rows, TERN_DB_ARGS(tern_db_text(causation_id)), visit, self, err);
}

int tern_event_log_newest(struct tern_db *db, const char *subject, const char *type, int64_t *ret_seq,
                          struct tern_error *err)
{
    return tern_db_get_int(db, newest_row, TERN_DB_ARGS(tern_db_text(subject), tern_db_text(type)), ret_seq, err);
}

int tern_event_log_last_number(struct tern_db *db, const char *type, int64_t *ret_number, struct tern_error *err)
{
    *ret_number = 0;
    return tern_db_get_int(db, last_number, TERN_DB_ARGS(tern_db_text(type)), ret_number, err) < 0 ? -1 : 0;
}

int tern_event_log_numbered(struct tern_db *db, const char *type, int64_t from, int64_t to, tern_log_visitor *visit,
                            void *self, struct tern_error *err)
{
    return visit_rows(db, numbered_rows, TERN_DB_ARGS(tern_db_text(type), tern_db_int(from), tern_db_int(to)), visit,
                      self, err);
}

/* A binary search: numbers have no gaps and ascend with the seq. */
int tern_event_log_number_through(struct tern_db *db, const char *type, int64_t through_seq, int64_t *ret_number,
                                  struct tern_error *err)
{
    int64_t low = 0, high = 0;
    if (tern_event_log_last_number(db, type, &high, err) < 0) return -1;
    while (low < high) {
        int64_t middle = high - (high - low) / 2, seq = INT64_MAX;
        if (tern_db_get_int(db, seq_of_number, TERN_DB_ARGS(tern_db_text(type), tern_db_int(middle)), &seq, err) < 0)
            return -1;
        if (seq <= through_seq)
            low = middle;
        else
            high = middle - 1;
    }
    *ret_number = low;
    return 0;
}

int tern_event_log_has(struct tern_db *db, const char *subject, const char *event_id, struct tern_error *err)
{
    int64_t one;
    return tern_db_get_int(db, has_row, TERN_DB_ARGS(tern_db_text(subject), tern_db_text(event_id)), &one, err);
}

/* A binary search too: online time ascends with the seq, except for the few seconds that a crash takes back. */
int tern_event_log_window(struct tern_db *db, int64_t window_ms, int64_t earliest_ms, int64_t through_seq,
                          int64_t *ret_after_seq, struct tern_error *err)
{
    int64_t newest_ms = 0, low = 0, high = through_seq;
    int found = window_ms > 0
                    ? tern_db_get_int(db, newest_own_online, TERN_DB_ARGS(tern_db_int(through_seq)), &newest_ms, err)
                    : 0;
    if (found < 0) return -1;
    if (found == 0) low = high;
    int64_t since_ms = newest_ms - window_ms > earliest_ms ? newest_ms - window_ms : earliest_ms;
    while (low < high) {
        int64_t middle = low + (high - low) / 2, online_ms = INT64_MAX;
        if (tern_db_get_int(db, online_after, TERN_DB_ARGS(tern_db_int(middle)), &online_ms, err) < 0) return -1;
        if (online_ms >= since_ms)
            high = middle;
        else
            low = middle + 1;
    }
    *ret_after_seq = high;
    return 0;
}

int tern_event_log_since(struct tern_db *db, int64_t since_ms, int64_t through_seq, int64_t *ret_after_seq,
                         struct tern_error *err)
{
    int64_t low = 0, high = through_seq;
    while (low < high) {
        int64_t middle = low + (high - low) / 2, logged_ms = INT64_MAX;
        if (tern_db_get_int(db, logged_after, TERN_DB_ARGS(tern_db_int(middle)), &logged_ms, err) < 0) return -1;
        if (logged_ms >= since_ms)
            high = middle;
        else
            low = middle + 1;
    }
    *ret_after_seq = high;
    return 0;
}

int tern_event_log_all(struct tern_db *db, int64_t after_seq, int limit, tern_log_visitor *visit, void *self,
                       struct tern_error *err)
{
    return visit_rows(db, all_rows, TERN_DB_ARGS(tern_db_int(after_seq), tern_db_int(limit)), visit, self, err);
}
