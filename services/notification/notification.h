/* notification/notification.h - notification-service: the tables that make it a service, its state, and the calls
 * between its files.
 *
 * The state is constant between open and close, so handlers (writer's thread) and runs of jobs (worker's thread) share
 * it without a lock. */
#ifndef NOTIFICATION_H
#define NOTIFICATION_H

#include "channel.h"
#include "notification_store.h"
#include "tern/service.h"

enum { NOTIFICATION_HANDLERS = 7, NOTIFICATION_CHANNELS = 2 };

extern const struct tern_service notification_service;
extern const struct tern_config_key notification_config[];
extern const struct tern_handler notification_handlers[NOTIFICATION_HANDLERS];
extern const struct tern_job_kind notification_jobs[];
extern const struct tern_http_route notification_routes[];
extern const struct tern_metric *const notification_metrics[];
extern const struct tern_migration notification_migrations[];

#define NOTIFICATION_JOB_SEND "send"

/* The service's own state (ctx->self). */
struct notification_state {
    const char *admin_email;                        /* ADMIN_EMAIL; owned by the configuration */
    struct channel channels[NOTIFICATION_CHANNELS]; /* one for each method */
};
/* 0; or -1 with `err` when a setting is wrong. The configuration and the log must outlive the state. */
int notification_open(const struct tern_config *config, struct tern_log *log, void **ret_self, struct tern_error *err);
void notification_close(void *self);

/* Adds one job for each method of a notification whose recipient is known. `contact`: the customer's; NULL: send to the
 * administrator. Inside a unit of work. 0, or -1 with `err`: the unit must be undone. */
int notification_send(struct tern_context *ctx, const struct notification *row, const struct contact *contact,
                      struct tern_error *err);

#endif
