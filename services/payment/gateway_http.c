/* gateway_http.c - a payment gateway over HTTP: POST /charges, GET /charges/<key>, POST /refunds.
 *
 * A run of a job begins a call, answers WAIT, and is hurried when the call has ended. What was begun before, by an
 * earlier attempt or an earlier process, may have had its effect: such a charge is looked for by its key first, and
 * posted (with the same key) only when the gateway has never seen it. Nothing but the gateway's own word ends a charge: for
 * an ERROR it must have been reachable, and not have seen what was posted just before.
 *
 * Invariant: a flight belongs to one job from the beginning of a call until the job has taken its answer. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway_answer.h"
#include "shop/rules.h"
#include "tern/clock.h"
#include "tern/http_client.h"
#include "tern/log.h"

enum { FLIGHTS_MAX = 1024, QUEUE_MAX = 4096, CONNECT_MS = 5000, LATEST_MS = 60000, FULL_MS = 10000 };

struct http_gateway;

struct flight {
    int64_t job_id; /* 0: free */
    struct http_gateway *gateway;
    struct tern_job_lane *lane;
    enum gateway_question question;
    bool last_word; /* of a look: the charge was posted in vain just before */
    bool ended;
    bool turned_away;
    enum gateway_answer answer;
    struct gateway_reply reply;
};

struct http_gateway {
    struct tern_text url, ca_file; /* as it was opened with; no slash at the end */
    int64_t opened_at_ms;
    struct tern_http_client *client;
    atomic_int turned_away[GATEWAY_QUESTIONS]; /* the status with which it was at last; 0: it was not */
    struct tern_text authorization;            /* the header with our key; empty: none. Under the lock */
    pthread_mutex_t lock;                      /* guards what follows */
    struct flight flights[FLIGHTS_MAX];
    int64_t
        queue[QUEUE_MAX]; /* jobs that wait for a flight: a ring; those that find no place come back by themselves */
    size_t queue_first, queue_count;
};

/* ---- flights ---- */

/* The job's own with its id, a free one with 0; the lock is held. */
static struct flight *flight_of(struct http_gateway *gateway, int64_t job_id)
{
    for (size_t i = 0; i < FLIGHTS_MAX; i++)
        if (gateway->flights[i].job_id == job_id) return &gateway->flights[i];
    return NULL;
}

/* False when the queue is full; the lock is held. */
static bool queue_up(struct http_gateway *gateway, int64_t job_id)
{
    for (size_t i = 0; i < gateway->queue_count; i++)
        if (gateway->queue[(gateway->queue_first + i) % QUEUE_MAX] == job_id) return true;
    if (gateway->queue_count == QUEUE_MAX) return false;
    gateway->queue[(gateway->queue_first + gateway->queue_count++) % QUEUE_MAX] = job_id;
    return true;
}

/* The first in the queue, or 0; the lock is held. */
static int64_t leave_queue(struct http_gateway *gateway)
{
    if (gateway->queue_count == 0) return 0;
    int64_t job_id = gateway->queue[gateway->queue_first];
    gateway->queue_first = (gateway->queue_first + 1) % QUEUE_MAX;
    gateway->queue_count--;
    return job_id;
}

/* With the job, the gateway and the question of `planned`. NULL: there is no room, and the job queues up if it can. */
static struct flight *take_off(struct http_gateway *gateway, const struct flight *planned, bool *ret_queued)
{
    pthread_mutex_lock(&gateway->lock);
    struct flight *flight = flight_of(gateway, 0);
    *ret_queued = !flight && queue_up(gateway, planned->job_id);
    if (flight) *flight = *planned;
    pthread_mutex_unlock(&gateway->lock);
    return flight;
}

static void free_flight(struct http_gateway *gateway, struct flight *flight)
{
    pthread_mutex_lock(&gateway->lock);
    flight->job_id = 0;
    pthread_mutex_unlock(&gateway->lock);
}

enum landing { NOT_BEGUN, IN_THE_AIR, LANDED };

/* A flight that has ended is copied out and free again, for who waits for one. */
static enum landing look_for(struct http_gateway *gateway, int64_t job_id, struct flight *ret_flight)
{
    enum landing landing = NOT_BEGUN;
    int64_t next_id = 0;
    pthread_mutex_lock(&gateway->lock);
    struct flight *flight = flight_of(gateway, job_id);
    if (flight) landing = flight->ended ? LANDED : IN_THE_AIR;
    if (landing == LANDED) {
        *ret_flight = *flight;
        flight->job_id = 0;
        next_id = leave_queue(gateway);
    }
    pthread_mutex_unlock(&gateway->lock);
    if (next_id && ret_flight->lane) tern_job_lane_hurry(ret_flight->lane, next_id);
    return landing;
}

/* Whether we are let in only an answer of the gateway's own says: not a time-out, nor a 5xx of what stands before it. */
static void note_turned_away(struct http_gateway *gateway, enum gateway_question question, int status,
                             enum gateway_answer answer)
{
    if (status < 200 || status >= 500) return;
    atomic_store(&gateway->turned_away[question], gateway_turns_away(status, answer) ? status : 0);
}

/* On the client's thread. */
static void on_reply(void *owner, const struct tern_http_reply *reply)
{
    struct flight *flight = owner;
    struct http_gateway *gateway = flight->gateway;
    struct gateway_reply read = {0};
    enum gateway_answer answer = GATEWAY_UNKNOWN;
    if (reply->status != 0)
        answer = gateway_read_answer(flight->question, reply->status, reply->body, reply->length, &read);
    else
        shop_set_text(read.reason, reply->error.text);
    note_turned_away(gateway, flight->question, reply->status, answer);
    pthread_mutex_lock(&gateway->lock);
    struct tern_job_lane *lane = flight->lane;
    int64_t job_id = flight->job_id;
    flight->answer = answer;
    flight->turned_away = gateway_turns_away(reply->status, answer);
    flight->reply = read;
    flight->ended = true;
    pthread_mutex_unlock(&gateway->lock);
    if (lane) tern_job_lane_hurry(lane, job_id);
}

/* ---- asking ---- */

static void write_charge(const struct gateway_call *call, struct tern_text *body)
{
    const struct gateway_request *request = call->request;
    tern_text_printf(body, "{\"orderId\":\"%s\",\"customerId\":\"%s\",\"amount\":%lld,\"currency\":\"%s\"",
                     call->job->subject, request->customer_id, (long long)request->amount_minor, request->currency);
    if (request->token[0]) {
        tern_text_add(body, ",\"token\":");
        tern_json_write_string(body, request->token);
    }
    tern_text_add(body, "}");
}

static void write_refund(const struct gateway_call *call, struct tern_text *body)
{
    tern_text_add(body, "{\"chargeId\":");
    tern_json_write_string(body, call->request->reference);
    tern_text_printf(body, ",\"amount\":%lld}", (long long)call->request->amount_minor);
}

static void write_url(const struct http_gateway *gateway, enum gateway_question question, const char *key,
                      struct tern_text *url)
{
    switch (question) {
    case GATEWAY_CHARGE: tern_text_printf(url, "%s/charges", gateway->url.bytes); return;
    case GATEWAY_LOOK: tern_text_printf(url, "%s/charges/%s", gateway->url.bytes, key); return;
    case GATEWAY_REFUND: tern_text_printf(url, "%s/refunds", gateway->url.bytes); return;
    case GATEWAY_QUESTIONS: break;
    }
    tern_broken(__FILE__, __LINE__, "a gateway is asked one of its questions");
}

static void forget(struct tern_text *secret)
{
    if (secret->bytes) explicit_bzero(secret->bytes, secret->length);
    tern_text_fini(secret);
}

static int send_call(struct http_gateway *gateway, struct flight *flight, const struct gateway_call *call)
{
    struct tern_text url = {0}, body = {0}, key = {0}, authorization = {0};
    const char *headers[3] = {0};
    size_t count = 0;
    tern_text_printf(&key, "Idempotency-Key: %s", call->key);
    if (flight->question != GATEWAY_LOOK) headers[count++] = key.bytes;
    pthread_mutex_lock(&gateway->lock);
    if (gateway->authorization.bytes) tern_text_add(&authorization, gateway->authorization.bytes);
    pthread_mutex_unlock(&gateway->lock);
    if (authorization.length > 0) headers[count++] = authorization.bytes;
    write_url(gateway, flight->question, call->key, &url);
    if (flight->question == GATEWAY_CHARGE) write_charge(call, &body);
    if (flight->question == GATEWAY_REFUND) write_refund(call, &body);
    const struct tern_http_call asked = {.method = flight->question == GATEWAY_LOOK ? "GET" : "POST",
                                         .url = url.bytes,
                                         .headers = headers,
                                         .body = body.bytes};
    int status = tern_http_client_send(gateway->client, &asked, on_reply, flight, NULL);
    tern_text_fini(&url);
    tern_text_fini(&body);
    tern_text_fini(&key);
    forget(&authorization);
    return status;
}

/* WAIT: for the answer, or for room. */
static enum gateway_answer begin(struct http_gateway *gateway, const struct gateway_call *call,
                                 enum gateway_question question, bool last_word, struct gateway_reply *reply)
{
    const struct flight planned = {
        .job_id = call->job->id, .gateway = gateway, .lane = call->lane, .question = question, .last_word = last_word};
    bool queued;
    struct flight *flight = take_off(gateway, &planned, &queued);
    bool sent = flight && send_call(gateway, flight, call) == 0;
    if (flight && !sent) free_flight(gateway, flight);
    reply->wait_ms = sent || queued ? LATEST_MS : FULL_MS; /* somebody hurries it, or nobody does */
    return GATEWAY_WAIT;
}

/* The whole of a question that is one call. */
static enum gateway_answer ask_once(struct http_gateway *gateway, const struct gateway_call *call,
                                    enum gateway_question question, struct gateway_reply *reply)
{
    struct flight flight;
    switch (look_for(gateway, call->job->id, &flight)) {
    case NOT_BEGUN: return begin(gateway, call, question, false, reply);
    case IN_THE_AIR: reply->wait_ms = LATEST_MS; return GATEWAY_WAIT;
    case LANDED: break;
    }
    *reply = flight.reply;
    return flight.answer;
}

/* By an earlier attempt, or an earlier process. */
static bool may_have_been_posted(const struct http_gateway *gateway, const struct gateway_call *call)
{
    return call->job->attempts > 0 || call->job->added_at_ms <= gateway->opened_at_ms;
}

/* Amounts are hundredths here, and a gateway counts in the minor unit that ISO 4217 gives a currency: those with another
 * one than a hundredth would be charged a hundred times too much, or a tenth. The API refuses them; an order of an older
 * order-service may still come. */
static enum gateway_answer post(struct http_gateway *gateway, const struct gateway_call *call,
                                struct gateway_reply *reply)
{
    if (shop_currency_has_cents(call->request->currency)) return begin(gateway, call, GATEWAY_CHARGE, false, reply);
    shop_set_text(reply->reason, "amounts in this currency have no two decimals: the gateway is not asked");
    return GATEWAY_REFUSED;
}

/* Not seen: it may be posted. Not seen although it was just posted: that is the end, a request stuck on the way apart. */
static enum gateway_answer after_look(struct http_gateway *gateway, const struct gateway_call *call,
                                      const struct flight *look, struct gateway_reply *reply)
{
    if (look->answer != GATEWAY_NOTHING) return look->answer;
    if (call->request->cancelled) return GATEWAY_STOPPED;
    if (!look->last_word) return post(gateway, call, reply);
    shop_set_text(reply->reason, "the gateway gave no usable answer, and has not seen the charge");
    return GATEWAY_NOTHING;
}

/* With the last attempt the gateway is asked what became of it; before that the next attempt does. A charge that was turned
 * away is no failure of the customer's, however often it was tried. */
static enum gateway_answer after_post(struct http_gateway *gateway, const struct gateway_call *call,
                                      const struct flight *post, struct gateway_reply *reply)
{
    bool is_last = call->job->attempts + 1 >= call->most_attempts;
    if (post->answer != GATEWAY_UNKNOWN || !is_last || post->turned_away) return post->answer;
    return begin(gateway, call, GATEWAY_LOOK, true, reply);
}

static enum gateway_answer next_of_charge(struct http_gateway *gateway, const struct gateway_call *call,
                                          struct gateway_reply *reply)
{
    struct flight flight;
    bool looks_first = may_have_been_posted(gateway, call) || call->request->cancelled;
    switch (look_for(gateway, call->job->id, &flight)) {
    case NOT_BEGUN: return looks_first ? begin(gateway, call, GATEWAY_LOOK, false, reply) : post(gateway, call, reply);
    case IN_THE_AIR: reply->wait_ms = LATEST_MS; return GATEWAY_WAIT;
    case LANDED: break;
    }
    *reply = flight.reply;
    return flight.question == GATEWAY_LOOK ? after_look(gateway, call, &flight, reply)
                                           : after_post(gateway, call, &flight, reply);
}

/* A refusal of the only request there ever was is the end of the charge. */
static enum gateway_answer charge(void *self, const struct gateway_call *call, struct gateway_reply *reply)
{
    struct http_gateway *gateway = self;
    enum gateway_answer answer = next_of_charge(gateway, call, reply);
    return answer == GATEWAY_REFUSED && !may_have_been_posted(gateway, call) ? GATEWAY_DECLINED : answer;
}

static enum gateway_answer refund(void *self, const struct gateway_call *call, struct gateway_reply *reply)
{
    return ask_once(self, call, GATEWAY_REFUND, reply);
}

static enum gateway_answer find(void *self, const struct gateway_call *call, struct gateway_reply *reply)
{
    return ask_once(self, call, GATEWAY_LOOK, reply);
}

static const char *fault(void *self)
{
    struct http_gateway *gateway = self;
    for (size_t i = 0; i < GATEWAY_QUESTIONS; i++) {
        switch (atomic_load(&gateway->turned_away[i])) {
        case 401: return "the gateway does not know our key (401): see PAYMENT_GATEWAY_KEY; what is asked of it waits";
        case 403:
            return "the gateway allows our key too little (403): see PAYMENT_GATEWAY_KEY; what is asked of it waits";
        case 400:
        case 422:
            return "what answers for the gateway takes our requests for nonsense (400 or 422 without a JSON object): a proxy? "
                   "See PAYMENT_GATEWAY_URL; what is asked waits";
        default: break;
        }
    }
    return NULL;
}

/* ---- life ---- */

static void close_gateway(void *self)
{
    struct http_gateway *gateway = self;
    tern_http_client_destroy(gateway->client);
    pthread_mutex_destroy(&gateway->lock);
    tern_text_fini(&gateway->url);
    tern_text_fini(&gateway->ca_file);
    forget(&gateway->authorization);
    free(gateway);
}

static int check_key(const char *key, struct tern_error *err)
{
    for (const char *at = key; *at; at++)
        if (*at <= ' ' || *at > '~') return tern_error_set(err, "must be of visible ASCII characters");
    return 0;
}

static int check(const struct tern_config *config, bool *ret_exposed, struct tern_error *err)
{
    if (tern_http_client_check_url(tern_config_text(config, "PAYMENT_GATEWAY_URL"), ret_exposed, err) < 0)
        return tern_error_prefix(err, "PAYMENT_GATEWAY_URL");
    if (check_key(tern_config_text(config, "PAYMENT_GATEWAY_KEY"), err) < 0)
        return tern_error_prefix(err, "PAYMENT_GATEWAY_KEY");
    return 0;
}

static void say(const struct tern_config *config, struct tern_log *log, bool exposed)
{
    const char *url = tern_config_text(config, "PAYMENT_GATEWAY_URL");
    if (!log) return;
    tern_log_info(log, "payments go to a gateway", TERN_STR("url", url));
    if (exposed)
        tern_log_warn(log, "the gateway is asked over plain http: whoever is on the way can read and change it",
                      TERN_STR("url", url));
    if (!tern_config_text(config, "PAYMENT_GATEWAY_KEY")[0])
        tern_log_warn(log, "the gateway is asked without a key: PAYMENT_GATEWAY_KEY is not set", TERN_STR("url", url));
}

static size_t length_of_url(const char *url)
{
    size_t length = strlen(url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    return length;
}

static void keep_address(struct http_gateway *gateway, const struct tern_config *config)
{
    const char *url = tern_config_text(config, "PAYMENT_GATEWAY_URL");
    tern_text_add_bytes(&gateway->url, url, length_of_url(url));
    tern_text_add(&gateway->ca_file, tern_config_text(config, "PAYMENT_GATEWAY_CA_FILE"));
}

static bool is_address_of(const struct http_gateway *gateway, const struct tern_config *config)
{
    const char *url = tern_config_text(config, "PAYMENT_GATEWAY_URL");
    const char *ca_file = tern_config_text(config, "PAYMENT_GATEWAY_CA_FILE");
    return length_of_url(url) == gateway->url.length && memcmp(url, gateway->url.bytes, gateway->url.length) == 0 &&
           strcmp(ca_file, gateway->ca_file.bytes) == 0;
}

static void keep_key(struct http_gateway *gateway, const char *key)
{
    struct tern_text line = {0};
    if (key[0]) tern_text_printf(&line, "Authorization: Bearer %s", key);
    pthread_mutex_lock(&gateway->lock);
    struct tern_text old = gateway->authorization;
    gateway->authorization = line;
    pthread_mutex_unlock(&gateway->lock);
    forget(&old);
}

/* A key is a secret between us and one gateway: that of another one is not shown to this one. */
static bool reload(void *self, const struct tern_config *config)
{
    struct http_gateway *gateway = self;
    bool ours = is_address_of(gateway, config);
    if (ours) keep_key(gateway, tern_config_text(config, "PAYMENT_GATEWAY_KEY"));
    tern_http_client_read_certificates(gateway->client);
    return ours;
}

int http_gateway_open(const struct tern_config *config, struct tern_log *log, struct payment_gateway *ret_seam,
                      struct tern_error *err)
{
    int timeout_ms = (int)tern_config_number(config, "PAYMENT_GATEWAY_TIMEOUT_MS");
    const struct tern_http_client_settings settings = {.connect_timeout_ms =
                                                           timeout_ms < CONNECT_MS ? timeout_ms : CONNECT_MS,
                                                       .timeout_ms = timeout_ms,
                                                       .most_bytes = GATEWAY_ANSWER_MAX,
                                                       .most_calls = FLIGHTS_MAX,
                                                       .ca_file = tern_config_text(config, "PAYMENT_GATEWAY_CA_FILE")};
    bool exposed = false;
    if (check(config, &exposed, err) < 0) return -1;
    struct http_gateway *gateway = tern_alloc(sizeof *gateway);
    if (tern_http_client_create(&settings, &gateway->client, err) < 0) {
        free(gateway);
        return -1;
    }
    pthread_mutex_init(&gateway->lock, NULL);
    gateway->opened_at_ms = tern_now(&tern_clock_system);
    keep_address(gateway, config);
    keep_key(gateway, tern_config_text(config, "PAYMENT_GATEWAY_KEY"));
    say(config, log, exposed);
    *ret_seam = (struct payment_gateway){.charge = charge,
                                         .refund = refund,
                                         .find = find,
                                         .fault = fault,
                                         .reload = reload,
                                         .close = close_gateway,
                                         .self = gateway};
    return 0;
}
