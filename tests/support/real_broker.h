/* real_broker.h - a private RabbitMQ for one test program, by scripts/broker.sh: started, stopped, killed, asked.
 *
 * It lives in a folder of its own and dies with the test, whatever way that goes. Where RabbitMQ is not installed the
 * program ends with 77, which ctest counts as skipped. */
#ifndef TERN_TEST_REAL_BROKER_H
#define TERN_TEST_REAL_BROKER_H

#include "folder.h"

struct real_broker {
    char folder[TEST_FOLDER_SIZE];
    char url[128];
};

/* Starts it and waits until it serves; again on the same value: the same address and the same data. */
void real_broker_start(struct real_broker *broker);
void real_broker_kill(struct real_broker *broker); /* kill -9; the data stays */
/* Ends it and removes its folder. */
void real_broker_end(struct real_broker *broker);
/* rabbitmqctl with these words; fails the program when it does. */
void real_broker_ctl(const struct real_broker *broker, const char *words);

#endif
