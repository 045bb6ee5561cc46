/* app_online.c - a running service and its time: when it is connected, and what a jump of the wall clock means.
 *
 * The lanes say when their link comes and goes; the writer is told to look at the timers when the broker is there
 * again. What was set for later stays as far away as it was when the wall clock is set. */
#include <stdlib.h>

#include "app.h"

enum { SAVE_MS = 5000 };

/* A reason to look at the timers. */
static enum tern_outcome look(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    (void)work;
    (void)err;
    ctx->timers_set++;
    return TERN_DONE;
}

static void settle_look(struct tern_work *work, enum tern_settled settled)
{
    (void)settled; /* after a lost batch the writer asks what is due anyway */
    free(work);
}

static const struct tern_work_kind look_kind = {.name = "look", .run = look, .settle = settle_look};

void tern_app_set_online(struct tern_app *app, enum tern_online_link link, bool up)
{
    if (!tern_online_set(&app->online, link, up, tern_steady(app->ctx.clock))) return;
    struct tern_work *work = tern_alloc(sizeof *work);
    work->kind = &look_kind;
    tern_writer_submit(app->writer, work);
}

bool tern_app_is_online(void *self)
{
    struct tern_app *app = self;
    return tern_online_now(&app->online);
}

int64_t tern_app_online_ms(void *self)
{
    struct tern_app *app = self;
    return tern_online_ms(&app->online, tern_steady(app->ctx.clock));
}

int tern_app_save_online(struct tern_app *app, struct tern_context *ctx, struct tern_error *err)
{
    if (ctx->online_ms - app->online_saved_ms < SAVE_MS) return 0;
    if (tern_online_save(ctx->db, ctx->online_ms, err) < 0) return -1;
    app->online_saved_ms = ctx->online_ms;
    return 0;
}

int tern_app_jumped(void *self, struct tern_context *ctx, int64_t by_ms, struct tern_error *err)
{
    (void)self;
    tern_log_warn(ctx->log, "the wall clock jumped", TERN_INT("seconds", by_ms / 1000));
    tern_metric_add(ctx->metrics, &TERN_METRIC_clock_jumps_total, 1, NULL, NULL, NULL);
    if (tern_timer_shift(ctx->db, by_ms, err) < 0 || tern_held_shift(ctx->db, by_ms, err) < 0) return -1;
    return tern_event_log_jumped(ctx->db, by_ms, err);
}
