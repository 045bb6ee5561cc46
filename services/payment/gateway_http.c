/* gateway_http.c - a payment gateway over HTTP: POST /charges, GET /charges/<key>, POST /refunds.
 *
 * A run of a job begins a call, answers WAIT, and is woken when the call has ended. A charge that an earlier attempt or
 * an earlier process may have posted is queried by its key first, and posted again (with the same key) only when the
 * gateway has never seen it. Only the gateway ends a charge: before NOTHING is answered it was reachable, and had not
 * seen what was posted just before.
 *
 * Two threads: the job worker's calls charge, refund and find; the HTTP client's calls on_reply. Invariant: a flight
 * belongs to one job from the beginning of a call until the job has taken its answer. */
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

enum {
    FLIGHTS_MAX = 1024, /* calls at once */
    QUEUE_MAX = 4096,   /* jobs that are woken when a flight is free */
    CONNECT_MS = 5000,  /* a connection takes so long at most */
    LATEST_MS = 60000,  /* a job that waits for an answer or a flight is called again after so long, woken or not */
    FULL_MS = 10000     /* the same, when the queue was full */
};

struct http_gateway;

/* One call to the gateway that is under way, or has ended and waits for its job. */
struct flight {
    int64_t job_id;                 /* 0: free */
    struct http_gateway *gateway;   /* for on_reply, which gets the flight only */
    struct tern_job_worker *worker; /* where to wake the job; NULL in tests */
    enum gateway_question question;
    bool is_last;     /* of a query: after the last attempt; "never seen" ends the charge */
    bool ended;       /* what follows is the answer */
    bool turned_away; /* gateway_turns_away */
    enum gateway_answer answer;
    struct gateway_reply reply;
};

struct http_gateway {
    struct tern_text url, ca_file;   /* of the settings at the start; the URL without slashes at its end */
    int64_t opened_at_ms;            /* UTC milliseconds: older jobs may have been posted by another process */
    struct tern_http_client *client; /* owned */
    atomic_int turned_away[GATEWAY_QUESTIONS]; /* HTTP status when the last answer turned us away, else 0 */
    struct tern_text authorization;            /* the header line with our key; empty: none. Under the lock */
    pthread_mutex_t lock;                      /* guards what follows */
    struct flight flights[FLIGHTS_MAX];
    int64_t queue[QUEUE_MAX]; /* a ring: ids of jobs that wait for a flight, the oldest at queue_first */
    size_t queue_first, queue_count;
};

/* ---- flights ---- */

/* The flight of a job, or NULL; with id 0 a free one. The lock is held. */
static struct flight *flight_of(struct http_gateway *gateway, int64_t job_id)
{
    for (size_t i = 0; i < FLIGHTS_MAX; i++)
        if (gateway->flights[i].job_id == job_id) return &gateway->flights[i];
    return NULL;
}

/* True when the job is in the queue, now or already; false when the queue is full. The lock is held. */
static bool queue_up(struct http_gateway *gateway, int64_t job_id)
{
    for (size_t i = 0; i < gateway->queue_count; i++)
        if (gateway->queue[(gateway->queue_first + i) % QUEUE_MAX] == job_id) return true;
    if (gateway->queue_count == QUEUE_MAX) return false;
    gateway->queue[(gateway->queue_first + gateway->queue_count++) % QUEUE_MAX] = job_id;
    return true;
}

/* Takes the oldest job out of the queue; 0 when it is empty. The lock is held. */
static int64_t leave_queue(struct http_gateway *gateway)
{
    if (gateway->queue_count == 0) return 0;
    int64_t job_id = gateway->queue[gateway->queue_first];
    gateway->queue_first = (gateway->queue_first + 1) % QUEUE_MAX;
    gateway->queue_count--;
    return job_id;
}

enum landing { NOT_BEGUN, IN_THE_AIR, LANDED };

/* Copies the answer of a flight that has ended and frees the flight; then wakes the oldest job in the queue for it. All
 * jobs have the same worker, so that of the flight wakes any of them. */
static enum landing take_answer(struct http_gateway *gateway, int64_t job_id, struct flight *ret_flight)
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
    if (next_id && ret_flight->worker) tern_job_worker_wake_job(ret_flight->worker, next_id);
    return landing;
}

/* On the HTTP client's thread. The flight is not freed here: it keeps the answer until the job's next step. */
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
    bool turned_away = gateway_turns_away(reply->status, answer);
    /* A time-out or a 5xx tells nothing about our key or our requests: it may come from a proxy. */
    if (reply->status >= 200 && reply->status < 500)
        atomic_store(&gateway->turned_away[flight->question], turned_away ? reply->status : 0);
    pthread_mutex_lock(&gateway->lock);
    struct tern_job_worker *worker = flight->worker;
    int64_t job_id = flight->job_id;
    flight->answer = answer;
    flight->turned_away = turned_away;
    flight->reply = read;
    flight->ended = true;
    pthread_mutex_unlock(&gateway->lock);
    if (worker) tern_job_worker_wake_job(worker, job_id);
}

/* ---- asking ---- */

/* The URL of the call and, of a POST, its body. */
static void write_call(const struct http_gateway *gateway, enum gateway_question question,
                       const struct gateway_call *call, struct tern_text *url, struct tern_text *body)
{
    const struct gateway_request *request = call->request; /* NULL: a query by a late check */
    switch (question) {
    case GATEWAY_CHARGE:
        tern_text_printf(url, "%s/charges", gateway->url.bytes);
        tern_text_printf(body, "{\"orderId\":\"%s\",\"customerId\":\"%s\",\"amount\":%lld,\"currency\":\"%s\"",
                         call->job->subject, request->customer_id, (long long)request->amount_minor, request->currency);
        if (request->token[0]) {
            tern_text_add(body, ",\"token\":");
            tern_json_write_string(body, request->token);
        }
        tern_text_add(body, "}");
        return;
    case GATEWAY_QUERY: tern_text_printf(url, "%s/charges/%s", gateway->url.bytes, call->key); return;
    case GATEWAY_REFUND:
        tern_text_printf(url, "%s/refunds", gateway->url.bytes);
        tern_text_add(body, "{\"chargeId\":");
        tern_json_write_string(body, request->reference);
        tern_text_printf(body, ",\"amount\":%lld}", (long long)request->amount_minor);
        return;
    case GATEWAY_QUESTIONS: break;
    }
    tern_broken(__FILE__, __LINE__, "a gateway is asked one of its questions");
}

/* 0: on_reply will be called, once. -1: it will not. */
static int send_call(struct http_gateway *gateway, struct flight *flight, const struct gateway_call *call)
{
    struct tern_text url = {0}, body = {0}, key = {0}, authorization = {0};
    const char *headers[3] = {0};
    size_t count = 0;
    tern_text_printf(&key, "Idempotency-Key: %s", call->key);
    if (flight->question != GATEWAY_QUERY) headers[count++] = key.bytes;
    pthread_mutex_lock(&gateway->lock);
    if (gateway->authorization.bytes) tern_text_add(&authorization, gateway->authorization.bytes);
    pthread_mutex_unlock(&gateway->lock);
    if (authorization.length > 0) headers[count++] = authorization.bytes;
    write_call(gateway, flight->question, call, &url, &body);
    const struct tern_http_call asked = {.method = flight->question == GATEWAY_QUERY ? "GET" : "POST",
                                         .url = url.bytes,
                                         .headers = headers,
                                         .body = body.bytes};
    int status = tern_http_client_send(gateway->client, &asked, on_reply, flight, NULL);
    tern_text_fini(&url);
    tern_text_fini(&body);
    tern_text_fini(&key);
    tern_free_secret(authorization.bytes);
    return status;
}

/* Begins a call in a free flight, or queues up for one, and answers WAIT. The flight is taken before the call is sent:
 * on_reply may come first. */
static enum gateway_answer begin(struct http_gateway *gateway, const struct gateway_call *call,
                                 enum gateway_question question, bool is_last, struct gateway_reply *reply)
{
    bool sent = false, queued = false;
    pthread_mutex_lock(&gateway->lock);
    struct flight *flight = flight_of(gateway, 0);
    if (flight)
        *flight = (struct flight){.job_id = call->job->id,
                                  .gateway = gateway,
                                  .worker = call->worker,
                                  .question = question,
                                  .is_last = is_last};
    else
        queued = queue_up(gateway, call->job->id);
    pthread_mutex_unlock(&gateway->lock);
    if (flight) sent = send_call(gateway, flight, call) == 0;
    if (flight && !sent) {
        pthread_mutex_lock(&gateway->lock);
        flight->job_id = 0;
        pthread_mutex_unlock(&gateway->lock);
    }
    reply->wait_ms = sent || queued ? LATEST_MS : FULL_MS; /* at the latest: on_reply or take_answer wakes it */
    return GATEWAY_WAIT;
}

/* A refund, or the query of a late check: one call, and its answer as it is. */
static enum gateway_answer ask_once(struct http_gateway *gateway, const struct gateway_call *call,
                                    enum gateway_question question, struct gateway_reply *reply)
{
    struct flight flight;
    switch (take_answer(gateway, call->job->id, &flight)) {
    case NOT_BEGUN: return begin(gateway, call, question, false, reply);
    case IN_THE_AIR: reply->wait_ms = LATEST_MS; return GATEWAY_WAIT;
    case LANDED: break;
    }
    *reply = flight.reply;
    return flight.answer;
}

/* By an earlier attempt, or by an earlier process, which left no trace of a call under way. */
static bool may_have_been_posted(const struct http_gateway *gateway, const struct gateway_call *call)
{
    return call->job->attempts > 0 || call->job->added_at_ms <= gateway->opened_at_ms;
}

/* Amounts here are hundredths; a gateway counts in the minor unit that ISO 4217 gives the currency. Of a currency with
 * no decimals it would take a hundred times too much, of one with three a tenth. The API refuses such currencies, but
 * an older version took orders in them. */
static enum gateway_answer post(struct http_gateway *gateway, const struct gateway_call *call,
                                struct gateway_reply *reply)
{
    if (shop_currency_has_cents(call->request->currency)) return begin(gateway, call, GATEWAY_CHARGE, false, reply);
    shop_set_text(reply->reason, "amounts in this currency have no two decimals: the gateway is not asked");
    return GATEWAY_REFUSED;
}

/* One step of a charge: begins its first call, waits for it, or goes on from its answer. */
static enum gateway_answer next_of_charge(struct http_gateway *gateway, const struct gateway_call *call,
                                          struct gateway_reply *reply)
{
    struct flight flight;
    bool queries_first = may_have_been_posted(gateway, call) || call->request->cancelled;
    switch (take_answer(gateway, call->job->id, &flight)) {
    case NOT_BEGUN:
        return queries_first ? begin(gateway, call, GATEWAY_QUERY, false, reply) : post(gateway, call, reply);
    case IN_THE_AIR: reply->wait_ms = LATEST_MS; return GATEWAY_WAIT;
    case LANDED: break;
    }
    *reply = flight.reply;
    if (flight.question == GATEWAY_CHARGE) {
        /* No usable answer: after the last attempt the charge is queried at once, after an earlier one by the next
         * attempt. A charge that was turned away is retried for ever: the operator has to act, and the customer did
         * nothing wrong. */
        bool is_last = call->job->attempts + 1 >= call->most_attempts;
        if (flight.answer != GATEWAY_UNKNOWN || !is_last || flight.turned_away) return flight.answer;
        return begin(gateway, call, GATEWAY_QUERY, true, reply);
    }
    if (flight.answer != GATEWAY_NOTHING) return flight.answer;
    if (call->request->cancelled) return GATEWAY_STOPPED;
    if (!flight.is_last) return post(gateway, call, reply);
    /* Never seen after the last attempt: treat it as never charged. A request that is still on its way is found by the
     * late checks. */
    shop_set_text(reply->reason, "the gateway gave no usable answer, and has not seen the charge");
    return GATEWAY_NOTHING;
}

/* A refusal of the first request is a decline: there is no earlier request that could still charge. */
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
    return ask_once(self, call, GATEWAY_QUERY, reply);
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

/* The client goes first: it calls on_reply for what is still under way. */
static void close_gateway(void *self)
{
    struct http_gateway *gateway = self;
    tern_http_client_destroy(gateway->client);
    pthread_mutex_destroy(&gateway->lock);
    tern_text_fini(&gateway->url);
    tern_text_fini(&gateway->ca_file);
    tern_free_secret(gateway->authorization.bytes);
    free(gateway);
}

/* The key must fit into a header line: no blanks, no control characters (RFC 6750 has fewer still). */
static int check(const struct tern_config *config, bool *ret_exposed, struct tern_error *err)
{
    if (tern_http_client_check_url(tern_config_text(config, "PAYMENT_GATEWAY_URL"), ret_exposed, err) < 0)
        return tern_error_prefix(err, "PAYMENT_GATEWAY_URL");
    for (const char *at = tern_config_text(config, "PAYMENT_GATEWAY_KEY"); *at; at++)
        if (*at <= ' ' || *at > '~')
            return tern_error_set(err, "PAYMENT_GATEWAY_KEY: must be of visible ASCII characters");
    return 0;
}

static void log_gateway(const struct tern_config *config, struct tern_log *log, bool exposed)
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

/* The length of a URL without the slashes at its end. */
static size_t length_of_url(const char *url)
{
    size_t length = strlen(url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    return length;
}

/* Swaps the header line; a call that is being written has the old one or the new one, whole. */
static void keep_key(struct http_gateway *gateway, const char *key)
{
    struct tern_text line = {0};
    if (key[0]) tern_text_printf(&line, "Authorization: Bearer %s", key);
    pthread_mutex_lock(&gateway->lock);
    struct tern_text old = gateway->authorization;
    gateway->authorization = line;
    pthread_mutex_unlock(&gateway->lock);
    tern_free_secret(old.bytes);
}

/* A key is a secret between this service and one gateway. When the settings name another gateway, their key is that
 * gateway's: it is used after a restart, with the new URL. */
static bool reload(void *self, const struct tern_config *config)
{
    struct http_gateway *gateway = self;
    const char *url = tern_config_text(config, "PAYMENT_GATEWAY_URL");
    bool ours = length_of_url(url) == gateway->url.length &&
                memcmp(url, gateway->url.bytes, gateway->url.length) == 0 &&
                strcmp(tern_config_text(config, "PAYMENT_GATEWAY_CA_FILE"), gateway->ca_file.bytes) == 0;
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
    const char *url = tern_config_text(config, "PAYMENT_GATEWAY_URL");
    tern_text_add_bytes(&gateway->url, url, length_of_url(url));
    tern_text_add(&gateway->ca_file, settings.ca_file);
    keep_key(gateway, tern_config_text(config, "PAYMENT_GATEWAY_KEY"));
    log_gateway(config, log, exposed);
    *ret_seam = (struct payment_gateway){.charge = charge,
                                         .refund = refund,
                                         .find = find,
                                         .fault = fault,
                                         .reload = reload,
                                         .close = close_gateway,
                                         .self = gateway};
    return 0;
}
