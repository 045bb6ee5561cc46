/* test_runtime.h - for unit tests of the runtime: an app of a store, a clock in the test's hand and a writer, without a
 * daemon.
 *
 * Its parts are the real ones: an inbox without a consumer, and a publisher that is never started. The writer is run step by
 * step on the test's thread, or started like in a daemon. Log lines go to a file in memory. */
#ifndef TERN_TEST_RUNTIME_H
#define TERN_TEST_RUNTIME_H

#include <stdatomic.h>

#include "common/service/app.h"

struct test_runtime {
    char folder[64], url[128];  /* "" in memory */
    atomic_llong now_ms;        /* of both clocks, unless it is the system's */
    atomic_llong wall_ahead_ms; /* of steady time */
    struct tern_clock clock;
    struct tern_app app; /* the test may add a job worker */
    int log_fd;
    atomic_int fired; /* timers of test_runtime_set_timers */

    /* Of test_runtime_step. */
    int failed;            /* batches that the store took nothing of */
    int republished;       /* batches with rows to be said again */
    int64_t last_seq_told; /* the newest row of the last batch that emitted */
};

enum test_runtime_store { TEST_IN_MEMORY, TEST_IN_A_FILE };
enum test_runtime_clock { TEST_CLOCK_BY_HAND, TEST_CLOCK_SYSTEM };

/* With the core tables and a table `note (text)`. Fails the test when it cannot be had. The inbox is not purged, unless the test
 * sets app.upkeep.purging to false. */
void test_runtime_open(struct test_runtime *runtime, enum test_runtime_store store, enum test_runtime_clock clock,
                       int batch_max);
void test_runtime_close(struct test_runtime *runtime);

/* Makes the inbox anew, as a start on the same store does. */
void test_runtime_build_inbox(struct test_runtime *runtime, const struct tern_handler *handlers, size_t count,
                              int64_t most_attempts, int64_t backoff_ms);
/* A second connection to a store in a file; tern_db_close gives it back. */
struct tern_db *test_runtime_reader(const struct test_runtime *runtime);
/* Timers that note "due" when they fire, in in_ms. The writer is not told of them. */
void test_runtime_set_timers(struct test_runtime *runtime, int count, int64_t in_ms);
/* tern_writer_step, and what came of the batch is noted. */
int test_runtime_step(struct test_runtime *runtime);
/* Steps until nothing is queued and nothing is due now. */
void test_runtime_settle(struct test_runtime *runtime);
/* Any thread: committed batches, and the works and due pieces in them. */
int test_runtime_committed(const struct test_runtime *runtime);
int64_t test_runtime_units_committed(const struct test_runtime *runtime);
/* Whether, and how often, this stands in what was logged so far. */
bool test_runtime_logged(const struct test_runtime *runtime, const char *text);
int test_runtime_times_logged(const struct test_runtime *runtime, const char *text);
/* Fails the test unless the metrics page has this line. */
void test_runtime_metric(const struct test_runtime *runtime, const char *line);
/* In a unit: one row of `note`. */
int test_runtime_note(struct tern_context *ctx, const char *text, struct tern_error *err);
int64_t test_runtime_notes(struct tern_db *db);

#endif
