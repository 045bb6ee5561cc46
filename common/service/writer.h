/* writer.h - the writer: the one thread that changes the store, many units of work in one transaction.
 *
 * It takes what has arrived in the queue (common/work/work.h), up to batch_max, and runs it together with what is due
 * by the clock as one transaction with one flush of the disk. After the commit it tells the other parts and finishes
 * the works. While the service runs, nobody else begins or ends a transaction on the writing connection. */
#ifndef TERN_SERVICE_WRITER_H
#define TERN_SERVICE_WRITER_H

#include "tern/base.h"
#include "tern/error.h"

struct tern_app;
struct tern_writer;

/* A wall clock that was set by more than this has jumped; less is left to its drift. */
enum { TERN_JUMP_MS = 60000 };

/* `app` with its parts outlives the writer; app->ctx is used on the writer thread only from the start on. */
struct tern_writer *tern_writer_create(struct tern_app *app, int batch_max);
void tern_writer_destroy(struct tern_writer *writer);
int tern_writer_start(struct tern_writer *writer, struct tern_error *err);
/* Runs everything queued, then ends the thread. Another call runs what was queued since then on the calling thread:
 * once nobody submits any more, a last call leaves nothing behind. NULL is fine. */
void tern_writer_stop(struct tern_writer *writer);
/* One batch on the calling thread, without the writer's own (tests, simulation). How many works were taken. */
int tern_writer_step(struct tern_writer *writer);
/* How long the thread would wait now before its next batch, in ms; 0: not at all. */
int64_t tern_writer_patience(const struct tern_writer *writer);

#endif
