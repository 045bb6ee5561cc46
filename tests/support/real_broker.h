/* real_broker.h - a private RabbitMQ for one test program, by scripts/broker.sh: started, stopped, killed, asked.
 *
 * It lives in a folder of its own and dies with the test, whatever way that goes. Where RabbitMQ is not installed the
 * program ends with 77, which ctest counts as skipped. */
#ifndef TERN_TEST_REAL_BROKER_H
#define TERN_TEST_REAL_BROKER_H

#include <stddef.h>

#include "folder.h"

struct real_broker {
    char folder[TEST_FOLDER_SIZE]; /* empty: there is none */
    char url[128];
};

/* Starts it and waits until it serves; again on the same value: the same address and the same data. */
void real_broker_start(struct real_broker *broker);
/* scripts/broker.sh with these words: "stop", "kill", "ctl stop_app". What it prints, NUL-terminated, or NULL; fails the
 * program when it does. */
void real_broker_do(const struct real_broker *broker, const char *words, char *ret_output, size_t size);
/* Ends it and removes its folder. */
void real_broker_end(struct real_broker *broker);

#endif
