/* The rows of durable jobs: added once per key, found in order, kept until their outcome is known. */
#include "tern_test.h"

#include <string.h>

#include "common/jobs/jobs_store.h"
#include "common/store/store.h"
#include "store.h"
#include "tern/jobs.h"

static int set_up(void **state)
{
    struct tern_context *ctx = test_calloc(1, sizeof *ctx);
    ctx->db = test_store_open();
    ctx->now_ms = 1000;
    strcpy(ctx->conversation.correlation_id, "corr");
    strcpy(ctx->conversation.causation_id, "cause");
    strcpy(ctx->conversation.traceparent, "00-trace");
    *state = ctx;
    return 0;
}

static int tear_down(void **state)
{
    struct tern_context *ctx = *state;
    tern_db_close(ctx->db);
    test_free(ctx);
    return 0;
}

static void a_job_carries_the_conversation_of_its_cause(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_error err;
    struct tern_job job;
    assert_int_equal(tern_job_add(ctx, "charge", "A:charge", "A", "{\"amount\":1}", 250, &err), 0);
    assert_int_equal(ctx->jobs_added, 1);
    assert_int_equal(tern_job_load(ctx->db, 0, 1, &job, &err), 1);
    assert_int_equal(tern_job_exists(ctx->db, job.id, &err), 1);
    assert_string_equal(job.kind, "charge");
    assert_string_equal(job.key, "A:charge");
    assert_string_equal(job.subject, "A");
    assert_string_equal(job.correlation_id, "corr");
    assert_string_equal(job.causation_id, "cause");
    assert_string_equal(job.traceparent, "00-trace");
    assert_int_equal(job.attempts, 0);
    assert_int_equal(job.next_try_ms, 1250);
    assert_int_equal(job.added_at_ms, 1000);
    assert_string_equal(job.payload, "{\"amount\":1}");
}

static void a_job_can_get_another_payload_while_it_exists(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_error err;
    struct tern_job job;
    assert_int_equal(tern_job_add(ctx, "charge", "k", "A", "1", 0, &err), 0);
    assert_int_equal(tern_job_amend(ctx, "charge", "k", "2", &err), 1);
    assert_int_equal(tern_job_amend(ctx, "refund", "k", "3", &err), 0);
    assert_int_equal(tern_job_load(ctx->db, 0, 1, &job, &err), 1);
    assert_string_equal(job.payload, "2");
    assert_int_equal(ctx->jobs_added, 1);
}

static void jobs_are_counted_by_kind_and_those_tried_in_vain_too(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_error err;
    struct tern_job job;
    struct tern_job_counts counts;
    assert_int_equal(tern_job_count(ctx->db, "refund", &counts, &err), 0);
    assert_int_equal(counts.pending, 0);
    assert_int_equal(counts.failing, 0);
    assert_int_equal(tern_job_add(ctx, "refund", "a", "A", "1", 0, &err), 0);
    assert_int_equal(tern_job_add(ctx, "refund", "b", "B", "1", 0, &err), 0);
    assert_int_equal(tern_job_add(ctx, "charge", "c", "C", "1", 0, &err), 0);
    assert_int_equal(tern_job_load(ctx->db, 0, 1, &job, &err), 1);
    assert_int_equal(tern_job_reschedule(ctx->db, job.id, 1, 0, &err), 0);
    assert_int_equal(tern_job_count(ctx->db, "refund", &counts, &err), 0);
    assert_int_equal(counts.pending, 2);
    assert_int_equal(counts.failing, 1);
}

static void the_same_kind_and_key_is_one_job_while_it_exists(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_error err;
    struct tern_job job;
    assert_int_equal(tern_job_add(ctx, "charge", "k", "A", "1", 0, &err), 0);
    assert_int_equal(tern_job_add(ctx, "charge", "k", "A", "2", 0, &err), 0);
    assert_int_equal(tern_job_add(ctx, "refund", "k", "A", "3", 0, &err), 0);
    assert_int_equal(ctx->jobs_added, 2);
    assert_int_equal(tern_job_load(ctx->db, 0, 1, &job, &err), 1);
    assert_string_equal(job.payload, "1");
    assert_int_equal(tern_job_remove(ctx, "charge", "k", &err), 1);
    assert_int_equal(tern_job_remove(ctx, "charge", "k", &err), 0);
    assert_int_equal(tern_job_exists(ctx->db, job.id, &err), 0);
    assert_int_equal(tern_job_add(ctx, "charge", "k", "A", "4", 0, &err), 0);
    assert_int_equal(ctx->jobs_added, 3);
}

static void jobs_are_loaded_in_order_after_an_id_and_ids_are_never_used_twice(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_error err;
    static struct tern_job jobs[4];
    assert_int_equal(tern_job_add(ctx, "mail", "1", "A", "{}", 0, &err), 0);
    assert_int_equal(tern_job_add(ctx, "mail", "2", "A", "{}", 0, &err), 0);
    assert_int_equal(tern_job_add(ctx, "mail", "3", "", "{}", 0, &err), 0);
    assert_int_equal(tern_job_load(ctx->db, 0, 2, jobs, &err), 2);
    assert_string_equal(jobs[1].key, "2");
    assert_int_equal(tern_job_load(ctx->db, jobs[1].id, 4, jobs, &err), 1);
    assert_string_equal(jobs[0].key, "3");
    assert_string_equal(jobs[0].subject, "");
    int64_t newest = jobs[0].id;
    assert_int_equal(tern_job_delete(ctx->db, newest, &err), 0);
    assert_int_equal(tern_job_delete(ctx->db, newest, &err), 0);
    assert_int_equal(tern_job_add(ctx, "mail", "4", "A", "{}", 0, &err), 0);
    assert_int_equal(tern_job_load(ctx->db, newest, 4, jobs, &err), 1);
    assert_string_equal(jobs[0].key, "4");
}

static void a_rescheduled_job_keeps_its_count_and_its_time(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_error err;
    struct tern_job job;
    assert_int_equal(tern_job_add(ctx, "charge", "k", "A", "{}", 0, &err), 0);
    assert_int_equal(tern_job_load(ctx->db, 0, 1, &job, &err), 1);
    assert_int_equal(tern_job_reschedule(ctx->db, job.id, 3, 9000, &err), 0);
    assert_int_equal(tern_job_load(ctx->db, 0, 1, &job, &err), 1);
    assert_int_equal(job.attempts, 3);
    assert_int_equal(job.next_try_ms, 9000);
}

static void what_does_not_fit_is_refused_and_not_cut(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_error err;
    static char payload[TERN_JOB_PAYLOAD_SIZE + 1];
    struct tern_job job;
    memset(payload, 'x', TERN_JOB_PAYLOAD_SIZE);
    assert_int_equal(tern_job_add(ctx, "mail", "k", "A", payload, 0, &err), -1);
    assert_non_null(strstr(err.text, "longer"));
    payload[TERN_JOB_PAYLOAD_SIZE - 1] = '\0';
    assert_int_equal(tern_job_add(ctx, "mail", "k", "A", payload, 0, &err), 0);
    assert_int_equal(tern_job_load(ctx->db, 0, 1, &job, &err), 1);
    assert_string_equal(job.payload, payload);
    payload[TERN_JOB_KEY_SIZE] = '\0';
    assert_int_equal(tern_job_add(ctx, "mail", payload, "A", "{}", 0, &err), -1);
    assert_int_equal(ctx->jobs_added, 1);
}

static int do_all(struct tern_db *db, void *self, struct tern_error *err)
{
    struct tern_context *ctx = self;
    struct tern_job job;
    int64_t before = ctx->jobs_added;
    struct tern_job_counts counts;
    int result = tern_job_add(ctx, "charge", "k", "A", "{}", 0, err);
    assert_int_equal(ctx->jobs_added, before + (result == 0));
    return result < 0 || tern_job_load(db, 0, 1, &job, err) < 0 || tern_job_exists(db, 1, err) < 0 ||
                   tern_job_reschedule(db, 1, 1, 1, err) < 0 || tern_job_remove(ctx, "charge", "x", err) < 0 ||
                   tern_job_amend(ctx, "charge", "k", "{}", err) < 0 || tern_job_delete(db, 77, err) < 0 ||
                   tern_job_count(db, "charge", &counts, err) < 0
               ? -1
               : 0;
}

static void a_store_that_fails_is_told_and_nothing_is_counted(void **state)
{
    struct tern_context *ctx = *state;
    test_store_fail_each(ctx->db, do_all, ctx);
    assert_int_equal(test_store_number(ctx->db, "SELECT count(*) FROM job"), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_job_carries_the_conversation_of_its_cause),
        T(a_job_can_get_another_payload_while_it_exists),
        T(jobs_are_counted_by_kind_and_those_tried_in_vain_too),
        T(the_same_kind_and_key_is_one_job_while_it_exists),
        T(jobs_are_loaded_in_order_after_an_id_and_ids_are_never_used_twice),
        T(a_rescheduled_job_keeps_its_count_and_its_time),
        T(what_does_not_fit_is_refused_and_not_cut),
        T(a_store_that_fails_is_told_and_nothing_is_counted),
    };
    return cmocka_run_group_tests_name("jobs", tests, NULL, NULL);
}
