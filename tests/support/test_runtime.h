/* test_runtime.h - for unit tests of the runtime: a store, a clock in the test's hand, a writer, and what it was told.
 *
 * The writer is run step by step on the test's thread, or started like in a daemon. With `units` or `lane` set it drives
 * them as the life cycle does. Log lines go to a file in memory. */
#ifndef TERN_TEST_RUNTIME_H
#define TERN_TEST_RUNTIME_H

#include <stdatomic.h>

#include "common/service/job_lane.h"
#include "common/service/unit_of_work.h"
#include "common/service/writer.h"

struct test_runtime {
    char folder[64], url[128];  /* "" in memory */
    atomic_llong now_ms;        /* of both clocks, unless it is the system's */
    atomic_llong wall_ahead_ms; /* of steady time */
    struct tern_clock clock;
    struct tern_context ctx;
    struct tern_log *log;
    int log_fd;
    struct tern_writer *writer;
    struct tern_units *units; /* the test's; NULL: `due_left` pieces are due at `due_ms`, each a note */
    atomic_int due_left;
    int64_t due_ms;
    struct tern_job_lane *lane;

    int committed, failed, fatal, asked; /* how often the owner was told, or asked what is due next */
    int said_again;                      /* how often the publisher would have been woken for it */
    int jumps;
    int64_t jumped_ms;
    int64_t units_committed, last_seq_told;
    atomic_int settled; /* batches */
};

enum test_runtime_store { TEST_IN_MEMORY, TEST_IN_A_FILE };
enum test_runtime_clock { TEST_CLOCK_BY_HAND, TEST_CLOCK_SYSTEM };

/* With the core tables and a table `note (text)`. Fails the test when it cannot be had. */
void test_runtime_open(struct test_runtime *runtime, enum test_runtime_store store, enum test_runtime_clock clock,
                       int batch_max);
void test_runtime_close(struct test_runtime *runtime);

/* A second connection to a store in a file; tern_db_close gives it back. */
struct tern_db *test_runtime_reader(const struct test_runtime *runtime);
/* Steps until nothing is queued and nothing is due now. */
void test_runtime_settle(struct test_runtime *runtime);
/* Whether, and how often, this stands in what was logged so far. */
bool test_runtime_logged(const struct test_runtime *runtime, const char *text);
int test_runtime_times_logged(const struct test_runtime *runtime, const char *text);
/* Fails the test unless the metrics page has this line. */
void test_runtime_metric(const struct test_runtime *runtime, const char *line);
/* In a unit: one row of `note`. */
int test_runtime_note(struct tern_context *ctx, const char *text, struct tern_error *err);
int64_t test_runtime_notes(struct tern_db *db);

#endif
