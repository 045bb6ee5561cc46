/* test_amqp.c - the AMQP link against a broker that misbehaves on purpose. */
#include "common/amqp/amqp.h"
#include "fake_broker.h"
#include "tern_test.h"

#include "common/amqp/amqp_link.h"

#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_S = 20, BODY_MAX = 65536, CONFIRMS_MAX = 16 };

/* ---- a client whose owner writes down what it hears ---------------------------------------------------------- */

struct client {
    struct fake_broker *broker;
    struct tern_amqp *link;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* What happened; under the mutex. */
    int ready, lost, delivered, confirms, works, blocked, unblocked, cancelled, returned;
    char why[256], type[64], traceparent[64], body[64], order[64], returned_id[64];
    size_t body_length;
    bool body_kept;
    int64_t exists;
    struct {
        uint64_t sequence;
        bool multiple, acked;
    } confirm[CONFIRMS_MAX];
    /* What it does. */
    bool consumes, confirms_wanted, asks_for_marker, declares_queue;
    int publishes; /* messages still to be sent */
    size_t publish_bytes;
    bool may_publish;
    uint64_t last_sequence;
    int cancel_wanted;
    uint64_t ack_tag;
};

#define NOTE(client, what)                                \
    do {                                                  \
        (void)pthread_mutex_lock(&(client)->mutex);       \
        what;                                             \
        (void)pthread_cond_broadcast(&(client)->changed); \
        (void)pthread_mutex_unlock(&(client)->mutex);     \
    } while (0)

/* Waits until the condition holds; fails the test when it does not in time. */
#define WAIT_FOR(client, condition)                                                        \
    do {                                                                                   \
        struct timespec until_;                                                            \
        int late_ = 0;                                                                     \
        (void)clock_gettime(CLOCK_REALTIME, &until_);                                      \
        until_.tv_sec += WAIT_S;                                                           \
        (void)pthread_mutex_lock(&(client)->mutex);                                        \
        while (!(condition) && late_ == 0)                                                 \
            late_ = pthread_cond_timedwait(&(client)->changed, &(client)->mutex, &until_); \
        bool holds_ = (condition);                                                         \
        (void)pthread_mutex_unlock(&(client)->mutex);                                      \
        if (!holds_) fail_msg("not in time: %s (lost: %s)", #condition, (client)->why);    \
    } while (0)

static int on_ready(void *self, struct tern_amqp *link, struct tern_error *err)
{
    struct client *client = self;
    const struct tern_amqp_argument arguments[] = {
        {"x-queue-type",     "quorum", 0 },
        {"x-delivery-limit", NULL,     10}
    };
    if (client->asks_for_marker) client->exists = tern_amqp_has_marker(link, "marker", err);
    if (client->declares_queue && tern_amqp_declare_queue(link, "queue", arguments, 2, err) < 0) return -1;
    if (client->confirms_wanted && tern_amqp_select_confirms(link, err) < 0) return -1;
    if (client->consumes && (tern_amqp_prefetch(link, 10, err) < 0 || tern_amqp_consume(link, "queue", err) < 0))
        return -1;
    NOTE(client, client->ready++);
    return 0;
}

static void on_lost(void *self, const char *why)
{
    struct client *client = self;
    NOTE(client, client->lost++; (void)snprintf(client->why, sizeof client->why, "%s", why));
}

static void keep_delivery(struct client *client, const struct tern_amqp_delivery *delivery)
{
    client->delivered++;
    client->body_kept = delivery->body != NULL;
    client->body_length = delivery->body_length;
    (void)snprintf(client->type, sizeof client->type, "%s", delivery->type);
    if (delivery->body != NULL)
        (void)snprintf(client->body, sizeof client->body, "%.*s",
                       (int)(delivery->body_length > 60 ? 60 : delivery->body_length), (const char *)delivery->body);
    for (size_t i = 0; i < delivery->header_count; i++)
        if (strcmp(delivery->headers[i].name, "traceparent") == 0)
            (void)snprintf(client->traceparent, sizeof client->traceparent, "%s", delivery->headers[i].value);
}

static int on_delivered(void *self, const struct tern_amqp_delivery *delivery, struct tern_error *err)
{
    struct client *client = self;
    (void)err;
    NOTE(client, keep_delivery(client, delivery));
    return 0;
}

static int on_confirmed(void *self, uint64_t sequence, bool multiple, bool acked, struct tern_error *err)
{
    struct client *client = self;
    (void)err;
    NOTE(client, {
        if (client->confirms < CONFIRMS_MAX) {
            client->confirm[client->confirms].sequence = sequence;
            client->confirm[client->confirms].multiple = multiple;
            client->confirm[client->confirms].acked = acked;
        }
        client->confirms++;
        (void)strncat(client->order, "c", sizeof client->order - strlen(client->order) - 1);
    });
    return 0;
}

static int on_returned(void *self, const struct tern_amqp_returned *message, struct tern_error *err)
{
    struct client *client = self;
    (void)err;
    NOTE(client, {
        client->returned++;
        (void)snprintf(client->returned_id, sizeof client->returned_id, "%s", message->message_id);
        (void)strncat(client->order, "r", sizeof client->order - strlen(client->order) - 1);
    });
    return 0;
}

static void on_blocked(void *self, bool blocked, const char *reason)
{
    struct client *client = self;
    NOTE(client, {
        if (blocked)
            client->blocked++;
        else
            client->unblocked++;
        if (blocked) (void)snprintf(client->body, sizeof client->body, "%s", reason);
    });
}

static void on_cancelled(void *self)
{
    struct client *client = self;
    NOTE(client, client->cancelled++);
}

static int publish_one(struct client *client, struct tern_amqp *link, struct tern_error *err)
{
    char id[32];
    char *body = tern_alloc(client->publish_bytes + 1);
    memset(body, 'x', client->publish_bytes);
    (void)snprintf(id, sizeof id, "message-%d", client->publishes);
    const struct tern_amqp_header header = {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"};
    const struct tern_amqp_message message = {.exchange = "events",
                                              .routing_key = "order.placed",
                                              .message_id = id,
                                              .type = "OrderPlaced",
                                              .content_type = "application/json",
                                              .correlation_id = "c",
                                              .app_id = "test",
                                              .headers = &header,
                                              .header_count = 1,
                                              .body = body,
                                              .body_length = client->publish_bytes,
                                              .mandatory = true};
    int result = tern_amqp_publish(link, &message, &client->last_sequence, err);
    free(body);
    return result;
}

static int on_work(void *self, struct tern_amqp *link, struct tern_error *err)
{
    struct client *client = self;
    int result = 0;
    NOTE(client, {
        client->works++;
        client->may_publish = tern_amqp_may_publish(link);
        for (; result == 0 && client->publishes > 0 && tern_amqp_may_publish(link); client->publishes--)
            result = publish_one(client, link, err);
        if (client->ack_tag > 0) result = tern_amqp_ack(link, client->ack_tag, true, err);
        client->ack_tag = 0;
    });
    if (client->cancel_wanted > 0) {
        client->cancel_wanted = 0;
        result = tern_amqp_cancel(link, err);
    }
    return result;
}

static void *run(void *argument)
{
    struct client *client = argument;
    tern_amqp_run(client->link);
    return NULL;
}

/* Short where a test waits for the end of it, and never so short that a busy machine is taken for a silent broker. */
static const struct tern_amqp_limits quick = {
    .heartbeat_s = 1, .rpc_ms = 10000, .backoff_min_ms = 20, .backoff_max_ms = 100, .probe_ms = 60000};
static const struct tern_amqp_limits impatient = {
    .heartbeat_s = 1, .rpc_ms = 500, .backoff_min_ms = 20, .backoff_max_ms = 100, .probe_ms = 60000};

static void client_create(struct client *client, const char *url, struct tern_amqp_limits limits)
{
    struct tern_error err;
    const struct tern_amqp_settings settings = {
        .url = url, .connection_name = "order-service-pub", .body_max = BODY_MAX, .limits = limits};
    const struct tern_amqp_owner owner = {.ready = on_ready,
                                          .lost = on_lost,
                                          .delivered = on_delivered,
                                          .confirmed = on_confirmed,
                                          .returned = on_returned,
                                          .blocked = on_blocked,
                                          .cancelled = on_cancelled,
                                          .work = on_work,
                                          .self = client};
    (void)pthread_mutex_init(&client->mutex, NULL);
    (void)pthread_cond_init(&client->changed, NULL);
    assert_int_equal(tern_amqp_create(&settings, &owner, &client->link, &err), 0);
}

static void client_run(struct client *client)
{
    pthread_attr_t attributes;
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, 16UL * 1024 * 1024);
    assert_int_equal(pthread_create(&client->thread, &attributes, run, client), 0);
    (void)pthread_attr_destroy(&attributes);
}

static int64_t now_ms(void)
{
    return tern_steady(&tern_clock_system);
}

static void client_stop(struct client *client)
{
    tern_amqp_stop(client->link);
    (void)pthread_join(client->thread, NULL);
    tern_amqp_destroy(client->link);
    if (client->broker != NULL) fake_broker_stop(client->broker);
    (void)pthread_cond_destroy(&client->changed);
    (void)pthread_mutex_destroy(&client->mutex);
}

static void start(struct client *client, fake_script *const *scripts, size_t count, void *self,
                  struct tern_amqp_limits limits)
{
    client->broker = fake_broker_start(scripts, count, self);
    client_create(client, fake_broker_url(client->broker), limits);
    client_run(client);
}

#define START(client, ...)                         \
    fake_script *const scripts_[] = {__VA_ARGS__}; \
    start((client), scripts_, TERN_COUNT(scripts_), (client), quick)

static void well_behaved(struct fake_session *session, void *self)
{
    (void)self;
    if (fake_login(session, NULL, NULL)) fake_until_gone(session);
}

/* ---- login --------------------------------------------------------------------------------------------------- */

struct introduction {
    unsigned char bytes[4096];
    size_t length;
    atomic_bool kept;
};

static void keep_introduction(struct fake_session *session, void *self)
{
    struct introduction *introduction = self;
    if (!fake_login(session, introduction->bytes, &introduction->length)) return;
    atomic_store(&introduction->kept, true);
    fake_until_gone(session);
}

static bool says(const struct introduction *introduction, const char *word)
{
    return memmem(introduction->bytes, introduction->length, word, strlen(word)) != NULL;
}

static void introduces_itself_with_name_and_capabilities(void **state)
{
    (void)state;
    struct client client = {0};
    struct introduction *introduction = tern_alloc(sizeof *introduction);
    fake_script *const scripts[] = {keep_introduction};
    start(&client, scripts, 1, introduction, quick);
    WAIT_FOR(&client, client.ready == 1);
    while (!atomic_load(&introduction->kept))
        (void)usleep(1000);
    assert_true(says(introduction, "order-service-pub"));
    assert_true(says(introduction, "connection.blocked"));
    assert_true(says(introduction, "consumer_cancel_notify"));
    assert_true(says(introduction, "basic.nack"));
    assert_true(says(introduction, "publisher_confirms"));
    assert_true(says(introduction, "authentication_failure_close"));
    client_stop(&client);
    free(introduction);
}

static void refuse(struct fake_session *session, void *self)
{
    (void)self;
    if (fake_refuse_login(session)) fake_until_gone(session);
}

static void says_whom_the_broker_refuses_and_tries_again(void **state)
{
    (void)state;
    struct client client = {0};
    START(&client, refuse, refuse, well_behaved);
    WAIT_FOR(&client, client.lost >= 1);
    assert_non_null(strstr(client.why, "\"guest\": 403 ACCESS_REFUSED - not you"));
    WAIT_FOR(&client, client.ready == 1);
    client_stop(&client);
}

static void accept_and_say_nothing(struct fake_session *session, void *self)
{
    (void)self;
    (void)fake_stay_silent(session, 60000);
}

static void a_silent_handshake_ends_at_its_limit(void **state)
{
    (void)state;
    struct client client = {0};
    fake_script *const scripts[] = {accept_and_say_nothing};
    int64_t began_ms = now_ms();
    start(&client, scripts, 1, &client, impatient);
    WAIT_FOR(&client, client.lost >= 1);
    assert_in_range(now_ms() - began_ms, 400, 10000);
    client_stop(&client);
}

static void a_stop_ends_a_silent_handshake_at_once(void **state)
{
    (void)state;
    struct client client = {0};
    struct tern_amqp_limits limits = quick;
    limits.rpc_ms = 60000;
    fake_script *const scripts[] = {accept_and_say_nothing};
    start(&client, scripts, 1, &client, limits);
    while (fake_broker_connections(client.broker) == 0)
        (void)usleep(1000);
    int64_t began_ms = now_ms();
    client_stop(&client);
    assert_in_range(now_ms() - began_ms, 0, 10000);
}

static void a_stop_ends_a_back_off_at_once(void **state)
{
    (void)state;
    struct client client = {0};
    struct tern_amqp_limits limits = quick;
    limits.backoff_min_ms = limits.backoff_max_ms = 60000;
    client_create(&client, "amqp://guest:guest@127.0.0.1:1/", limits);
    client_run(&client);
    WAIT_FOR(&client, client.lost == 1);
    assert_non_null(strstr(client.why, "cannot connect to the broker at 127.0.0.1:1"));
    int64_t began_ms = now_ms();
    client_stop(&client);
    assert_in_range(now_ms() - began_ms, 0, 10000);
}

static void an_address_that_is_none_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *url, *says;
    } wrong[] = {
        {"",                                            "must look like amqp://"                          },
        {"http://x",                                    "must look like amqp://"                          },
        {"amqp//x",                                     "must look like amqp://"                          },
        {"amqp://u:secret@host:port/",                  "the port of the broker's address"                },
        {"amqp://u:secret@host:0/",                     "the port of the broker's address"                },
        {"amqp://u:secret@host:65536/",                 "the port of the broker's address"                },
        {"amqp://u:secret@host:/",                      "the port of the broker's address"                },
        {"amqp://u:sec/secret@host/",                   "/ ? @ in a user, a password or a vhost are"      },
        {"amqp://u:12/secret@host",                     "the vhost of the broker's address"               },
        {"amqp://u:12?secret@host/",                    "/ ? @ in a user, a password or a vhost are"      },
        {"amqp://u:12?sec=secret@host/",                "/ ? @ in a user, a password or a vhost are"      },
        {"amqp://u:secret#x@host/",                     "/ ? @ in a user, a password or a vhost are"      },
        {"amqp://u:sec@secret@host/",                   "a second \"@\""                                  },
        {"amqp://u:secret%zz@host/",                    "in the password of the broker's address a \"%\"" },
        {"amqp://u:secret%4",                           "the port of the broker's address"                },
        {"amqp://u%:secret@host/",                      "in the user of the broker's address a \"%\""     },
        {"amqp://u:secret%00@host/",                    "the password of the broker's address holds no"   },
        {"amqp://u:secret@host/%c3%",                   "in the vhost of the broker's address a \"%\""    },
        {"amqp://u:secret@host/a/b",                    "the vhost of the broker's address"               },
        {"amqp://[::1/",                                "amqp://[::1]:5672"                               },
        {"amqp://[::1]5672/",                           "amqp://[::1]:5672"                               },
        {"amqp://u:secret@host/?heartbeat",             "heartbeat in the broker's address must be a"     },
        {"amqp://u:secret@host/?heartbeat=0",           "a whole number of seconds from 1 to 60"          },
        {"amqp://u:secret@host/?heartbeat=61",          "a whole number of seconds from 1 to 60"          },
        {"amqp://u:secret@host/?heartbeat=-5",          "a whole number of seconds from 1 to 60"          },
        {"amqp://u:secret@host/?heartbeat=99999999999", "a whole number of seconds from 1 to 60"          },
        {"amqp://u:secret@host/?heartbeat=5&heartbeat", "heartbeat is in the broker's address twice"      },
        {"amqp://u:secret@host?connection_timeout=30",  "a whole number of milliseconds from 100 to 10000"},
        {"amqp://u:secret@host?connection_timeout=5s",  "connection_timeout in the broker's address must" },
        {"amqp://u:secret@host/?channel_max=5",         "no \"channel_max\""                              },
        {"amqp://u:secret@host/?heartbeat=5&&",         "no others"                                       },
        {"amqp://u:secret@host/?%68eartbeat=5",         "no others"                                       },
    };
    for (size_t i = 0; i < TERN_COUNT(wrong); i++) {
        struct tern_amqp *link = NULL;
        struct tern_error err;
        const struct tern_amqp_settings settings = {.url = wrong[i].url};
        const struct tern_amqp_owner owner = {0};
        assert_int_equal(tern_amqp_create(&settings, &owner, &link, &err), -1);
        if (strstr(err.text, wrong[i].says) == NULL) fail_msg("%s: %s", wrong[i].url, err.text);
        assert_null(strstr(err.text, "secret"));
        assert_null(link);
    }
}

static void an_address_is_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *url, *user, *password, *host, *vhost;
        int port, ssl, heartbeat_s, connect_ms;
    } right[] = {
        {"amqp://",                                           "guest",       "guest",             "localhost", "/",         5672, 0, 5,  5000 },
        {"amqps://h",                                         "guest",       "guest",             "h",         "/",         5671, 1, 5,  5000 },
        {"amqp://h/",                                         "guest",       "guest",             "h",         "",          5672, 0, 5,  5000 },
        {"amqp://u@h:1?",                                     "u",           "guest",             "h",         "/",         1,    0, 5,  5000 },
        {"amqp://J%C3%B6rg:p%C3%A4%c3%9f@h/b%C3%BC",          "J\xc3\xb6rg", "p\xc3\xa4\xc3\x9f", "h",         "b\xc3\xbc", 5672, 0, 5,
         5000                                                                                                                                 },
        {"amqp://J\xc3\xb6rg:%F0%9F%94%91@h/%2F",             "J\xc3\xb6rg", "\xf0\x9f\x94\x91",  "h",         "/",         5672, 0, 5,  5000 },
        {"amqp://u:a:b%40%3a%2F%3F%23%25@[::1]:7/%2Fv",       "u",           "a:b@:/?#%",         "::1",       "/v",        7,    0, 5,  5000 },
        {"amqp://u:p@h/v?heartbeat=30",                       "u",           "p",                 "h",         "v",         5672, 0, 30, 5000 },
        {"amqp://u:p@h?connection_timeout=10000&heartbeat=1", "u",           "p",                 "h",         "/",         5672, 0, 1,  10000},
    };
    for (size_t i = 0; i < TERN_COUNT(right); i++) {
        struct tern_amqp *link = NULL;
        struct tern_error err;
        const struct tern_amqp_settings settings = {.url = right[i].url};
        const struct tern_amqp_owner owner = {0};
        if (tern_amqp_create(&settings, &owner, &link, &err) < 0) fail_msg("%s: %s", right[i].url, err.text);
        assert_string_equal(link->address.user, right[i].user);
        assert_string_equal(link->address.password, right[i].password);
        assert_string_equal(link->address.host, right[i].host);
        assert_string_equal(link->address.vhost, right[i].vhost);
        assert_int_equal(link->address.port, right[i].port);
        assert_int_equal(link->tls, right[i].ssl);
        assert_int_equal(link->settings.limits.heartbeat_s, right[i].heartbeat_s);
        assert_int_equal(link->connect_ms, right[i].connect_ms);
        tern_amqp_destroy(link);
    }
}

/* ---- no threads to be had --------------------------------------------------------------------------------------- */

static bool starts_nothing(struct tern_amqp *link)
{
    struct tern_error watchdog = {0}, name = {0};
    struct tern_amqp_addresses addresses;
    return tern_amqp_watchdog_start(&link->watchdog, 1000, &watchdog) == -1 &&
           strstr(watchdog.text, "watchdog cannot be started") != NULL &&
           tern_amqp_link_resolve(link, &addresses, &name) == -1 &&
           strstr(name.text, "\"localhost\" cannot be asked for") != NULL;
}

/* In a child of no privilege, which no limit would bind otherwise. */
static void no_thread_to_be_had_is_a_fault_like_any_other(void **state)
{
    (void)state;
    int status;
    struct client client = {0};
    client_create(&client, "amqp://guest:guest@localhost:1/", quick);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)setrlimit(RLIMIT_NPROC, &(struct rlimit){0, 0});
        if (geteuid() == 0 && setuid(65534) < 0) _exit(2);
        _exit(starts_nothing(client.link) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    tern_amqp_destroy(client.link);
}

/* ---- the broker's name ---------------------------------------------------------------------------------------- */

/* Stands before the library's: a name that hangs until it is let go. */
static atomic_int hanging;
static atomic_bool let_go;

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): glibc's names are reserved */
int getaddrinfo(const char *restrict name, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict list)
{
    union {
        void *found;
        resolver *call;
    } real = {.found = dlsym(RTLD_NEXT, "getaddrinfo")};
    if (name != NULL && strcmp(name, "hangs.example") == 0) {
        (void)atomic_fetch_add(&hanging, 1);
        while (!atomic_load(&let_go))
            (void)usleep(1000);
        (void)atomic_fetch_sub(&hanging, 1);
        return EAI_AGAIN;
    }
    return real.call(name, service, hints, list);
}

static void a_name_that_is_never_answered_holds_up_no_stop(void **state)
{
    (void)state;
    struct client client = {0};
    struct tern_amqp_limits limits = quick;
    limits.rpc_ms = 60000;
    client_create(&client, "amqp://guest:guest@hangs.example:5672/", limits);
    client_run(&client);
    while (atomic_load(&hanging) == 0)
        (void)usleep(1000);
    tern_amqp_wake(client.link);
    (void)usleep(10000);
    int64_t began_ms = now_ms();
    client_stop(&client);
    assert_in_range(now_ms() - began_ms, 0, 10000);
    atomic_store(&let_go, true);
    while (atomic_load(&hanging) > 0)
        (void)usleep(1000);
}

static void a_name_without_answer_is_asked_for_once_at_a_time(void **state)
{
    (void)state;
    struct client client = {0};
    struct tern_amqp_limits limits = quick;
    limits.rpc_ms = 50;
    atomic_store(&let_go, false);
    client_create(&client, "amqp://guest:guest@hangs.example:5672/", limits);
    client_run(&client);
    WAIT_FOR(&client, client.lost >= 3);
    assert_non_null(strstr(client.why, "\"hangs.example\" is not known yet: no answer in time"));
    assert_int_equal(atomic_load(&hanging), 1);
    atomic_store(&let_go, true);
    WAIT_FOR(&client, strstr(client.why, "the broker's host \"hangs.example\" is not known: ") != NULL);
    client_stop(&client);
}

static void a_broker_is_found_by_its_name(void **state)
{
    (void)state;
    struct client client = {0};
    char url[96];
    fake_script *const scripts[] = {well_behaved};
    client.broker = fake_broker_start(scripts, 1, &client);
    const char *port = strstr(fake_broker_url(client.broker), "127.0.0.1:") + strlen("127.0.0.1");
    (void)snprintf(url, sizeof url, "amqp://guest:guest@localhost%s", port);
    client_create(&client, url, quick);
    client_run(&client);
    WAIT_FOR(&client, client.ready == 1);
    client_stop(&client);
}

/* ---- set-up -------------------------------------------------------------------------------------------------- */

static void never_answer(struct fake_session *session, void *self)
{
    (void)self;
    if (!fake_login(session, NULL, NULL)) return;
    fake_no_answers(session);
    fake_until_gone(session);
}

static void a_call_without_answer_ends_at_its_limit(void **state)
{
    (void)state;
    struct client client = {.declares_queue = true};
    fake_script *const scripts[] = {never_answer, well_behaved};
    start(&client, scripts, 2, &client, impatient);
    WAIT_FOR(&client, client.ready == 1);
    assert_non_null(strstr(client.why, "declaring the queue \"queue\": no answer in time"));
    client_stop(&client);
}

static void refuse_queue(struct fake_session *session, void *self)
{
    struct fake_frame frame;
    (void)self;
    if (!fake_login(session, NULL, NULL)) return;
    fake_no_answers(session);
    if (fake_wait(session, FAKE_QUEUE_DECLARE, &frame))
        fake_close_channel(session, 406, "PRECONDITION_FAILED - inequivalent arg 'x-queue-type'");
    fake_until_gone(session);
}

static void a_queue_with_other_settings_is_explained(void **state)
{
    (void)state;
    struct client client = {.declares_queue = true};
    START(&client, refuse_queue);
    WAIT_FOR(&client, client.lost >= 1);
    assert_non_null(strstr(client.why, "\"queue\" exists with other settings"));
    assert_non_null(strstr(client.why, "delete it"));
    assert_non_null(strstr(client.why, "PRECONDITION_FAILED - inequivalent arg 'x-queue-type'"));
    client_stop(&client);
}

/* The client opens its channel again; nothing is answered by itself here. */
static void know_no_marker(struct fake_session *session, void *self)
{
    struct fake_frame frame;
    static const unsigned char open_ok[] = {1, 0, 1, 0, 0, 0, 8, 0, 20, 0, 11, 0, 0, 0, 0, 0xCE};
    (void)self;
    if (!fake_login(session, NULL, NULL)) return;
    fake_no_answers(session);
    if (!fake_wait(session, FAKE_EXCHANGE_DECLARE, &frame)) return;
    fake_close_channel(session, 404, "NOT_FOUND - no exchange 'marker'");
    if (!fake_wait(session, FAKE_CHANNEL_CLOSE_OK, &frame) || !fake_wait(session, FAKE_CHANNEL_OPEN, &frame)) return;
    fake_raw(session, open_ok, sizeof open_ok);
    if (fake_wait(session, FAKE_QUEUE_DECLARE, &frame)) fake_declare_ok(session, 0);
    fake_until_gone(session);
}

static void asking_for_a_marker_survives_the_answer_no(void **state)
{
    (void)state;
    struct client client = {.asks_for_marker = true, .declares_queue = true, .exists = -7};
    START(&client, know_no_marker);
    WAIT_FOR(&client, client.ready == 1);
    assert_int_equal(client.exists, 0);
    assert_int_equal(client.lost, 0);
    client_stop(&client);
}

static void asking_for_a_marker_hears_that_it_is_there(void **state)
{
    (void)state;
    struct client client = {.asks_for_marker = true, .exists = -7};
    START(&client, well_behaved);
    WAIT_FOR(&client, client.ready == 1);
    assert_int_equal(client.exists, 1);
    client_stop(&client);
}

/* ---- what comes in ------------------------------------------------------------------------------------------- */

static void deliver_in_single_bytes(struct fake_session *session, void *self)
{
    struct fake_frame frame;
    (void)self;
    if (!fake_login(session, NULL, NULL) || !fake_wait(session, FAKE_CONSUME, &frame)) return;
    fake_chunk(session, 1);
    fake_deliver(session, 1, "OrderPlaced", "{\"a\":1}", 7);
    fake_until_gone(session);
}

static void a_message_in_single_bytes_arrives_whole(void **state)
{
    (void)state;
    struct client client = {.consumes = true};
    START(&client, deliver_in_single_bytes);
    WAIT_FOR(&client, client.delivered == 1);
    assert_string_equal(client.type, "OrderPlaced");
    assert_string_equal(client.body, "{\"a\":1}");
    assert_string_equal(client.traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_int_equal(client.lost, 0);
    client_stop(&client);
}

static void deliver_in_frames(struct fake_session *session, void *self)
{
    struct fake_frame frame;
    (void)self;
    if (!fake_login(session, NULL, NULL) || !fake_wait(session, FAKE_CONSUME, &frame)) return;
    fake_deliver_head(session, 1);
    fake_heartbeat(session);
    fake_header(session, 6, "OrderPlaced");
    fake_body(session, "ab", 2);
    fake_heartbeat(session);
    fake_body(session, "cd", 2);
    fake_body(session, "ef", 2);
    fake_deliver(session, 2, "OrderPlaced", "", 0);
    fake_until_gone(session);
}

static void a_body_in_several_frames_is_put_together(void **state)
{
    (void)state;
    struct client client = {.consumes = true};
    START(&client, deliver_in_frames);
    WAIT_FOR(&client, client.delivered == 2);
    assert_string_equal(client.body, "");
    assert_int_equal(client.body_length, 0);
    client_stop(&client);
}

static void deliver_half(struct fake_session *session, void *self)
{
    struct fake_frame frame;
    (void)self;
    if (!fake_login(session, NULL, NULL) || !fake_wait(session, FAKE_CONSUME, &frame)) return;
    fake_deliver_head(session, 1);
    fake_header(session, 100, "OrderPlaced");
    fake_body(session, "half", 4);
    fake_until_gone(session);
}

static void half_a_message_and_silence_is_a_lost_connection(void **state)
{
    (void)state;
    struct client client = {.consumes = true};
    START(&client, deliver_half, deliver_in_single_bytes);
    WAIT_FOR(&client, client.delivered == 1);
    assert_int_equal(client.lost, 1);
    assert_non_null(strstr(client.why, "silent"));
    client_stop(&client);
}

static void deliver_oversized(struct fake_session *session, void *self)
{
    enum { PIECE = 128000, PIECES = 120 };
    struct fake_frame frame;
    (void)self;
    if (!fake_login(session, NULL, NULL) || !fake_wait(session, FAKE_CONSUME, &frame)) return;
    unsigned char *piece = tern_alloc(PIECE + 8); /* one frame, sent again and again: the broker allocates nothing */
    const unsigned char head[] = {3, 0, 1, 0, PIECE >> 16, (PIECE >> 8) & 0xFF, PIECE & 0xFF};
    memcpy(piece, head, sizeof head);
    piece[PIECE + 7] = 0xCE;
    fake_deliver_head(session, 1);
    fake_header(session, (uint64_t)PIECE * PIECES, "OrderPlaced");
    for (int i = 0; i < PIECES; i++)
        fake_raw(session, piece, PIECE + 8);
    free(piece);
    fake_until_gone(session);
}

static long peak_kilobytes(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void fifteen_megabytes_are_thrown_away_without_being_kept(void **state)
{
    (void)state;
    struct client client = {.consumes = true};
    START(&client, deliver_oversized);
    WAIT_FOR(&client, client.ready == 1);
    long before = peak_kilobytes();
    WAIT_FOR(&client, client.delivered == 1);
    assert_false(client.body_kept);
    assert_int_equal(client.body_length, 15360000);
    assert_in_range(peak_kilobytes() - before, 0, 8 * 1024);
    client_stop(&client);
}

static void announce_the_impossible(struct fake_session *session, void *self)
{
    struct fake_frame frame;
    (void)self;
    if (!fake_login(session, NULL, NULL) || !fake_wait(session, FAKE_CONSUME, &frame)) return;
    fake_deliver_head(session, 1);
    fake_header(session, UINT64_MAX, "OrderPlaced");
    fake_body(session, "x", 1);
    fake_close_channel(session, 541, "INTERNAL_ERROR - sorry");
    fake_until_gone(session);
}

static void an_impossible_size_allocates_nothing(void **state)
{
    (void)state;
    struct client client = {.consumes = true};
    START(&client, announce_the_impossible, well_behaved);
    WAIT_FOR(&client, client.lost == 1);
    assert_string_equal(client.why, "the broker closed the channel: 541 INTERNAL_ERROR - sorry");
    client_stop(&client);
}

static void deliver_nested(struct fake_session *session, void *self)
{
    struct fake_frame frame;
    (void)self;
    if (!fake_login(session, NULL, NULL) || !fake_wait(session, FAKE_CONSUME, &frame)) return;
    fake_deliver_head(session, 1);
    fake_header_nested(session, 0, 18000);
    fake_deliver(session, 2, "OrderPlaced", "{}", 2);
    fake_until_gone(session);
}

/* Newer libraries refuse such tables: then the connection is lost, which is as good. */
static void header_tables_eighteen_thousand_deep_do_no_harm(void **state)
{
    (void)state;
    struct client client = {.consumes = true};
    START(&client, deliver_nested, deliver_in_single_bytes);
    WAIT_FOR(&client, client.delivered >= 1 && client.type[0] != '\0');
    assert_string_equal(client.type, "OrderPlaced");
    client_stop(&client);
}

/* A header whose table holds a field of no known kind. */
static void send_undecodable_header(struct fake_session *session)
{
    static const unsigned char header[] = {2, 0, 1, 0, 0,    0, 22, 0, 60, 0, 0, 0,   0,   0, 0,
                                           0, 0, 0, 2, 0x20, 0, 0,  0, 0,  4, 1, 'a', 'Z', 0, 0xCE};
    fake_raw(session, header, sizeof header);
}

static void deliver_undecodable(struct fake_session *session, void *self)
{
    struct fake_frame frame;
    (void)self;
    if (!fake_login(session, NULL, NULL) || !fake_wait(session, FAKE_CONSUME, &frame)) return;
    fake_deliver_head(session, 7);
    send_undecodable_header(session);
    fake_until_gone(session);
}

static void redeliver_undecodable(struct fake_session *session, void *self)
{
    struct client *client = self;
    struct fake_frame frame;
    if (!fake_login(session, NULL, NULL) || !fake_wait(session, FAKE_CONSUME, &frame)) return;
    fake_redeliver_head(session, 8);
    send_undecodable_header(session);
    if (!fake_wait(session, FAKE_REJECT, &frame)) return;
    NOTE(client, client->exists = (int64_t)fake_number(frame.payload, 8) * 10 + frame.payload[8]);
    fake_until_gone(session);
}

static void headers_that_cannot_be_decoded_do_not_come_for_ever(void **state)
{
    (void)state;
    struct client client = {.consumes = true};
    START(&client, deliver_undecodable, redeliver_undecodable, deliver_in_single_bytes);
    WAIT_FOR(&client, client.delivered == 1);
    assert_int_equal(client.exists, 80); /* tag 8, not back to the queue */
    assert_int_equal(client.lost, 2);
    assert_non_null(strstr(client.why, "dead-lettered"));
    client_stop(&client);
}

static void send_garbage(struct fake_session *session, void *self)
{
    (void)self;
    if (!fake_login(session, NULL, NULL)) return;
    fake_raw(session, "HTTP/1.1 400 Bad Request\r\n\r\n and so on", 38);
    fake_until_gone(session);
}

static void send_unknown_method(struct fake_session *session, void *self)
{
    static const unsigned char tx_select_ok[] = {1, 0, 1, 0, 0, 0, 4, 0, 90, 0, 11, 0xCE};
    (void)self;
    if (!fake_login(session, NULL, NULL)) return;
    fake_raw(session, tx_select_ok, sizeof tx_select_ok);
    fake_until_gone(session);
}

static void send_body_of_nothing(struct fake_session *session, void *self)
{
    (void)self;
    if (!fake_login(session, NULL, NULL)) return;
    fake_body(session, "x", 1);
    fake_until_gone(session);
}

static void send_on_other_channel(struct fake_session *session, void *self)
{
    static const unsigned char close_ok[] = {1, 0, 9, 0, 0, 0, 4, 0, 20, 0, 41, 0xCE};
    (void)self;
    if (!fake_login(session, NULL, NULL)) return;
    fake_raw(session, close_ok, sizeof close_ok);
    fake_until_gone(session);
}

static void whatever_does_not_belong_starts_the_link_over(void **state)
{
    (void)state;
    struct client client = {0};
    START(&client, send_garbage, send_unknown_method, send_body_of_nothing, send_on_other_channel, well_behaved);
    WAIT_FOR(&client, client.ready == 5);
    assert_int_equal(client.lost, 4);
    client_stop(&client);
}

static void close_connection(struct fake_session *session, void *self)
{
    struct fake_frame frame;
    (void)self;
    if (!fake_login(session, NULL, NULL) || !fake_wait(session, FAKE_CONSUME, &frame)) return;
    fake_close_connection(session, 320, "CONNECTION_FORCED - maintenance");
    fake_until_gone(session);
}

static void a_close_by_the_broker_is_told_in_its_words(void **state)
{
    (void)state;
    struct client client = {.consumes = true};
    START(&client, close_connection, well_behaved);
    WAIT_FOR(&client, client.lost == 1);
    assert_string_equal(client.why, "the broker closed the connection: 320 CONNECTION_FORCED - maintenance");
    WAIT_FOR(&client, client.ready == 2);
    client_stop(&client);
}

static void cancel_consumer(struct fake_session *session, void *self)
{
    struct fake_frame frame;
    (void)self;
    if (!fake_login(session, NULL, NULL) || !fake_wait(session, FAKE_CONSUME, &frame)) return;
    fake_cancel_consumer(session);
    fake_until_gone(session);
}

static void a_cancelled_consumer_is_set_up_again(void **state)
{
    (void)state;
    struct client client = {.consumes = true};
    START(&client, cancel_consumer, deliver_in_single_bytes);
    WAIT_FOR(&client, client.delivered == 1);
    assert_int_equal(client.lost, 1);
    assert_non_null(strstr(client.why, "cancelled the consumer of \"queue\""));
    client_stop(&client);
}

static void forget_consumer(struct fake_session *session, void *self)
{
    struct fake_frame frame;
    (void)self;
    if (!fake_login(session, NULL, NULL) || !fake_wait(session, FAKE_CONSUME, &frame)) return;
    fake_no_answers(session);
    if (fake_wait(session, FAKE_QUEUE_DECLARE, &frame)) fake_declare_ok(session, 0);
    fake_until_gone(session);
}

static void a_queue_that_forgot_its_consumer_is_noticed(void **state)
{
    (void)state;
    struct client client = {.consumes = true};
    struct tern_amqp_limits limits = quick;
    limits.probe_ms = 50;
    limits.heartbeat_s = 20;
    fake_script *const scripts[] = {forget_consumer, well_behaved};
    start(&client, scripts, 2, &client, limits);
    tern_amqp_wake(client.link);
    WAIT_FOR(&client, client.ready == 2);
    assert_non_null(strstr(client.why, "has forgotten its consumer"));
    client_stop(&client);
}

static void answer_cancel(struct fake_session *session, void *self)
{
    struct fake_frame frame;
    (void)self;
    if (!fake_login(session, NULL, NULL) || !fake_wait(session, FAKE_CANCEL, &frame)) return;
    fake_deliver(session, 1, "OrderPlaced", "{}", 2);
    fake_cancel_ok(session);
    fake_until_gone(session);
}

static void what_was_under_way_arrives_before_the_cancel_is_answered(void **state)
{
    (void)state;
    struct client client = {.consumes = true, .cancel_wanted = 1};
    START(&client, answer_cancel);
    WAIT_FOR(&client, client.cancelled == 1);
    assert_int_equal(client.delivered, 1);
    assert_int_equal(client.lost, 0);
    client_stop(&client);
}

/* ---- heartbeats ---------------------------------------------------------------------------------------------- */

static void expect_heartbeats(struct fake_session *session, void *self)
{
    struct client *client = self;
    struct fake_frame frame;
    if (!fake_login(session, NULL, NULL)) return;
    while (fake_next(session, &frame, 5000)) {
        if (frame.method != FAKE_HEARTBEAT) continue;
        NOTE(client, client->confirms++);
        fake_heartbeat(session);
    }
}

static void an_idle_link_keeps_itself_alive(void **state)
{
    (void)state;
    struct client client = {0};
    START(&client, expect_heartbeats);
    WAIT_FOR(&client, client.confirms >= 4); /* longer than two heartbeats */
    if (client.lost > 0) fail_msg("lost %d times: %s", client.lost, client.why);
    client_stop(&client);
}

static void fall_silent(struct fake_session *session, void *self)
{
    (void)self;
    if (fake_login(session, NULL, NULL)) fake_until_gone(session);
}

static void silence_without_heartbeats_is_a_lost_connection(void **state)
{
    (void)state;
    struct client client = {0};
    START(&client, fall_silent);
    WAIT_FOR(&client, client.ready == 1);
    int64_t began_ms = now_ms();
    WAIT_FOR(&client, client.lost == 1);
    assert_in_range(now_ms() - began_ms, 1500, 15000);
    assert_non_null(strstr(client.why, "the broker has been silent for"));
    client_stop(&client);
}

/* ---- what goes out ------------------------------------------------------------------------------------------- */

static void confirm_oddly(struct fake_session *session, void *self)
{
    struct fake_frame frame;
    (void)self;
    if (!fake_login(session, NULL, NULL)) return;
    for (int i = 0; i < 6; i++)
        if (!fake_wait(session, FAKE_PUBLISH, &frame)) return;
    fake_confirm(session, 5, false, true);
    fake_return(session, "message-4");
    fake_confirm(session, 3, true, true);
    fake_confirm(session, 4, false, false);
    fake_confirm(session, 0, true, true);
    fake_until_gone(session);
}

static void confirms_returns_and_nacks_arrive_in_the_brokers_order(void **state)
{
    (void)state;
    struct client client = {.confirms_wanted = true, .publishes = 6, .publish_bytes = 100};
    START(&client, confirm_oddly);
    WAIT_FOR(&client, client.confirms == 4);
    assert_string_equal(client.order, "crccc");
    assert_string_equal(client.returned_id, "message-4");
    assert_int_equal(client.last_sequence, 6);
    assert_int_equal(client.confirm[0].sequence, 5);
    assert_false(client.confirm[0].multiple);
    assert_true(client.confirm[1].multiple);
    assert_false(client.confirm[2].acked);
    client_stop(&client);
}

struct publication {
    struct client client;
    char id[64];
    uint64_t size;
    size_t seen, frames;
};

static void take_apart(struct fake_session *session, void *self)
{
    struct publication *publication = self;
    struct fake_frame frame;
    if (!fake_login(session, NULL, NULL) || !fake_wait(session, FAKE_PUBLISH, &frame)) return;
    if (!fake_next(session, &frame, 5000) || frame.type != 2) return;
    publication->size = fake_number(frame.payload + 4, 8);
    fake_message_id(&frame, publication->id, sizeof publication->id);
    while (publication->seen < publication->size && fake_next(session, &frame, 5000) && frame.type == 3) {
        publication->seen += frame.length;
        publication->frames++;
    }
    fake_confirm(session, 1, false, true);
    fake_until_gone(session);
}

static void a_body_over_the_frame_size_goes_out_in_pieces(void **state)
{
    (void)state;
    struct publication publication = {
        .client = {.confirms_wanted = true, .publishes = 1, .publish_bytes = 200000}
    };
    fake_script *const scripts[] = {take_apart};
    start(&publication.client, scripts, 1, &publication, quick);
    WAIT_FOR(&publication.client, publication.client.confirms == 1);
    assert_string_equal(publication.id, "message-1");
    assert_int_equal(publication.size, 200000);
    assert_int_equal(publication.seen, 200000);
    assert_int_equal(publication.frames, 2);
    client_stop(&publication.client);
}

/* For a script: waits until the client has worked a few rounds more. */
static bool let_it_work(struct fake_session *session, struct client *client)
{
    int target = -1, works = 0;
    do {
        fake_heartbeat(session);
        NOTE(client, works = client->works);
        if (target < 0) target = works + 3;
    } while (works < target && fake_stay_silent(session, 5));
    return works >= target;
}

static void block_and_unblock(struct fake_session *session, void *self)
{
    struct client *client = self;
    struct fake_frame frame;
    if (!fake_login(session, NULL, NULL) || !fake_wait(session, FAKE_SELECT, &frame)) return;
    fake_blocked(session, true);
    if (!let_it_work(session, client)) return;
    NOTE(client, client->publishes = 1);
    if (!let_it_work(session, client)) return;
    NOTE(client, client->exists = client->publishes); /* still 1: it was not sent */
    fake_blocked(session, false);
    if (!fake_wait(session, FAKE_PUBLISH, &frame)) return;
    fake_confirm(session, 1, false, true);
    fake_until_gone(session);
}

static void a_blocked_link_publishes_nothing_until_it_is_unblocked(void **state)
{
    (void)state;
    struct client client = {.confirms_wanted = true, .publish_bytes = 10};
    START(&client, block_and_unblock);
    WAIT_FOR(&client, client.blocked == 1);
    WAIT_FOR(&client, client.confirms == 1);
    assert_string_equal(client.body, "low on memory");
    assert_int_equal(client.exists, 1);
    assert_int_equal(client.unblocked, 1);
    assert_false(tern_amqp_state(client.link).blocked);
    client_stop(&client);
}

static void stop_reading_but_live(struct fake_session *session, void *self)
{
    (void)self;
    if (!fake_login(session, NULL, NULL)) return;
    do
        fake_heartbeat(session);
    while (fake_stay_silent(session, 200));
}

static void a_broker_that_stops_reading_holds_up_nobody(void **state)
{
    (void)state;
    struct client client = {.publishes = 1000000, .publish_bytes = 60000};
    START(&client, stop_reading_but_live);
    WAIT_FOR(&client, client.works > 3 && client.publishes < 1000000 && !client.may_publish);
    int works = client.works;
    WAIT_FOR(&client, client.works > works + 2); /* its thread goes on */
    assert_int_equal(client.lost, 0);
    int64_t began_ms = now_ms();
    client_stop(&client);
    assert_in_range(now_ms() - began_ms, 0, 5000);
}

static void wait_for_ack(struct fake_session *session, void *self)
{
    struct client *client = self;
    struct fake_frame frame;
    if (!fake_login(session, NULL, NULL) || !fake_wait(session, FAKE_CONSUME, &frame)) return;
    fake_deliver(session, 1, "OrderPlaced", "{}", 2);
    if (!fake_wait(session, FAKE_ACK, &frame)) return;
    NOTE(client, client->exists = (int64_t)fake_number(frame.payload, 8) * 10 + frame.payload[8]);
    fake_until_gone(session);
}

static void an_ack_that_is_due_leaves_before_the_goodbye(void **state)
{
    (void)state;
    struct client client = {.consumes = true};
    struct tern_amqp_limits limits = quick;
    limits.heartbeat_s = 60;
    fake_script *const scripts[] = {wait_for_ack};
    start(&client, scripts, 1, &client, limits);
    WAIT_FOR(&client, client.delivered == 1);
    NOTE(&client, client.ack_tag = 1);
    client_stop(&client);
    assert_int_equal(client.exists, 11); /* tag 1, cumulative */
}

/* ---- the watchdog -------------------------------------------------------------------------------------------- */

static void the_watchdog_ends_a_call_that_lasts_too_long(void **state)
{
    (void)state;
    int pair[2];
    char byte;
    struct tern_amqp_watchdog watchdog = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    tern_amqp_watchdog_init(&watchdog);
    tern_amqp_watchdog_set_fd(&watchdog, pair[0]);
    assert_int_equal(tern_amqp_watchdog_start(&watchdog, 200, NULL), 0);
    int64_t began_ms = now_ms();
    tern_amqp_call_begins(&watchdog);
    assert_int_equal(recv(pair[0], &byte, 1, 0), 0); /* shut under the call */
    tern_amqp_call_ends(&watchdog);
    assert_in_range(now_ms() - began_ms, 150, 15000);
    tern_amqp_watchdog_stop(&watchdog);
    tern_amqp_watchdog_fini(&watchdog);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

static void the_watchdog_lets_short_calls_be(void **state)
{
    (void)state;
    int pair[2];
    char byte = 'x';
    struct tern_amqp_watchdog watchdog = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    tern_amqp_watchdog_init(&watchdog);
    tern_amqp_watchdog_set_fd(&watchdog, pair[0]);
    assert_int_equal(tern_amqp_watchdog_start(&watchdog, 500, NULL), 0);
    int64_t until_ms = now_ms() + 1000;
    while (now_ms() < until_ms) {
        tern_amqp_call_begins(&watchdog);
        assert_int_equal(write(pair[1], &byte, 1), 1);
        assert_int_equal(recv(pair[0], &byte, 1, 0), 1);
        tern_amqp_call_ends(&watchdog);
    }
    tern_amqp_watchdog_stop(&watchdog);
    tern_amqp_watchdog_fini(&watchdog);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(introduces_itself_with_name_and_capabilities),
        cmocka_unit_test(says_whom_the_broker_refuses_and_tries_again),
        cmocka_unit_test(a_silent_handshake_ends_at_its_limit),
        cmocka_unit_test(a_stop_ends_a_silent_handshake_at_once),
        cmocka_unit_test(no_thread_to_be_had_is_a_fault_like_any_other),
        cmocka_unit_test(a_stop_ends_a_back_off_at_once),
        cmocka_unit_test(an_address_that_is_none_is_refused),
        cmocka_unit_test(an_address_is_taken_apart),
        cmocka_unit_test(a_name_that_is_never_answered_holds_up_no_stop),
        cmocka_unit_test(a_name_without_answer_is_asked_for_once_at_a_time),
        cmocka_unit_test(a_broker_is_found_by_its_name),
        cmocka_unit_test(a_call_without_answer_ends_at_its_limit),
        cmocka_unit_test(a_queue_with_other_settings_is_explained),
        cmocka_unit_test(asking_for_a_marker_survives_the_answer_no),
        cmocka_unit_test(asking_for_a_marker_hears_that_it_is_there),
        cmocka_unit_test(a_message_in_single_bytes_arrives_whole),
        cmocka_unit_test(a_body_in_several_frames_is_put_together),
        cmocka_unit_test(half_a_message_and_silence_is_a_lost_connection),
        cmocka_unit_test(fifteen_megabytes_are_thrown_away_without_being_kept),
        cmocka_unit_test(an_impossible_size_allocates_nothing),
        cmocka_unit_test(header_tables_eighteen_thousand_deep_do_no_harm),
        cmocka_unit_test(headers_that_cannot_be_decoded_do_not_come_for_ever),
        cmocka_unit_test(whatever_does_not_belong_starts_the_link_over),
        cmocka_unit_test(a_close_by_the_broker_is_told_in_its_words),
        cmocka_unit_test(a_cancelled_consumer_is_set_up_again),
        cmocka_unit_test(a_queue_that_forgot_its_consumer_is_noticed),
        cmocka_unit_test(what_was_under_way_arrives_before_the_cancel_is_answered),
        cmocka_unit_test(an_idle_link_keeps_itself_alive),
        cmocka_unit_test(silence_without_heartbeats_is_a_lost_connection),
        cmocka_unit_test(confirms_returns_and_nacks_arrive_in_the_brokers_order),
        cmocka_unit_test(a_body_over_the_frame_size_goes_out_in_pieces),
        cmocka_unit_test(a_blocked_link_publishes_nothing_until_it_is_unblocked),
        cmocka_unit_test(a_broker_that_stops_reading_holds_up_nobody),
        cmocka_unit_test(an_ack_that_is_due_leaves_before_the_goodbye),
        cmocka_unit_test(the_watchdog_ends_a_call_that_lasts_too_long),
        cmocka_unit_test(the_watchdog_lets_short_calls_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
