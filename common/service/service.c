/* service.c - main of every daemon: command line, settings, signals, exit codes.
 *
 * SIGTERM and SIGINT drain; a second one stops at once (128 + signal). SIGHUP drains when the terminal that the daemon
 * was started on is gone, but never stops at once, because it tends to come twice then; otherwise it reloads the
 * settings (logrotate, systemctl reload). A daemon that was started with SIGHUP ignored (nohup) goes on ignoring it.
 * SIGPIPE is ignored. Only the main thread takes signals: every other thread starts with them blocked. */
#include "tern/service.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "app.h"
#include "common/base/config_read.h"
#include "common/base/log_setup.h"
#include "common/http/http_server.h"
#include "common/store/store.h"
#include "settings.h"
#include "tern/version.h"

enum {
    EXIT_USAGE = 2,
    EXIT_BAD_CONFIG = 78, /* EX_CONFIG of sysexits.h */
    PROBE_MS = 3000,      /* --healthcheck */
    DESCRIPTORS_WANTED = 16384
};

/* What the daemon was started with; a reload reads it again. */
struct invocation {
    const struct tern_service *service;
    const struct tern_config_key *const *tables; /* ends with NULL */
    int argc;
    char **argv;
    const struct tern_config *config; /* as read at the start */
};

/* Prints and frees the text. */
static int print(struct tern_text *text, FILE *stream)
{
    if (text->bytes) (void)fputs(text->bytes, stream);
    tern_text_fini(text);
    return 0;
}

static int print_version(const struct tern_service *service)
{
    printf("%s %s (%s)\n%s, %s, cJSON %s, %s", service->name, TERN_VERSION, TERN_REVISION, tern_amqp_version(),
           tern_http_version(), tern_json_version(), tern_db_version());
    if (service->library) printf(", %s", service->library());
    (void)puts("");
    if (tern_db_version_warning()) printf("%s\n", tern_db_version_warning());
    return 0;
}

/* --healthcheck: asks the running daemon for /readyz, for container engines without curl. */
static int healthcheck(const struct tern_config *config)
{
    struct tern_error err = {0};
    const char *address = tern_config_text(config, "HTTP_ADDR");
    bool any = strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
    int status = tern_http_probe(any ? "127.0.0.1" : address, (uint16_t)tern_config_number(config, "PORT"), "/readyz",
                                 PROBE_MS, &err);
    if (status == 200) return 0;
    if (status < 0)
        (void)fprintf(stderr, "%s\n", err.text);
    else
        (void)fprintf(stderr, "/readyz answered %d\n", status);
    return 1;
}

/* Adds every fault that can be found without a connection or a store; what is only unwise becomes a line of `log`. */
static void find_faults(const struct tern_service *service, const struct tern_config *config, struct tern_log *log,
                        struct tern_text *faults)
{
    struct tern_error err = {0};
    void *self = NULL;
    (void)tern_settings_check(config, faults);
    if (service->open && service->open(config, log, &self, &err) < 0)
        tern_text_printf(faults, "%s\n", err.text);
    else if (service->close)
        service->close(self);
}

/* --check-config */
static int check(const struct tern_service *service, const struct tern_config *config)
{
    struct tern_text faults = {0};
    struct tern_log *log =
        tern_log_create(service->name, TERN_LOG_WARN, TERN_LOG_AUTO, STDERR_FILENO, &tern_clock_system);
    find_faults(service, config, log, &faults);
    tern_log_destroy(log);
    if (faults.length == 0) (void)puts("the configuration is good");
    int status = faults.length == 0 ? 0 : EXIT_BAD_CONFIG;
    (void)print(&faults, stderr);
    return status;
}

/* A handler: _exit is one of the few calls that are safe in it. */
static void stop_at_once(int number)
{
    _exit(128 + number);
}

/* Before any thread is started: threads inherit the mask. */
static void block_signals(sigset_t *ret_set)
{
    struct sigaction hangup;
    bool ignored = sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler == SIG_IGN; /* nohup */
    (void)signal(SIGPIPE, SIG_IGN);
    sigemptyset(ret_set);
    sigaddset(ret_set, SIGTERM);
    sigaddset(ret_set, SIGINT);
    if (!ignored) sigaddset(ret_set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, ret_set, NULL);
}

/* The usual 1024 descriptors are fewer than the HTTP connections and gateway calls that a daemon may hold. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= DESCRIPTORS_WANTED) return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* a failure only means fewer */
}

/* When a daemon is started with 0, 1 or 2 closed, the first file that it opens would get that number: log lines would
 * be written into the store. */
static void open_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR); /* gets the lowest free number; inherited, as the three are */
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO) (void)close(fd);
}

/* ---- signals while it runs ---- */

/* /dev/tty can be opened as long as the process has its controlling terminal (tty(4)). */
static bool has_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0) (void)close(fd);
    return fd >= 0;
}

/* Reads everything again, also the files that settings name. `*latest` is the configuration taken over last; NULL:
 * none. */
static void reload(struct tern_app *app, const struct invocation *invocation, struct tern_config **latest)
{
    const struct tern_config *before = *latest ? *latest : invocation->config;
    enum tern_config_action action;
    struct tern_text faults = {0};
    struct tern_error err = {0};
    bool usage;
    struct tern_config *now =
        tern_config_read(invocation->tables, invocation->argc, invocation->argv, environ, &action, &faults, &usage);
    if (now) find_faults(invocation->service, now, NULL, &faults);
    if (now && faults.length == 0 && tern_app_reload(app, before, now, &err) < 0) tern_text_add(&faults, err.text);
    if (faults.length > 0) {
        char *rest = faults.bytes;
        for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
            if (line[0] != '\0')
                tern_log_error(app->log, "the settings are at fault: the old ones stay", TERN_STR("err", line));
        tern_config_destroy(now);
    } else {
        tern_config_destroy(*latest);
        *latest = now;
    }
    tern_text_fini(&faults);
}

/* Returns when it is time to stop. Once a second it checks the store's files: nothing else does while there is nothing
 * to commit. A shell that ends sends SIGHUP before its terminal is gone, so the terminal is checked once more a second
 * later. */
static void serve_signals(struct tern_app *app, const sigset_t *set, const struct invocation *invocation,
                          bool had_terminal)
{
    static const struct timespec second = {.tv_sec = 1};
    struct tern_config *latest = NULL;
    bool hung_up = false;
    for (;;) {
        int number = sigtimedwait(set, NULL, &second);
        if (number < 0 && errno != EAGAIN) continue;
        if (number == SIGTERM || number == SIGINT) break;
        if (had_terminal && (number == SIGHUP || hung_up) && !has_terminal()) break;
        if (number == SIGHUP)
            reload(app, invocation, &latest);
        else
            tern_app_check_store(app);
        hung_up = number == SIGHUP;
    }
    tern_config_destroy(latest);
}

static int run(const struct invocation *invocation)
{
    static struct tern_app app; /* large; one per process */
    struct tern_error err = {0};
    sigset_t set;
    bool had_terminal = has_terminal();
    block_signals(&set);
    raise_descriptor_limit();
    int status = tern_app_start(&app, invocation->service, invocation->config, &err);
    if (status == 0) {
        serve_signals(&app, &set, invocation, had_terminal);
        /* While it drains, a second signal stops it at once. */
        (void)signal(SIGTERM, stop_at_once);
        (void)signal(SIGINT, stop_at_once);
        sigdelset(&set, SIGHUP);
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    }
    tern_app_stop(&app);
    return status;
}

/* --rebuild-projections, --replay-to: the store is this process's, and nothing runs but what the act needs. */
static int act_once(const struct invocation *invocation, int (*act)(struct tern_app *app))
{
    static const struct tern_app_seams machine = {.clock = &tern_clock_system, .log_fd = STDERR_FILENO};
    static struct tern_app app;
    struct tern_error err = {0};
    int status = tern_app_build(&app, invocation->service, invocation->config, &machine, &err);
    if (status == 0)
        status = act(&app);
    else
        (void)fprintf(stderr, "%s\n", err.text);
    tern_app_stop(&app);
    return status;
}

static int act(const struct invocation *invocation, enum tern_config_action action)
{
    const struct tern_service *service = invocation->service;
    const struct tern_config *config = invocation->config;
    struct tern_text out = {0};
    switch (action) {
    case TERN_ACTION_HELP:
        tern_config_help(invocation->tables, service->name, service->purpose, &out);
        return print(&out, stdout);
    case TERN_ACTION_VERSION: return print_version(service);
    case TERN_ACTION_CHECK: return check(service, config);
    case TERN_ACTION_PRINT: tern_config_print(config, &out); return print(&out, stdout);
    case TERN_ACTION_HEALTHCHECK: return healthcheck(config);
    case TERN_ACTION_RUN:
    case TERN_ACTION_REBUILD: break;
    }
    if (tern_settings_check(config, &out)) {
        if (action == TERN_ACTION_REBUILD) return act_once(invocation, tern_app_rebuild);
        if (tern_config_text(config, "REPLAY_TO")[0]) return act_once(invocation, tern_app_replay);
        return run(invocation);
    }
    (void)print(&out, stderr);
    return EXIT_BAD_CONFIG;
}

int tern_service_main(const struct tern_service *service, int argc, char **argv)
{
    open_standard_descriptors();
    const struct tern_config_key *const tables[] = {tern_common_settings, service->config, NULL};
    enum tern_config_action action = TERN_ACTION_RUN;
    struct tern_text faults = {0};
    bool usage = false;
    struct tern_config *config = tern_config_read(tables, argc, argv, environ, &action, &faults, &usage);
    if (config && faults.length > 0) find_faults(service, config, NULL, &faults); /* all at once */
    if (!config || faults.length > 0) {
        tern_config_destroy(config);
        (void)print(&faults, stderr);
        return usage ? EXIT_USAGE : EXIT_BAD_CONFIG;
    }
    tern_text_fini(&faults);
    const struct invocation invocation = {service, tables, argc, argv, config};
    int status = act(&invocation, action);
    tern_config_destroy(config);
    return status;
}
