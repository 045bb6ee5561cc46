/* suite_bus.c - a link of its own thread; the test's thread talks to it under one mutex. */
#include "suite_bus.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/amqp/amqp.h"
#include "shop/catalogue.h"
#include "tern/base.h"
#include "tern/text.h"
#include "tern_test.h"

#define TAP "test-tap"

enum { HEARD_MAX = 32768, STACK_BYTES = 16 * 1024 * 1024, PATIENCE_S = 30, EXPIRES_MS = 1000 };

struct suite_bus {
    struct tern_amqp *link;
    pthread_t thread;
    bool echo;
    const char *steals_from; /* a queue; NULL: it has one of its own */
    const char *own;         /* the name of its own queue, which is bound to nothing; NULL: the tap */
    pthread_mutex_t lock;    /* guards all that follows */
    pthread_cond_t changed;
    bool ready, returned;
    const struct tern_amqp_message *wanted; /* to be published for the test's thread */
    uint64_t awaited;                       /* its sequence number; 0: none is under way */
    struct suite_heard heard[HEARD_MAX];
    size_t count;
};

static int tap(struct tern_amqp *link, struct tern_error *err)
{
    const struct tern_amqp_argument arguments[] = {
        {.name = "x-queue-type", .text = "classic"   },
        {.name = "x-expires",    .number = EXPIRES_MS}
    };
    const char *exchange = shop_catalogue.exchange;
    if (tern_amqp_declare_exchange(link, exchange, "topic", err) < 0 ||
        tern_amqp_declare_queue(link, TAP, arguments, TERN_COUNT(arguments), err) < 0 ||
        tern_amqp_bind(link, TAP, exchange, "#", err) < 0 || tern_amqp_select_confirms(link, err) < 0 ||
        tern_amqp_prefetch(link, 100, err) < 0)
        return -1;
    return tern_amqp_consume(link, TAP, err);
}

static int wait_in(struct tern_amqp *link, const char *queue, struct tern_error *err)
{
    const struct tern_amqp_argument arguments[] = {
        {.name = "x-queue-type", .text = "quorum"}
    };
    if (tern_amqp_declare_queue(link, queue, arguments, TERN_COUNT(arguments), err) < 0 ||
        tern_amqp_select_confirms(link, err) < 0 || tern_amqp_prefetch(link, 100, err) < 0)
        return -1;
    return tern_amqp_consume(link, queue, err);
}

static int steal(struct tern_amqp *link, const char *queue, struct tern_error *err)
{
    return tern_amqp_prefetch(link, 1, err) < 0 ? -1 : tern_amqp_consume(link, queue, err);
}

static int on_ready(void *self, struct tern_amqp *link, struct tern_error *err)
{
    struct suite_bus *bus = self;
    int status = bus->steals_from ? steal(link, bus->steals_from, err)
                 : bus->own       ? wait_in(link, bus->own, err)
                                  : tap(link, err);
    if (status < 0) return -1;
    pthread_mutex_lock(&bus->lock);
    bus->ready = true;
    pthread_cond_broadcast(&bus->changed);
    pthread_mutex_unlock(&bus->lock);
    return 0;
}

static bool is_known(const struct suite_bus *bus, const char *message_id)
{
    for (size_t i = bus->count; i-- > 0;)
        if (strcmp(bus->heard[i].message_id, message_id) == 0) return true;
    return false;
}

static void keep(struct suite_bus *bus, const struct tern_amqp_delivery *delivery)
{
    TERN_ASSERT(bus->count < HEARD_MAX, "a test says fewer events than that");
    struct suite_heard *heard = &bus->heard[bus->count];
    tern_copy_whole(heard->key, sizeof heard->key, delivery->routing_key);
    tern_copy_whole(heard->type, sizeof heard->type, delivery->type);
    tern_copy_whole(heard->message_id, sizeof heard->message_id, delivery->message_id);
    tern_copy_whole(heard->app_id, sizeof heard->app_id, delivery->app_id);
    heard->body = tern_copy_bytes(delivery->body, delivery->body_length);
    heard->length = delivery->body_length;
    for (size_t i = 0; i < delivery->header_count; i++) {
        heard->replayed = heard->replayed || strcmp(delivery->headers[i].name, "x-tern-replay") == 0;
        heard->numbered = heard->numbered || strcmp(delivery->headers[i].name, "x-tern-n") == 0;
    }
    bus->count++;
}

static int say_again(struct suite_bus *bus, const struct suite_heard *heard, struct tern_error *err)
{
    uint64_t sequence;
    return tern_amqp_publish(bus->link,
                             &(struct tern_amqp_message){.exchange = shop_catalogue.exchange,
                                                         .routing_key = heard->key,
                                                         .message_id = heard->message_id,
                                                         .type = heard->type,
                                                         .content_type = "application/json",
                                                         .correlation_id = "",
                                                         .app_id = heard->app_id,
                                                         .body = heard->body,
                                                         .body_length = heard->length},
                             &sequence, err);
}

static int on_delivered(void *self, const struct tern_amqp_delivery *delivery, struct tern_error *err)
{
    struct suite_bus *bus = self;
    int status = 0;
    if (bus->steals_from) return 0;
    pthread_mutex_lock(&bus->lock);
    bool event = strncmp(delivery->routing_key, "tern.", strlen("tern.")) != 0; /* else what services tell each other */
    bool news = event && delivery->body != NULL && !is_known(bus, delivery->message_id);
    if (news) keep(bus, delivery);
    if (news && bus->echo) status = say_again(bus, &bus->heard[bus->count - 1], err);
    pthread_mutex_unlock(&bus->lock);
    return status < 0 ? -1 : tern_amqp_ack(bus->link, delivery->delivery_tag, false, err);
}

static int on_returned(void *self, const struct tern_amqp_returned *message, struct tern_error *err)
{
    struct suite_bus *bus = self;
    (void)message;
    (void)err;
    pthread_mutex_lock(&bus->lock);
    bus->returned = true;
    pthread_mutex_unlock(&bus->lock);
    return 0;
}

static int on_confirmed(void *self, uint64_t sequence, bool multiple, bool acked, struct tern_error *err)
{
    struct suite_bus *bus = self;
    if (!acked) return tern_error_set(err, "the broker refused a message of the test");
    pthread_mutex_lock(&bus->lock);
    if (sequence == bus->awaited || (multiple && (sequence == 0 || sequence > bus->awaited))) bus->awaited = 0;
    pthread_cond_broadcast(&bus->changed);
    pthread_mutex_unlock(&bus->lock);
    return 0;
}

static int on_work(void *self, struct tern_amqp *link, struct tern_error *err)
{
    struct suite_bus *bus = self;
    int status = 0;
    pthread_mutex_lock(&bus->lock);
    if (bus->wanted != NULL) status = tern_amqp_publish(link, bus->wanted, &bus->awaited, err);
    bus->wanted = NULL;
    pthread_mutex_unlock(&bus->lock);
    return status;
}

/* Under the lock: until `*held` of the bus is over. */
static bool await(struct suite_bus *bus, bool (*is_so)(const struct suite_bus *bus))
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    while (!is_so(bus))
        if (pthread_cond_timedwait(&bus->changed, &bus->lock, &until) != 0) return false;
    return true;
}

static bool is_ready(const struct suite_bus *bus)
{
    return bus->ready;
}

static bool is_confirmed(const struct suite_bus *bus)
{
    return bus->wanted == NULL && bus->awaited == 0;
}

static void *run(void *argument)
{
    struct suite_bus *bus = argument;
    tern_amqp_run(bus->link);
    return NULL;
}

static struct suite_bus *open_bus(const char *url, bool echo, const char *steals_from, const char *own)
{
    struct suite_bus *bus = tern_alloc(sizeof *bus);
    struct tern_error err = {0};
    pthread_attr_t attributes;
    const struct tern_amqp_settings settings = {
        .url = url, .ca_file = "", .connection_name = TAP, .body_max = 1024 * 1024};
    const struct tern_amqp_owner owner = {.ready = on_ready,
                                          .delivered = on_delivered,
                                          .confirmed = on_confirmed,
                                          .returned = on_returned,
                                          .work = on_work,
                                          .self = bus};
    bus->echo = echo;
    bus->steals_from = steals_from;
    bus->own = own;
    pthread_mutex_init(&bus->lock, NULL);
    pthread_cond_init(&bus->changed, NULL);
    if (tern_amqp_create(&settings, &owner, &bus->link, &err) < 0) fail_msg("%s", err.text);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    assert_int_equal(pthread_create(&bus->thread, &attributes, run, bus), 0);
    pthread_attr_destroy(&attributes);
    pthread_mutex_lock(&bus->lock);
    bool ready = await(bus, is_ready);
    pthread_mutex_unlock(&bus->lock);
    assert_true(ready);
    return bus;
}

struct suite_bus *suite_bus_open(const char *url, bool echo)
{
    return open_bus(url, echo, NULL, NULL);
}

struct suite_bus *suite_bus_open_queue(const char *url, const char *queue)
{
    return open_bus(url, false, NULL, queue);
}

struct suite_bus *suite_bus_open_thief(const char *url, const char *queue)
{
    return open_bus(url, false, queue, NULL);
}

void suite_bus_close(struct suite_bus *bus)
{
    tern_amqp_stop(bus->link);
    pthread_join(bus->thread, NULL);
    tern_amqp_destroy(bus->link);
    for (size_t i = 0; i < bus->count; i++)
        free(bus->heard[i].body);
    pthread_cond_destroy(&bus->changed);
    pthread_mutex_destroy(&bus->lock);
    free(bus);
}

void suite_bus_publish(struct suite_bus *bus, const char *key, const char *type, const char *message_id,
                       const void *body, size_t length)
{
    const struct tern_amqp_message message = {.exchange = shop_catalogue.exchange,
                                              .routing_key = key,
                                              .message_id = message_id,
                                              .type = type,
                                              .content_type = "application/json",
                                              .correlation_id = "",
                                              .app_id = "test",
                                              .body = body,
                                              .body_length = length,
                                              .mandatory = true};
    pthread_mutex_lock(&bus->lock);
    bus->wanted = &message;
    tern_amqp_wake(bus->link);
    bool confirmed = await(bus, is_confirmed);
    bool returned = bus->returned;
    pthread_mutex_unlock(&bus->lock);
    assert_true(confirmed);
    assert_false(returned);
}

size_t suite_bus_count(struct suite_bus *bus)
{
    pthread_mutex_lock(&bus->lock);
    size_t count = bus->count;
    pthread_mutex_unlock(&bus->lock);
    return count;
}

const struct suite_heard *suite_bus_heard(struct suite_bus *bus, size_t index)
{
    return &bus->heard[index];
}

size_t suite_bus_hearers(struct suite_bus *bus, size_t count)
{
    size_t hearers = 0;
    for (size_t i = 0; i < count; i++) {
        const struct tern_event_type *type = tern_catalogue_find(&shop_catalogue, bus->heard[i].type);
        for (size_t j = 0; type != NULL && type->consumers[j] != NULL; j++)
            hearers++;
    }
    return hearers;
}
