/* service.c - main of every daemon: command line, settings, signals, exit codes.
 *
 * SIGTERM and SIGINT drain; a second one stops at once (128 + signal). SIGHUP, the terminal that is closed, drains too,
 * and as it tends to come twice, never at once; whoever was started with it ignored (nohup) goes on ignoring it. SIGPIPE
 * is ignored. Signals are taken by the main thread alone: every other thread starts with them blocked. */
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
#include "settings.h"
#include "tern/version.h"

enum { EXIT_USAGE = 2, EXIT_BAD_CONFIG = 78, PROBE_MS = 3000, DESCRIPTORS_WANTED = 16384 };

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

/* --healthcheck: asks the running daemon, for container engines. */
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

/* Every fault that can be found without opening anything but files; what is only unwise is a line of `log`. */
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

static void stop_at_once(int number)
{
    _exit(128 + number);
}

static bool is_ignored(int number)
{
    struct sigaction now;
    return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static void block_signals(sigset_t *ret_set)
{
    (void)signal(SIGPIPE, SIG_IGN);
    sigemptyset(ret_set);
    sigaddset(ret_set, SIGTERM);
    sigaddset(ret_set, SIGINT);
    if (!is_ignored(SIGHUP)) sigaddset(ret_set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, ret_set, NULL);
}

/* A shell's usual 1024 descriptors are fewer than the connections and calls that a daemon may hold. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= DESCRIPTORS_WANTED) return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* without it there are just fewer */
}

/* What is opened first must not become somebody's standard error: log lines would be written over it. */
static void open_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR); /* the lowest number that is free; meant to be inherited, like the others */
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO) (void)close(fd);
}

/* Nobody else looks at the store's files while there is nothing to commit. */
static void await_signal(struct tern_app *app, const sigset_t *set)
{
    const struct timespec second = {.tv_sec = 1};
    while (sigtimedwait(set, NULL, &second) < 0)
        if (errno == EAGAIN) tern_app_check_store(app);
}

static int run(const struct tern_service *service, const struct tern_config *config)
{
    static struct tern_app app; /* large; one per process */
    struct tern_error err = {0};
    sigset_t set;
    block_signals(&set);
    raise_descriptor_limit();
    int status = tern_app_start(&app, service, config, &err);
    if (status == 0) {
        await_signal(&app, &set);
        (void)signal(SIGTERM, stop_at_once);
        (void)signal(SIGINT, stop_at_once);
        sigdelset(&set, SIGHUP);
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    }
    tern_app_stop(&app);
    return status;
}

static int act(const struct tern_service *service, const struct tern_config_key *const *tables,
               const struct tern_config *config, enum tern_config_wish wish)
{
    struct tern_text out = {0};
    switch (wish) {
    case TERN_WISH_HELP: tern_config_help(tables, service->name, service->purpose, &out); return print(&out, stdout);
    case TERN_WISH_VERSION: return print_version(service);
    case TERN_WISH_CHECK: return check(service, config);
    case TERN_WISH_PRINT: tern_config_print(config, &out); return print(&out, stdout);
    case TERN_WISH_HEALTHCHECK: return healthcheck(config);
    case TERN_WISH_RUN: break;
    }
    if (tern_settings_check(config, &out)) return run(service, config);
    (void)print(&out, stderr);
    return EXIT_BAD_CONFIG;
}

int tern_service_main(const struct tern_service *service, int argc, char **argv)
{
    open_standard_descriptors();
    const struct tern_config_key *const tables[] = {tern_common_settings, service->config, NULL};
    enum tern_config_wish wish = TERN_WISH_RUN;
    struct tern_text faults = {0};
    bool usage = false;
    struct tern_config *config = tern_config_read(tables, argc, argv, environ, &wish, &faults, &usage);
    if (config && faults.length > 0) find_faults(service, config, NULL, &faults); /* all at once */
    if (!config || faults.length > 0) {
        tern_config_destroy(config);
        (void)print(&faults, stderr);
        return usage ? EXIT_USAGE : EXIT_BAD_CONFIG;
    }
    tern_text_fini(&faults);
    int status = act(service, tables, config, wish);
    tern_config_destroy(config);
    return status;
}
