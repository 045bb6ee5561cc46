/* notification/notification.h - notification-service as one value, the tables that it is made of (settings, handlers,
 * jobs, routes, metrics), and its state. */
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

/* The service's own state (ctx->self). Constant once it was opened. */
struct notification_state {
    const char *admin_email; /* ADMIN_EMAIL; owned by the configuration */
    struct channel channels[NOTIFICATION_CHANNELS];
};
int notification_open(const struct tern_config *config, struct tern_log *log, void **ret_self, struct tern_error *err);
void notification_close(void *self);

/* Adds a job per method of a notification whose recipient is known. `contact` NULL: the administrator. Inside a unit of
 * work; 0, or -1 with `err`. */
int notification_send(struct tern_context *ctx, const struct notification *row, const struct contact *contact,
                      struct tern_error *err);

#endif
