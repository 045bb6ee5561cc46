/* writer.h - the writer: the one thread that changes the store, many units of work per transaction.
 *
 * It takes what has arrived in the queue (common/work/work.h), up to batch_max, and runs it as one transaction with one flush
 * of the disk, together with what is due by the clock. After the commit it tells the other parts and finishes the works. It
 * calls the parts of the app by name, and is the only one that begins and ends transactions while the service runs. */
#ifndef TERN_SERVICE_WRITER_H
#define TERN_SERVICE_WRITER_H

#include "tern/base.h"
#include "tern/error.h"

struct tern_app;
struct tern_writer;

/* A wall clock that was set by more than this has jumped. */
enum { TERN_JUMP_MS = 60000 };

/* `app` with its parts outlives the writer; app->ctx is used on the writer thread only from the start on. */
struct tern_writer *tern_writer_create(struct tern_app *app, int batch_max);
void tern_writer_destroy(struct tern_writer *writer);
int tern_writer_start(struct tern_writer *writer, struct tern_error *err);
/* Runs everything queued, then ends the thread. What is queued after that is run, on the calling thread, by another
 * call: once nobody submits any more, a last one leaves nothing behind. */
void tern_writer_stop(struct tern_writer *writer);
/* One batch on the calling thread, for single-threaded use (tests, simulation). Returns how many works were taken. */
int tern_writer_step(struct tern_writer *writer);
/* How long the thread would wait now before its next batch, in ms; 0: it would not. */
int64_t tern_writer_patience(const struct tern_writer *writer);

#endif
