/* test_app.h - for unit tests: a whole service in this process, on a store in a folder of its own, without a broker.
 *
 * There is nothing at its broker's address, so each answer also shows what works while the broker is away. */
#ifndef TERN_TEST_APP_H
#define TERN_TEST_APP_H

#include "common/service/app.h"
#include "raw_http.h"

struct test_app {
    struct tern_app app;
    struct tern_config *config;
    uint16_t port;
    char folder[64];
};

/* What tern_app_start answered; `settings` are NAME=value, up to four of them (NULL ends). */
int test_app_start(struct test_app *test, const struct tern_service *service, const char *const *settings,
                   struct tern_error *err);
/* Stops, and removes the folder. */
void test_app_stop(struct test_app *test);
/* The settings alone, as a service reads them. tern_config_destroy gives them back. */
struct tern_config *test_app_settings(const struct tern_service *service, const char *const *settings);
void test_app_remove_folder(const char *path);

/* `headers` are whole lines or ""; `body` is JSON, or NULL. The answer is the caller's: raw_answer_fini. */
void test_app_ask(const struct test_app *test, const char *method, const char *path, const char *headers,
                  const char *body, struct raw_answer *ret_answer);
/* Asks, and the answer must have this status and contain this text. */
void test_app_answers(const struct test_app *test, const char *method, const char *path, const char *headers,
                      const char *body, int status, const char *contains);

#endif
