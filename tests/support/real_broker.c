/* real_broker.c - runs scripts/broker.sh as a command; any failure ends the test program with a sentence. */
#include "real_broker.h"

#include "tern/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SKIPPED = 77 };

/* Runs the script; the first line that it prints goes to `line` (may be NULL). */
static void run(const struct real_broker *broker, const char *verb, const char *words, char *line, size_t size)
{
    char command[512], output[256] = "";
    (void)snprintf(command, sizeof command, "%s/scripts/broker.sh %s %s %s", TERN_SOURCE_DIR, verb, broker->folder,
                   words);
    FILE *pipe = popen(command, "r"); /* NOLINT(cert-env33-c): our own script, with our own words */
    TERN_ASSERT(pipe != NULL, "a command can be run");
    while (fgets(output, sizeof output, pipe) != NULL)
        if (line != NULL && line[0] == '\0') (void)snprintf(line, size, "%.*s", (int)strcspn(output, "\n"), output);
    int status = pclose(pipe);
    if (status == 0) return;
    (void)fprintf(stderr, "failed: %s\n", command);
    exit(EXIT_FAILURE);
}

void real_broker_start(struct real_broker *broker)
{
    char words[64];
    if (access("/usr/lib/rabbitmq/bin/rabbitmq-server", X_OK) != 0) {
        (void)fprintf(stderr, "RabbitMQ is not installed: scripts/install.sh broker\n");
        exit(SKIPPED);
    }
    if (broker->folder[0] == '\0') {
        test_folder_make("broker", broker->folder);
    }
    broker->url[0] = '\0';
    (void)snprintf(words, sizeof words, "--owner %ld", (long)getpid());
    run(broker, "start", words, broker->url, sizeof broker->url);
}

void real_broker_kill(struct real_broker *broker)
{
    run(broker, "kill", "", NULL, 0);
}

void real_broker_end(struct real_broker *broker)
{
    real_broker_kill(broker);
    test_folder_remove(broker->folder);
}

void real_broker_ctl(const struct real_broker *broker, const char *words)
{
    run(broker, "ctl", words, NULL, 0);
}
