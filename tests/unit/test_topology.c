/* test_topology.c - what is declared on the broker, as a broker sees it. */
#include "common/event/topology.h"
#include "fake_broker.h"
#include "tern_test.h"
#include "wait_for.h"

#include <stdio.h>
#include <string.h>

static const char *const both[] = {"payment-service", "order-service", NULL};
static const char *const payment[] = {"payment-service", NULL};
static const char *const nobody[] = {NULL};
static const struct tern_event_type types[] = {
    {"OrderPlaced",       "1.0", "order-service",     both,    NULL},
    {"ProductOutOfStock", "1.0", "inventory-service", payment, NULL},
    {"NotificationSent",  "1.0", "order-service",     nobody,  NULL},
};
static const char *const services[] = {"order-service", "payment-service", NULL};
static const struct tern_catalogue catalogue = {"events", "events.dead", types, TERN_COUNT(types), services, NULL};

struct world {
    pthread_mutex_t mutex;
    const char *queue_type;
    bool done;
    char said[4096]; /* one line per call */
    char arguments[4096];
    size_t arguments_length;
};

static void short_text(const unsigned char **at, char target[256])
{
    size_t length = **at;
    memcpy(target, *at + 1, length);
    target[length] = '\0';
    *at += 1 + length;
}

static void describe(struct world *world, const struct fake_frame *frame)
{
    char first[256], second[256], third[256] = "";
    const unsigned char *at = frame->payload + 2; /* behind the ticket */
    size_t length = strlen(world->said);
    char *end = world->said + length;
    size_t room = sizeof world->said - length;
    short_text(&at, first);
    if (frame->method == FAKE_QUEUE_DECLARE) {
        (void)snprintf(end, room, "queue %s flags %u\n", first, (unsigned)*at);
        world->arguments_length = (size_t)fake_number(at + 1, 4);
        memcpy(world->arguments, at + 5, world->arguments_length);
        return;
    }
    short_text(&at, second);
    if (frame->method == FAKE_EXCHANGE_DECLARE) {
        (void)snprintf(end, room, "exchange %s %s flags %u\n", first, second, (unsigned)*at);
    } else if (frame->method == FAKE_QUEUE_BIND) {
        short_text(&at, third);
        (void)snprintf(end, room, "bind %s to %s by %s\n", first, second, third);
    }
}

static void answer(struct fake_session *session, const struct fake_frame *frame)
{
    static const unsigned char exchange_ok[] = {1, 0, 1, 0, 0, 0, 4, 0, 40, 0, 11, 0xCE};
    static const unsigned char bind_ok[] = {1, 0, 1, 0, 0, 0, 4, 0, 50, 0, 21, 0xCE};
    if (frame->method == FAKE_EXCHANGE_DECLARE)
        fake_raw(session, exchange_ok, sizeof exchange_ok);
    else if (frame->method == FAKE_QUEUE_BIND)
        fake_raw(session, bind_ok, sizeof bind_ok);
    else
        fake_declare_ok(session, 0);
}

static void write_down(struct fake_session *session, void *self)
{
    struct world *world = self;
    struct fake_frame frame;
    if (!fake_login(session, NULL, NULL)) return;
    fake_no_answers(session);
    while (fake_next(session, &frame, -1)) {
        TEST_NOTE(&world->mutex, describe(world, &frame));
        answer(session, &frame);
    }
}

static int on_ready(void *self, struct tern_amqp *link, struct tern_error *err)
{
    struct world *world = self;
    struct tern_topology_gaps gaps;
    if (tern_topology_declare(link, &catalogue, world->queue_type, &gaps, err) < 0) return -1;
    TEST_NOTE(&world->mutex, world->done = true);
    return 0;
}

static void *run(void *argument)
{
    tern_amqp_run(argument);
    return NULL;
}

static void declare(struct world *world, const char *queue_type)
{
    pthread_t thread;
    struct tern_error err;
    struct tern_amqp *link = NULL;
    fake_script *const scripts[] = {write_down};
    struct fake_broker *broker = fake_broker_start(scripts, 1, world);
    const struct tern_amqp_settings settings = {.url = fake_broker_url(broker), .connection_name = "t"};
    const struct tern_amqp_owner owner = {.ready = on_ready, .self = world};
    world->queue_type = queue_type;
    (void)pthread_mutex_init(&world->mutex, NULL);
    assert_int_equal(tern_amqp_create(&settings, &owner, &link, &err), 0);
    assert_int_equal(pthread_create(&thread, NULL, run, link), 0);
    TEST_WAIT(&world->mutex, world->done);
    tern_amqp_stop(link);
    (void)pthread_join(thread, NULL);
    tern_amqp_destroy(link);
    fake_broker_stop(broker);
    (void)pthread_mutex_destroy(&world->mutex);
}

static bool has_argument(const struct world *world, const char *bytes, size_t length)
{
    return memmem(world->arguments, world->arguments_length, bytes, length) != NULL;
}

#define HAS(world, literal) has_argument((world), (literal), sizeof(literal) - 1)

static void every_queue_and_binding_of_the_catalogue_is_declared(void **state)
{
    (void)state;
    struct world world = {0};
    declare(&world, "quorum");
    assert_string_equal(world.said, "exchange events.dead fanout flags 2\n"
                                    "queue events.dead flags 2\n"
                                    "bind events.dead to events.dead by \n"
                                    "exchange events topic flags 2\n"
                                    "queue order-service flags 2\n"
                                    "bind order-service to events by order.placed\n"
                                    "queue payment-service flags 2\n"
                                    "bind payment-service to events by order.placed\n"
                                    "bind payment-service to events by product.out.of.stock\n");
}

static void quorum_queues_have_a_large_delivery_limit_and_a_safety_net(void **state)
{
    (void)state;
    struct world world = {0};
    declare(&world, "quorum");
    assert_true(HAS(&world, "x-queue-typeS\0\0\0\6quorum"));
    assert_true(HAS(&world, "x-delivery-limitl\0\0\0\0\0\x0F\x42\x40"));
    assert_true(HAS(&world, "x-dead-letter-exchangeS\0\0\0\13events.dead"));
    assert_true(HAS(&world, "x-dead-letter-strategyS\0\0\0\15at-least-once"));
    assert_true(HAS(&world, "x-overflowS\0\0\0\16reject-publish"));
}

static void classic_queues_get_only_what_they_understand(void **state)
{
    (void)state;
    struct world world = {0};
    declare(&world, "classic");
    assert_true(HAS(&world, "x-queue-typeS\0\0\0\7classic"));
    assert_true(HAS(&world, "x-dead-letter-exchange"));
    assert_false(HAS(&world, "x-delivery-limit"));
    assert_false(HAS(&world, "x-dead-letter-strategy"));
    assert_false(HAS(&world, "x-overflow"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_queue_and_binding_of_the_catalogue_is_declared),
        cmocka_unit_test(quorum_queues_have_a_large_delivery_limit_and_a_safety_net),
        cmocka_unit_test(classic_queues_get_only_what_they_understand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
