/* What the store costs: store_bench [folder] [units per transaction] [transactions].
 *
 * A unit is what the runtime does for one message at least: a savepoint, its row in the inbox, an event of 1 KB in the log,
 * the release. Prints rows per second, time and CPU per unit, and what the flush of a commit takes on this disk. Writes into a
 * folder of its own below `folder` (default /tmp) and removes it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/ids.h"
#include "common/inbox/inbox_store.h"
#include "common/outbox/log_store.h"
#include "common/store/store.h"
#include "tern/event_log.h"
#include "tern/id.h"
#include "tern/inbox.h"

extern const struct tern_migration tern_core_migrations[];

enum { BODY = 1024, FLUSHES = 500 };

struct bench {
    struct tern_db *db;
    struct tern_ids *ids;
    struct tern_event event;
    char body[BODY + 1];
    int64_t units;
    struct tern_error err;
};

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void give_up(const char *why)
{
    fprintf(stderr, "store_bench: %s\n", why);
    exit(1);
}

/* Every subject gets three events, as an order does. */
static int run_unit(struct bench *bench)
{
    char incoming[TERN_UUID_SIZE];
    int64_t seq, version;
    tern_ids_uuid(bench->ids, incoming);
    tern_ids_uuid(bench->ids, bench->event.event_id);
    strcpy(bench->event.causation_id, incoming);
    if (bench->units++ % 3 == 0) {
        char id[TERN_SORTABLE_ID_SIZE];
        tern_ids_sortable(bench->ids, "ORD-", id);
        strcpy(bench->event.subject, id);
    }
    return tern_db_savepoint(bench->db, &bench->err) < 0 ||
                   tern_inbox_add(bench->db, incoming, bench->units, &bench->err) < 0 ||
                   tern_event_log_append(bench->db, &bench->event, TERN_ORIGIN_OWN, bench->body, BODY,
                                         (struct tern_log_time){bench->units, bench->units}, &seq, &version,
                                         &bench->err) < 0 ||
                   tern_db_release(bench->db, &bench->err) < 0
               ? -1
               : 0;
}

static double run_transaction(struct bench *bench, int units)
{
    int result = tern_db_begin(bench->db, &bench->err);
    for (int i = 0; i < units && result == 0; i++) {
        result = run_unit(bench);
    }
    double begun = seconds(CLOCK_MONOTONIC);
    if (result < 0 || tern_db_commit(bench->db, &bench->err) < 0) {
        give_up(bench->err.text);
    }
    double took = seconds(CLOCK_MONOTONIC) - begun;
    if (tern_db_maintain(bench->db, false, &bench->err) < 0) {
        give_up(bench->err.text);
    }
    return took;
}

static void measure_store(struct bench *bench, int units, int transactions)
{
    for (int i = 0; i < transactions / 4; i++) {
        run_transaction(bench, units);
    }
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), commits = 0;
    for (int i = 0; i < transactions; i++) {
        commits += run_transaction(bench, units);
    }
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    double rows = (double)units * transactions;
    printf("%d units per transaction: %.0f units/s, %.1f us each (%.1f us CPU), commit %.2f ms\n", units, rows / wall,
           wall / rows * 1e6, cpu / rows * 1e6, commits / transactions * 1e3);
}

/* The least that a durable commit can take here: one page written over, flushed. */
static void measure_flush(const char *name)
{
    static char page[4096];
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, page, sizeof page) != (ssize_t)sizeof page || fsync(fd) < 0) {
        give_up("cannot write");
    }
    double begun = seconds(CLOCK_MONOTONIC);
    for (int i = 0; i < FLUSHES; i++) {
        if (pwrite(fd, page, sizeof page, 0) != (ssize_t)sizeof page || fdatasync(fd) < 0) {
            give_up("cannot flush");
        }
    }
    printf("one page written and flushed: %.3f ms\n", (seconds(CLOCK_MONOTONIC) - begun) / FLUSHES * 1e3);
    close(fd);
    unlink(name);
}

int main(int argc, char **argv)
{
    struct bench bench = {
        .event = {.type = "OrderPlaced",
                  .correlation_id = "0b5c1e7a-8f0e-4c53-9d7a-111111111111",
                  .traceparent = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"}
    };
    static const char *const files[] = {"x.db", "x.db-wal", "x.db-shm", "x.db.lock", "x.db.ballast"};
    char folder[512], name[600], url[640];
    snprintf(folder, sizeof folder, "%s/tern-bench-XXXXXX", argc > 1 ? argv[1] : "/tmp");
    if (mkdtemp(folder) == NULL) {
        give_up("cannot make a folder");
    }
    snprintf(name, sizeof name, "%s/flush", folder);
    measure_flush(name);
    snprintf(url, sizeof url, "sqlite:%s/x.db", folder);
    if (tern_db_open(url, &bench.db, &bench.err) < 0 ||
        tern_db_migrate(bench.db, "core", tern_core_migrations, &bench.err) < 0) {
        give_up(bench.err.text);
    }
    memset(bench.body, 'x', BODY);
    bench.ids = tern_ids_create(&tern_clock_system, 0);
    measure_store(&bench, argc > 2 ? (int)strtol(argv[2], NULL, 10) : 64,
                  argc > 3 ? (int)strtol(argv[3], NULL, 10) : 1000);
    tern_ids_destroy(bench.ids);
    tern_db_close(bench.db);
    for (size_t i = 0; i < TERN_COUNT(files); i++) {
        snprintf(name, sizeof name, "%s/%s", folder, files[i]);
        unlink(name);
    }
    rmdir(folder);
    return 0;
}
