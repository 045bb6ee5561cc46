/* order_api.c - the whole order-service in the test's process, asked over a real socket. */
#include "order_api.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/config_read.h"
#include "common/service/settings.h"
#include "services/order/order_service.h"

static struct {
    struct tern_app app;
    struct tern_config *config;
    uint16_t port;
    char folder[64];
} shop;

/* ---- the service ------------------------------------------------------------------------------------------- */

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

int order_api_start(void **state)
{
    const struct tern_config_key *const tables[] = {tern_common_settings, order_service.config, NULL};
    char port[32], store[128], program[] = "order-service";
    char broker[] = "AMQP_URL=amqp://127.0.0.1:1/", quiet[] = "LOG_LEVEL=error";
    char *environment[] = {port, store, broker, quiet, NULL};
    char *arguments[] = {program, NULL};
    enum tern_config_action action;
    struct tern_text faults = {0};
    struct tern_error err = {0};
    bool usage;

    (void)state;
    (void)snprintf(shop.folder, sizeof shop.folder, "/tmp/test-order-XXXXXX");
    if (mkdtemp(shop.folder) == NULL) return -1;
    shop.port = free_port();
    (void)snprintf(port, sizeof port, "PORT=%u", shop.port);
    (void)snprintf(store, sizeof store, "DATABASE_URL=sqlite:%s/order.db", shop.folder);
    shop.config = tern_config_read(tables, 1, arguments, environment, &action, &faults, &usage);
    if (shop.config == NULL || faults.length > 0) return -1;
    if (tern_app_start(&shop.app, &order_service, shop.config, &err) == 0) {
        atomic_store(&shop.app.links.owned_once, true); /* there is no broker whose queue it could own */
        return 0;
    }
    print_error("%s\n", err.text);
    return -1;
}

static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL)
        (void)unlinkat(dirfd(folder), entry->d_name, 0); /* . and .. refuse by themselves */
    if (folder != NULL) (void)closedir(folder);
    (void)rmdir(path);
}

int order_api_stop(void **state)
{
    (void)state;
    tern_app_stop(&shop.app);
    tern_config_destroy(shop.config);
    remove_folder(shop.folder);
    return 0;
}

struct tern_app *order_api_app(void)
{
    return &shop.app;
}

/* ---- asking ------------------------------------------------------------------------------------------------ */

void order_api_ask(struct raw_answer *answer, const char *method, const char *path, const char *headers,
                   const char *body)
{
    struct tern_text text = {0};

    tern_text_printf(&text, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s", method, path, headers);
    if (body) tern_text_printf(&text, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    tern_text_printf(&text, "\r\n%s", body ? body : "");
    raw_http_ask(shop.port, text.bytes, answer);
    tern_text_fini(&text);
}

/* Asks, and the answer must have this status and contain this text. */
void order_api_answers(const char *method, const char *path, const char *headers, const char *body, int status,
                       const char *contains)
{
    struct raw_answer answer;

    order_api_ask(&answer, method, path, headers, body);
    if (answer.status != status || strstr(answer.text, contains) == NULL)
        fail_msg("%s %s: not %d with %s but:\n%s", method, path, status, contains, answer.text);
    raw_answer_fini(&answer);
}

/* The string member `name` of a JSON text, as this service writes it. */
void order_api_member(const char *json, const char *name, char *target, size_t size)
{
    char start[64];
    const char *at;

    (void)snprintf(start, sizeof start, "\"%s\":\"", name);
    at = strstr(json, start);
    assert_non_null(at);
    at += strlen(start);
    assert_true(strcspn(at, "\"") < size);
    (void)snprintf(target, size, "%.*s", (int)strcspn(at, "\""), at);
}

void order_api_place(char order_id[TERN_ID_SIZE])
{
    struct raw_answer answer;

    order_api_ask(&answer, "POST", "/orders", "", ORDER_API_GOOD);
    assert_int_equal(answer.status, 201);
    order_api_member(answer.body, "orderId", order_id, TERN_ID_SIZE);
    raw_answer_fini(&answer);
}

const char *order_api_path(const char *order_id, const char *rest)
{
    static char path[128];

    (void)snprintf(path, sizeof path, "/orders/%s%s", order_id, rest);
    return path;
}
