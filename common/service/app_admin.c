/* app_admin.c - which token opens the admin calls: ADMIN_TOKEN, or the one in <store>.token, which is made when
 * missing.
 *
 * Asked at the start, and again at a reload (there is an HTTP server by then). The log names the file, never the
 * token. A file that must not be used does not stop a service from starting: its admin calls are closed, and /readyz
 * says so. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "common/store/store.h"

/* Group bits that a volume forces on all files, or a partial copy: for the operator to repair, while orders are
 * accepted. */
static int run_closed(struct tern_app *app, const struct tern_error *err)
{
    tern_log_error(
        app->log,
        "the admin token must not be used: the admin calls are closed until its file is mended and SIGHUP sent, or "
        "ADMIN_TOKEN is set and the service started again",
        TERN_STR("err", err->text));
    atomic_store(&app->admin_closed, true);
    return 0;
}

/* The token of the file. At a reload a file that cannot be used is an error: the token in use stays. */
static int load_kept(struct tern_app *app, const char *path, char ret_token[TERN_ADMIN_TOKEN_SIZE],
                     struct tern_error *err)
{
    int found = tern_admin_token_read(path, ret_token, err);
    if (found > 0 && !app->http) tern_log_info(app->log, "the admin token is in a file", TERN_STR("file", path));
    if (found > 0) return 0;
    if (found < 0) return app->http ? -1 : run_closed(app, err);
    if (tern_admin_token_make(path, ret_token, err) == 0)
        tern_log_info(app->log, "an admin token was made", TERN_STR("file", path));
    else if (app->http)
        return -1;
    else /* a full disk must not stop a service from starting */
        tern_log_warn(app->log, "no admin token can be kept: the admin calls are closed", TERN_STR("err", err->text));
    return 0;
}

int tern_app_admin_token(struct tern_app *app, const struct tern_config *config, char ret_token[TERN_ADMIN_TOKEN_SIZE],
                         struct tern_error *err)
{
    char path[PATH_MAX];
    const char *store = tern_db_path(app->db), *configured = tern_config_text(config, "ADMIN_TOKEN");
    memset(ret_token, 0, TERN_ADMIN_TOKEN_SIZE);
    if (tern_copy(ret_token, TERN_ADMIN_TOKEN_SIZE, configured) < 0)
        return tern_error_set(err, "ADMIN_TOKEN is longer than %d characters", TERN_ADMIN_TOKEN_MOST);
    if (configured[0] != '\0') return 0;
    if (!store) {
        if (!app->http)
            tern_log_warn(app->log, "a store in memory keeps no admin token: the admin calls are closed", TERN_LOG_END);
        return 0;
    }
    if (snprintf(path, sizeof path, "%s.token", store) >= (int)sizeof path)
        return tern_error_set(err, "the name of the store's admin token is too long");
    return load_kept(app, path, ret_token, err);
}
