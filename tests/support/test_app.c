/* test_app.c - a service as it runs in a daemon, but for the broker. */
#include "test_app.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/config_read.h"
#include "common/service/settings.h"
#include "tern_test.h"

enum { SETTINGS_MAX = 4, SETTING_SIZE = 192 };

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

static struct tern_config *read_settings(const struct tern_service *service, char (*lines)[SETTING_SIZE], size_t count)
{
    const struct tern_config_key *const tables[] = {tern_common_settings, service->config, NULL};
    char *environment[SETTINGS_MAX + 5] = {NULL};
    char program[] = "service", *arguments[] = {program, NULL};
    enum tern_config_action action;
    struct tern_text faults = {0};
    bool usage;
    for (size_t i = 0; i < count; i++)
        environment[i] = lines[i];
    struct tern_config *config = tern_config_read(tables, 1, arguments, environment, &action, &faults, &usage);
    bool good = config && faults.length == 0;
    if (!good) print_error("%s", faults.bytes);
    tern_text_fini(&faults);
    assert_true(good);
    return config;
}

static size_t add_settings(char (*lines)[SETTING_SIZE], size_t count, const char *const *settings)
{
    for (size_t i = 0; settings && settings[i]; i++) {
        assert_true(i < SETTINGS_MAX);
        (void)snprintf(lines[count++], SETTING_SIZE, "%s", settings[i]);
    }
    return count;
}

struct tern_config *test_app_settings(const struct tern_service *service, const char *const *settings)
{
    char lines[SETTINGS_MAX][SETTING_SIZE];
    return read_settings(service, lines, add_settings(lines, 0, settings));
}

int test_app_start(struct test_app *test, const struct tern_service *service, const char *const *settings,
                   struct tern_error *err)
{
    char lines[SETTINGS_MAX + 4][SETTING_SIZE];
    if (!test->folder[0]) {
        strcpy(test->folder, "/tmp/test-app-XXXXXX");
        assert_non_null(mkdtemp(test->folder));
    }
    test->port = free_port();
    size_t count = add_settings(lines, 0, settings); /* the first of a name counts */
    (void)snprintf(lines[count++], SETTING_SIZE, "PORT=%u", test->port);
    (void)snprintf(lines[count++], SETTING_SIZE, "DATABASE_URL=sqlite:%s/store.db", test->folder);
    strcpy(lines[count++], "AMQP_URL=amqp://127.0.0.1:1/");
    strcpy(lines[count++], "LOG_LEVEL=error");
    test->config = read_settings(service, lines, count);
    int status = tern_app_start(&test->app, service, test->config, err);
    atomic_store(&test->app.links.owned_once, true); /* there is no broker whose queue it could own */
    if (status == 0) tern_job_worker_wake(test->app.worker);
    return status;
}

void test_app_remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        (void)unlinkat(dirfd(folder), entry->d_name, 0); /* . and .. refuse by themselves */
    if (folder) (void)closedir(folder);
    (void)rmdir(path);
}

void test_app_stop(struct test_app *test)
{
    tern_app_stop(&test->app);
    tern_config_destroy(test->config);
    test_app_remove_folder(test->folder);
    test->folder[0] = '\0';
}

void test_app_ask(const struct test_app *test, const char *method, const char *path, const char *headers,
                  const char *body, struct raw_answer *ret_answer)
{
    struct tern_text text = {0};
    tern_text_printf(&text, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s", method, path, headers);
    if (body) tern_text_printf(&text, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    tern_text_printf(&text, "\r\n%s", body ? body : "");
    raw_http_ask(test->port, text.bytes, ret_answer);
    tern_text_fini(&text);
}

void test_app_answers(const struct test_app *test, const char *method, const char *path, const char *headers,
                      const char *body, int status, const char *contains)
{
    struct raw_answer answer;
    test_app_ask(test, method, path, headers, body, &answer);
    if (answer.status != status || !strstr(answer.text, contains))
        fail_msg("%s %s: not %d with %s but:\n%s", method, path, status, contains, answer.text);
    raw_answer_fini(&answer);
}
