/* jobs_store.c - the rows of durable jobs: written in a handler's transaction, read by the job worker, removed with
 * their outcome.
 *
 * Ids ascend and are never used twice: a worker that reads after the highest id it has seen finds every new job, and
 * an id that it still holds never means a newer job. Runs nothing itself. */
#include <string.h>

#include "jobs_store.h"
#include "tern/jobs.h"

/* A job that exists wins: the same effect must not be asked for twice. */
static const char add_row[] =
    "INSERT INTO job (kind, key, subject, correlation_id, causation_id, traceparent, attempts, next_try_ms,"
    " added_at_ms, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?9) ON CONFLICT (kind, key) DO NOTHING";
static const char remove_row[] = "DELETE FROM job WHERE kind = ?1 AND key = ?2";
static const char amend_row[] = "UPDATE job SET payload = ?3 WHERE kind = ?1 AND key = ?2";
static const char load_rows[] =
    "SELECT id, kind, key, subject, correlation_id, causation_id, traceparent, attempts, next_try_ms, added_at_ms,"
    " payload FROM job WHERE id > ?1 ORDER BY id LIMIT ?2";
static const char delete_row[] = "DELETE FROM job WHERE id = ?1";
static const char reschedule_row[] = "UPDATE job SET attempts = ?2, next_try_ms = ?3 WHERE id = ?1";
static const char count_rows[] = "SELECT count(*), count(*) FILTER (WHERE attempts > 0) FROM job WHERE kind = ?1";
static const char has_row[] = "SELECT 1 FROM job WHERE id = ?1";

/* A text that does not fit into struct tern_job is an error of the caller: cut, it would be another key. */
static int check_sizes(const char *kind, const char *key, const char *subject, const char *payload,
                       struct tern_error *err)
{
    const struct tern_job *job = NULL;
    if (strlen(kind) >= sizeof job->kind || strlen(key) >= sizeof job->key || strlen(subject) >= sizeof job->subject ||
        strlen(payload) >= sizeof job->payload)
        return tern_error_set(err, "the job %s of %s is longer than a job can be", kind, key);
    return 0;
}

int tern_job_add(struct tern_context *ctx, const char *kind, const char *key, const char *subject, const char *payload,
                 int64_t delay_ms, struct tern_error *err)
{
    const struct tern_conversation *conversation = &ctx->conversation;
    if (check_sizes(kind, key, subject, payload, err) < 0) return -1;
    int added =
        tern_db_run(ctx->db, add_row,
                    TERN_DB_ARGS(tern_db_text(kind), tern_db_text(key), tern_db_text(subject),
                                 tern_db_text(conversation->correlation_id), tern_db_text(conversation->causation_id),
                                 tern_db_text(conversation->traceparent), tern_db_int(ctx->now_ms + delay_ms),
                                 tern_db_int(ctx->now_ms), tern_db_text(payload)),
                    err);
    if (added < 0) return tern_error_prefix(err, "cannot add the job %s of %s", kind, key);
    ctx->jobs_added += added; /* wakes the worker after the commit */
    return 0;
}

int tern_job_remove(struct tern_context *ctx, const char *kind, const char *key, struct tern_error *err)
{
    return tern_db_run(ctx->db, remove_row, TERN_DB_ARGS(tern_db_text(kind), tern_db_text(key)), err);
}

int tern_job_amend(struct tern_context *ctx, const char *kind, const char *key, const char *payload,
                   struct tern_error *err)
{
    if (check_sizes(kind, key, "", payload, err) < 0) return -1;
    return tern_db_run(ctx->db, amend_row, TERN_DB_ARGS(tern_db_text(kind), tern_db_text(key), tern_db_text(payload)),
                       err);
}

/* In the order of load_rows. */
static void read_row(const struct tern_db_rows *rows, struct tern_job *job)
{
    job->id = tern_db_column_int(rows, 0);
    tern_copy_whole(job->kind, sizeof job->kind, tern_db_column_text(rows, 1));
    tern_copy_whole(job->key, sizeof job->key, tern_db_column_text(rows, 2));
    tern_copy_whole(job->subject, sizeof job->subject, tern_db_column_text(rows, 3));
    tern_copy_whole(job->correlation_id, sizeof job->correlation_id, tern_db_column_text(rows, 4));
    tern_copy_whole(job->causation_id, sizeof job->causation_id, tern_db_column_text(rows, 5));
    tern_copy_whole(job->traceparent, sizeof job->traceparent, tern_db_column_text(rows, 6));
    job->attempts = tern_db_column_int(rows, 7);
    job->next_try_ms = tern_db_column_int(rows, 8);
    job->added_at_ms = tern_db_column_int(rows, 9);
    tern_copy_whole(job->payload, sizeof job->payload, tern_db_column_text(rows, 10));
}

int tern_job_load(struct tern_db *db, int64_t after_id, int limit, struct tern_job *ret_jobs, struct tern_error *err)
{
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, load_rows, TERN_DB_ARGS(tern_db_int(after_id), tern_db_int(limit)), err) < 0)
        return -1;
    int count = 0, got;
    while ((got = tern_db_next(&rows, err)) > 0)
        read_row(&rows, &ret_jobs[count++]);
    tern_db_done(&rows);
    return got < 0 ? -1 : count;
}

int tern_job_delete(struct tern_db *db, int64_t id, struct tern_error *err)
{
    return tern_db_run(db, delete_row, TERN_DB_ARGS(tern_db_int(id)), err) < 0 ? -1 : 0;
}

int tern_job_reschedule(struct tern_db *db, int64_t id, int64_t attempts, int64_t next_try_ms, struct tern_error *err)
{
    const struct tern_db_value values[] = {tern_db_int(id), tern_db_int(attempts), tern_db_int(next_try_ms)};
    return tern_db_run(db, reschedule_row, values, TERN_COUNT(values), err) < 0 ? -1 : 0;
}

int tern_job_count(struct tern_db *db, const char *kind, struct tern_job_counts *ret_counts, struct tern_error *err)
{
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, count_rows, TERN_DB_ARGS(tern_db_text(kind)), err) < 0) return -1;
    int got = tern_db_next(&rows, err);
    if (got > 0) {
        ret_counts->pending = tern_db_column_int(&rows, 0);
        ret_counts->failing = tern_db_column_int(&rows, 1);
    }
    tern_db_done(&rows);
    return got > 0 ? 0 : -1;
}

int tern_job_exists(struct tern_db *db, int64_t id, struct tern_error *err)
{
    int64_t one;
    return tern_db_get_int(db, has_row, TERN_DB_ARGS(tern_db_int(id)), &one, err);
}
