/* test_amqp_tls.c - amqps: who is believed, who is not, and that messages flow both ways. */
#include "common/amqp/amqp.h"
#include "fake_broker.h"
#include "folder.h"
#include "tern_test.h"
#include "tls_front.h"
#include "wait_for.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGES = 200, BODY = 3000 };

struct world {
    char folder[TEST_FOLDER_SIZE], ca_file[96], other_ca_file[96], url[128];
    struct fake_broker *broker;
    struct tls_front *front;
    struct tern_amqp *link;
    pthread_t thread;
    pthread_mutex_t mutex;
    /* Under the mutex. */
    int ready, lost, published, delivered, logins;
    uint64_t confirmed;
    char why[256];
};

static void echo_messages(struct fake_session *session, void *self)
{
    struct fake_frame frame;
    struct world *world = self;
    char body[BODY];
    memset(body, 'b', sizeof body);
    if (!fake_login(session, NULL, NULL)) return;
    TEST_NOTE(&world->mutex, world->logins++);
    for (uint64_t sequence = 1; fake_wait(session, FAKE_PUBLISH, &frame); sequence++) {
        fake_deliver(session, sequence, "OrderPlaced", body, sizeof body);
        fake_confirm(session, sequence, false, true);
    }
}

static int on_ready(void *self, struct tern_amqp *link, struct tern_error *err)
{
    struct world *world = self;
    if (tern_amqp_select_confirms(link, err) < 0 || tern_amqp_consume(link, "queue", err) < 0) return -1;
    TEST_NOTE(&world->mutex, world->ready++);
    return 0;
}

static void on_lost(void *self, const char *why)
{
    struct world *world = self;
    TEST_NOTE(&world->mutex, world->lost++; (void)snprintf(world->why, sizeof world->why, "%s", why));
}

static int on_delivered(void *self, const struct tern_amqp_delivery *delivery, struct tern_error *err)
{
    struct world *world = self;
    if (delivery->body_length != BODY) return tern_error_set(err, "wrong length");
    TEST_NOTE(&world->mutex, world->delivered++);
    return 0;
}

static int on_confirmed(void *self, uint64_t sequence, bool multiple, bool acked, struct tern_error *err)
{
    struct world *world = self;
    (void)multiple;
    (void)err;
    TEST_NOTE(&world->mutex, world->confirmed = acked ? sequence : 0);
    return 0;
}

static int on_work(void *self, struct tern_amqp *link, struct tern_error *err)
{
    struct world *world = self;
    char body[BODY];
    uint64_t sequence;
    memset(body, 'a', sizeof body);
    const struct tern_amqp_message message = {.exchange = "events",
                                              .routing_key = "k",
                                              .message_id = "m",
                                              .type = "t",
                                              .content_type = "c",
                                              .correlation_id = "c",
                                              .app_id = "a",
                                              .body = body,
                                              .body_length = sizeof body};
    while (world->published < MESSAGES && tern_amqp_may_publish(link)) {
        if (tern_amqp_publish(link, &message, &sequence, err) < 0) return -1;
        world->published++;
    }
    return 0;
}

static void *run(void *argument)
{
    tern_amqp_run(argument);
    return NULL;
}

/* A link to a broker whose certificate names `name`; it trusts the authority in `ca_file`. */
static void start(struct world *world, const char *name, bool expired, const char *ca_file)
{
    static fake_script *const scripts[] = {echo_messages};
    struct tern_error err;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)pthread_mutex_init(&world->mutex, NULL);
    world->broker = fake_broker_start(scripts, 1, world);
    const char *port = strstr(fake_broker_url(world->broker), "127.0.0.1:") + strlen("127.0.0.1:");
    world->front = tls_front_start(&(struct tls_front_settings){
        .target_port = (uint16_t)strtoul(port, NULL, 10), .name = name, .expired = expired, .ca_file = world->ca_file});
    (void)snprintf(world->url, sizeof world->url, "amqps://guest:guest@localhost:%u/%%2f",
                   (unsigned)tls_front_port(world->front));
    const struct tern_amqp_settings settings = {.url = world->url,
                                                .ca_file = ca_file,
                                                .connection_name = "t",
                                                .body_max = 65536,
                                                .limits = {.backoff_min_ms = 50}};
    const struct tern_amqp_owner owner = {.ready = on_ready,
                                          .lost = on_lost,
                                          .delivered = on_delivered,
                                          .confirmed = on_confirmed,
                                          .work = on_work,
                                          .self = world};
    assert_int_equal(tern_amqp_create(&settings, &owner, &world->link, &err), 0);
    assert_int_equal(pthread_create(&world->thread, NULL, run, world->link), 0);
}

static void stop(struct world *world)
{
    tern_amqp_stop(world->link);
    (void)pthread_join(world->thread, NULL);
    tern_amqp_destroy(world->link);
    tls_front_stop(world->front);
    fake_broker_stop(world->broker);
    (void)pthread_mutex_destroy(&world->mutex);
    test_folder_remove(world->folder);
}

static void make_files(struct world *world)
{
    test_folder_make("tls", world->folder);
    (void)snprintf(world->ca_file, sizeof world->ca_file, "%s/ca.pem", world->folder);
    (void)snprintf(world->other_ca_file, sizeof world->other_ca_file, "%s/other.pem", world->folder);
}

static void messages_flow_both_ways_over_tls(void **state)
{
    (void)state;
    struct world world = {0};
    make_files(&world);
    start(&world, "localhost", false, world.ca_file);
    TEST_WAIT(&world.mutex, world.delivered == MESSAGES && world.confirmed == MESSAGES);
    assert_int_equal(world.lost, 0);
    stop(&world);
}

static void expect_refusal(struct world *world, const char *word)
{
    TEST_WAIT(&world->mutex, world->lost >= 1);
    assert_non_null(strstr(world->why, word));
    assert_int_equal(world->ready, 0);
    assert_int_equal(world->logins, 0); /* no password was sent */
}

/* The file is read anew at each attempt: one that was replaced needs no restart. */
static void an_unknown_authority_is_not_believed_until_its_certificate_is_in_the_file(void **state)
{
    (void)state;
    struct world world = {0};
    make_files(&world);
    struct tls_front *other = tls_front_start(
        &(struct tls_front_settings){.target_port = 1, .name = "localhost", .ca_file = world.other_ca_file});
    start(&world, "localhost", false, world.other_ca_file);
    expect_refusal(&world, "AMQP_CA_FILE");
    tls_front_stop(other);
    assert_int_equal(rename(world.ca_file, world.other_ca_file), 0);
    TEST_WAIT(&world.mutex, world.delivered == MESSAGES);
    stop(&world);
}

static void a_certificate_of_another_host_is_not_believed(void **state)
{
    (void)state;
    struct world world = {0};
    make_files(&world);
    start(&world, "other.example", false, world.ca_file);
    expect_refusal(&world, "another host");
    stop(&world);
}

static void an_expired_certificate_is_not_believed(void **state)
{
    (void)state;
    struct world world = {0};
    make_files(&world);
    start(&world, "localhost", true, world.ca_file);
    expect_refusal(&world, "expired");
    stop(&world);
}

static void a_missing_file_of_authorities_is_named(void **state)
{
    (void)state;
    struct world world = {0};
    make_files(&world);
    start(&world, "localhost", false, "/nonexistent/ca.pem");
    expect_refusal(&world, "/nonexistent/ca.pem cannot be read (AMQP_CA_FILE)");
    stop(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_flow_both_ways_over_tls),
        cmocka_unit_test(an_unknown_authority_is_not_believed_until_its_certificate_is_in_the_file),
        cmocka_unit_test(a_certificate_of_another_host_is_not_believed),
        cmocka_unit_test(an_expired_certificate_is_not_believed),
        cmocka_unit_test(a_missing_file_of_authorities_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
