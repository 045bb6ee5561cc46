/* real_broker.c - runs scripts/broker.sh as a command; any failure ends the test program with a sentence. */
#include "real_broker.h"

#include "tern/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SKIPPED = 77 };

void real_broker_do(const struct real_broker *broker, const char *words, char *ret_output, size_t size)
{
    char command[512], output[16384];
    int verb = (int)strcspn(words, " ");
    (void)snprintf(command, sizeof command, "%s/scripts/broker.sh %.*s %s %s </dev/null 2>&1", TERN_SOURCE_DIR, verb,
                   words, broker->folder, words + verb);
    FILE *pipe = popen(command, "r"); /* NOLINT(cert-env33-c): our own script, with our own words */
    TERN_ASSERT(pipe != NULL, "a command can be run");
    size_t got = fread(output, 1, sizeof output - 1, pipe);
    output[got] = '\0';
    if (pclose(pipe) != 0) {
        (void)fprintf(stderr, "failed: %s\n%s", command, output);
        exit(EXIT_FAILURE);
    }
    if (ret_output) (void)snprintf(ret_output, size, "%s", output);
}

void real_broker_start(struct real_broker *broker)
{
    char words[64];
    if (access("/usr/lib/rabbitmq/bin/rabbitmq-server", X_OK) != 0) {
        (void)fprintf(stderr, "RabbitMQ is not installed: scripts/install.sh broker\n");
        exit(SKIPPED);
    }
    if (broker->folder[0] == '\0') test_folder_make("broker", broker->folder);
    (void)snprintf(words, sizeof words, "start --owner %ld", (long)getpid());
    real_broker_do(broker, words, NULL, 0);
    real_broker_do(broker, "url", broker->url, sizeof broker->url);
    broker->url[strcspn(broker->url, "\n")] = '\0';
}

void real_broker_end(struct real_broker *broker)
{
    if (broker->folder[0] == '\0') return;
    real_broker_do(broker, "kill", NULL, 0);
    test_folder_remove(broker->folder);
    broker->folder[0] = '\0';
}
