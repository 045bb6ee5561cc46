/* app_reload.c - takes over what may change while a service runs: log level, admin token, and what the service names.
 *
 * All of it or nothing: every fault is found before anything changes. The configuration that the parts were built from
 * stays as it was; each reloadable value is held by its user. One log line names what has changed, and what needs a
 * restart. */
#include <string.h>

#include "app.h"
#include "common/base/config_read.h"
#include "common/base/log_setup.h"
#include "common/http/http_server.h"

enum { NAMES_MOST = 64 }; /* settings that differ */

/* Whether a changed setting is in effect now; `kept` is one that the service could not take over. */
static bool is_reloaded(const struct tern_app *app, const char *name, const char *kept)
{
    static const char *const own[] = {"LOG_LEVEL", "ADMIN_TOKEN"};
    for (size_t i = 0; i < TERN_COUNT(own); i++)
        if (strcmp(own[i], name) == 0) return true;
    if (kept && strcmp(kept, name) == 0) return false;
    for (const char *const *at = app->service->reloads; at && *at; at++)
        if (strcmp(*at, name) == 0) return true;
    return false;
}

static void add_name(struct tern_text *list, const char *name)
{
    tern_text_printf(list, list->length > 0 ? ",%s" : "%s", name);
}

static void tell(struct tern_app *app, const struct tern_config *before, const struct tern_config *now,
                 bool other_token, const char *kept)
{
    const char *names[NAMES_MOST];
    struct tern_text changed = {0}, later = {0};
    size_t count = tern_config_changes(before, now, names, NAMES_MOST);
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], "ADMIN_TOKEN") != 0)
            add_name(is_reloaded(app, names[i], kept) ? &changed : &later, names[i]);
    if (other_token) add_name(&changed, "ADMIN_TOKEN"); /* by its value: it may have come from the file */
    tern_log_info(app->log, "settings reloaded", TERN_STR("changed", changed.bytes ? changed.bytes : "none"),
                  TERN_STR("needRestart", later.bytes));
    tern_text_fini(&changed);
    tern_text_fini(&later);
}

int tern_app_reload(struct tern_app *app, const struct tern_config *before, const struct tern_config *now,
                    struct tern_error *err)
{
    char token[TERN_ADMIN_TOKEN_SIZE];
    enum tern_log_level level = TERN_LOG_INFO;
    const char *kept = NULL;
    (void)tern_log_level_parse(tern_config_text(now, "LOG_LEVEL"), &level);
    if (tern_app_admin_token(app, now, token, err) < 0) return -1;
    if (app->service->reload && app->service->reload(app->self, now, &kept, err) < 0) return -1;
    bool other_token = tern_http_replace_admin_token(app->http, token);
    if (token[0] != '\0') atomic_store(&app->admin_closed, false);
    explicit_bzero(token, sizeof token);
    if (level >= TERN_LOG_INFO) tern_log_set_level(app->log, level);
    tell(app, before, now, other_token, kept); /* under whichever level shows it */
    tern_log_set_level(app->log, level);
    return 0;
}
