/* suite_gateway.c - starts, kills and asks tests/gateway/gateway.py. */
#include "suite_gateway.h"

#include "tern_test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_PATIENCE_S = 30 };

/* In the child. Never returns. */
static void become_gateway(const struct suite_gateway *gateway)
{
    char program[256], port[16], port_file[96], ledger[96], log_path[96];
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)snprintf(program, sizeof program, "%s/tests/gateway/gateway.py", TERN_SOURCE_DIR);
    (void)snprintf(port, sizeof port, "%u", gateway->port);
    (void)snprintf(port_file, sizeof port_file, "%s/gateway.port", gateway->folder);
    (void)snprintf(ledger, sizeof ledger, "%s/gateway.ledger", gateway->folder);
    (void)snprintf(log_path, sizeof log_path, "%s/gateway.log", gateway->folder);
    int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    (void)dup2(log, STDOUT_FILENO);
    (void)dup2(log, STDERR_FILENO);
    (void)execlp("python3", "python3", program, "--port", port, "--port-file", port_file, "--ledger", ledger, "--key",
                 SUITE_GATEWAY_KEY, (char *)NULL);
    _exit(127);
}

static bool says_its_port(void *self)
{
    struct suite_gateway *gateway = self;
    char path[96], text[16] = "";
    (void)snprintf(path, sizeof path, "%s/gateway.port", gateway->folder);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    bool got = fgets(text, sizeof text, file) != NULL;
    (void)fclose(file);
    gateway->port = (uint16_t)strtoul(text, NULL, 10);
    return got;
}

void suite_gateway_start(struct suite_gateway *gateway, const struct suite *suite)
{
    char path[96];
    assert_int_equal(gateway->pid, 0);
    strcpy(gateway->folder, suite->folder);
    (void)snprintf(path, sizeof path, "%s/gateway.port", gateway->folder);
    (void)unlink(path);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) become_gateway(gateway);
    gateway->pid = pid;
    if (!suite_wait(START_PATIENCE_S, says_its_port, gateway)) fail_msg("the gateway does not listen");
    (void)snprintf(gateway->url, sizeof gateway->url, "http://127.0.0.1:%u", gateway->port);
}

void suite_gateway_kill(struct suite_gateway *gateway)
{
    if (!gateway->pid) return;
    assert_int_equal(kill(gateway->pid, SIGKILL), 0);
    assert_int_equal(waitpid(gateway->pid, NULL, 0), gateway->pid);
    gateway->pid = 0;
}

void suite_gateway_ask(struct suite_gateway *gateway, const char *path, const char *body, struct raw_answer *ret_answer)
{
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
                   body[0] ? "POST" : "GET", path, strlen(body), body);
    raw_http_ask(gateway->port, text, ret_answer);
    if (ret_answer->status != 200) fail_msg("the gateway answers %d to %s %s", ret_answer->status, path, body);
}

void suite_gateway_fault(struct suite_gateway *gateway, const char *faults)
{
    struct raw_answer answer;
    suite_gateway_ask(gateway, "/faults", faults, &answer);
    raw_answer_fini(&answer);
}

int suite_gateway_requests(struct suite_gateway *gateway, const char *call)
{
    struct raw_answer answer;
    char value[32], spaced[64];
    suite_gateway_ask(gateway, "/requests", "", &answer);
    (void)snprintf(spaced, sizeof spaced, "\"%s\": ", call);
    const char *at = strstr(answer.body, spaced);
    assert_non_null(at);
    (void)snprintf(value, sizeof value, "%s", at + strlen(spaced));
    raw_answer_fini(&answer);
    return (int)strtol(value, NULL, 10);
}

int suite_gateway_entries(const struct suite_gateway *gateway, const char *what, const char *order_id)
{
    char path[96], line[8192], kind[64], order[96];
    int count = 0;
    (void)snprintf(path, sizeof path, "%s/gateway.ledger", gateway->folder);
    (void)snprintf(kind, sizeof kind, "{\"what\": \"%s\",", what);
    (void)snprintf(order, sizeof order, "\"orderId\": \"%s%s", order_id, order_id[0] ? "\"" : "");
    FILE *ledger = fopen(path, "re");
    assert_non_null(ledger);
    while (fgets(line, sizeof line, ledger))
        count += strncmp(line, kind, strlen(kind)) == 0 && strstr(line, order);
    (void)fclose(ledger);
    return count;
}
