/* http_client.c - the HTTP client: libcurl's multi interface on one thread.
 *
 * A call is in exactly one list, `waiting` (any thread, under the lock) or `active` (the client's thread), and leaves
 * it only through end_call, which calls `done` once. Few calls resolve a name or connect at the same time: libcurl's
 * resolver starts a thread for each, which goes on when its call has timed out, so the place of such a call stays taken
 * for as long as a resolver tries. */
#include "tern/http_client.h"

#include "http_internal.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/sync.h"
#include "tern/clock.h"
#include "tern/text.h"
#include "tern/version.h"

enum {
    CONNECTING_MOST = 32,       /* calls that resolve a name or connect, at a time */
    IDLE_CONNECTIONS_MOST = 64, /* kept open for the next call */
    HEAD_MOST = 16384,          /* bytes of the head of an answer */
    BUFFER_BYTES = 4096,        /* of each call, for reading */
    POLL_MS = 1000,             /* longest sleep of the thread */
    LOOK_UP_MS = 30000,         /* how long a resolver may go on after its call has timed out */
    A_DAY_S = 86400             /* libcurl's own age for parsed certificates */
};

struct call {
    struct call *next, *previous;    /* in its list */
    struct tern_http_client *client; /* that it belongs to */
    CURL *easy;                      /* owned, as are the headers and the body */
    struct curl_slist *headers;
    tern_http_done *done; /* the caller's, with `owner` */
    void *owner;
    struct tern_text body;     /* of the answer, so far */
    size_t head_bytes;         /* of the answer, so far */
    bool connected;            /* or known never to connect: it holds no place in `connecting` */
    bool too_large;            /* head or body */
    char why[CURL_ERROR_SIZE]; /* libcurl's sentence about an error */
};

struct list {
    struct call *first, *last; /* NULL: empty */
};

struct tern_http_client {
    struct tern_http_client_settings settings; /* its `ca_file` is not used */
    char *ca_file;                             /* a copy of the setting; owned */
    atomic_llong certificates_from_s;          /* steady: cached certificates must not be older; 0: any age */
    CURLM *multi;                              /* owned */
    pthread_t thread;
    atomic_bool stopping; /* destroy was called */
    pthread_mutex_t lock; /* guards the next two */
    struct list waiting;  /* not begun yet */
    unsigned calls;       /* waiting or active */

    struct list active;  /* the client's thread, as all that follows */
    unsigned connecting; /* calls that resolve or connect, and places of those that timed out resolving */
    int64_t left_at_ms[CONNECTING_MOST]; /* steady: when those timed out; a ring of `left_count` from `left_first` */
    unsigned left_first, left_count;
};

static void list_add(struct list *list, struct call *call)
{
    call->next = NULL;
    call->previous = list->last;
    *(list->last ? &list->last->next : &list->first) = call;
    list->last = call;
}

static void list_remove(struct list *list, struct call *call)
{
    *(call->previous ? &call->previous->next : &list->first) = call->next;
    *(call->next ? &call->next->previous : &list->last) = call->previous;
}

/* ---- one call ---- */

/* libcurl declares the parameters of the callbacks. Another length than the one given ends the transfer. */
/* NOLINTBEGIN(readability-non-const-parameter) */
static size_t on_head(char *bytes, size_t one, size_t length, void *self)
{
    struct call *call = self;
    (void)bytes;
    (void)one;
    call->head_bytes += length;
    call->too_large |= call->head_bytes > HEAD_MOST;
    return call->too_large ? 0 : length;
}

static size_t on_body(char *bytes, size_t one, size_t length, void *self)
{
    struct call *call = self;
    (void)one;
    call->too_large |= length > call->client->settings.most_bytes - call->body.length;
    if (call->too_large) return 0;
    tern_text_add_bytes(&call->body, bytes, length);
    return length;
}

/* Gives the place of a call back; the second time does nothing. */
static void has_connected(struct call *call)
{
    if (!call->connected) call->client->connecting--;
    call->connected = true;
}

static int on_connected(void *self, char *ip, char *local_ip, int port, int local_port)
{
    (void)ip;
    (void)local_ip;
    (void)port;
    (void)local_port;
    has_connected(self);
    return CURL_PREREQFUNC_OK;
}

/* NOLINTEND(readability-non-const-parameter) */

/* Without memory libcurl would use its defaults: the system's certificates, the proxy of the environment. */
static void set_text(CURL *easy, CURLoption option, const char *text)
{
    TERN_ASSERT(curl_easy_setopt(easy, option, text) != CURLE_OUT_OF_MEMORY, "memory for a request");
}

/* What a call may do, and for how long: no other protocols, no redirects, no proxy, certificates and names verified. */
static void set_bounds(CURL *easy, const struct tern_http_client *client)
{
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* never wait for a resolver thread at the end */
    set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set_text(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)client->settings.connect_timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)client->settings.timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (client->ca_file[0]) set_text(easy, CURLOPT_CAINFO, client->ca_file);
    (void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
    set_text(easy, CURLOPT_USERAGENT, "tern/" TERN_VERSION);

    /* libcurl caches parsed certificates for a day; the cache must not be older than the last
     * tern_http_client_read_certificates. */
    int64_t from_s = atomic_load(&client->certificates_from_s);
    int64_t age_s = tern_steady(&tern_clock_system) / 1000 - from_s;
    if (from_s != 0 && age_s <= A_DAY_S)
        (void)curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, (long)(age_s > 0 ? age_s : 0));
}

static void add_header(struct call *call, const char *line)
{
    TERN_ASSERT(!strpbrk(line, "\r\n"), "a header is one line");
    struct curl_slist *longer = curl_slist_append(call->headers, line);
    TERN_ASSERT(longer, "memory for a header");
    call->headers = longer;
}

/* libcurl copies the URL and the body; the headers must live as long as the handle. */
static void set_request(struct call *call, const struct tern_http_call *asked)
{
    CURLcode set = curl_easy_setopt(call->easy, CURLOPT_URL, asked->url);
    if (strcmp(asked->method, "POST") == 0) {
        (void)curl_easy_setopt(call->easy, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(asked->body));
        if (set == CURLE_OK) set = curl_easy_setopt(call->easy, CURLOPT_COPYPOSTFIELDS, asked->body);
        add_header(call, "Content-Type: application/json");
        add_header(call, "Expect:"); /* no 100-continue for a small body */
    }
    for (const char *const *line = asked->headers; line && *line; line++)
        add_header(call, *line);
    if (set == CURLE_OK) set = curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
    TERN_ASSERT(set == CURLE_OK, "memory for a request");
}

static struct call *make_call(struct tern_http_client *client, const struct tern_http_call *asked, tern_http_done *done,
                              void *owner)
{
    struct call *call = tern_alloc(sizeof *call);
    call->client = client;
    call->done = done;
    call->owner = owner;
    call->easy = curl_easy_init();
    TERN_ASSERT(call->easy, "memory for a call");
    set_bounds(call->easy, client);
    (void)curl_easy_setopt(call->easy, CURLOPT_PRIVATE, (void *)call);
    (void)curl_easy_setopt(call->easy, CURLOPT_ERRORBUFFER, call->why);
    (void)curl_easy_setopt(call->easy, CURLOPT_HEADERFUNCTION, on_head);
    (void)curl_easy_setopt(call->easy, CURLOPT_HEADERDATA, (void *)call);
    (void)curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, (void *)call);
    (void)curl_easy_setopt(call->easy, CURLOPT_PREREQFUNCTION, on_connected);
    (void)curl_easy_setopt(call->easy, CURLOPT_PREREQDATA, (void *)call);
    set_request(call, asked);
    return call;
}

/* Calls `done` and frees the call, which is in no list and no longer added to libcurl. */
static void end_call(struct call *call, const struct tern_http_reply *reply)
{
    struct tern_http_client *client = call->client;
    pthread_mutex_lock(&client->lock);
    client->calls--;
    pthread_mutex_unlock(&client->lock);
    call->done(call->owner, reply);
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    tern_text_fini(&call->body);
    free(call);
}

static void end_without_answer(struct call *call, const char *why)
{
    struct tern_http_reply reply = {.body = ""};
    (void)tern_error_set(&reply.error, "%s", why);
    end_call(call, &reply);
}

/* ---- the thread ---- */

/* Frees the places of calls whose resolver thread must have ended by now. */
static void take_places_back(struct tern_http_client *client)
{
    int64_t now_ms = tern_steady(&tern_clock_system);
    while (client->left_count > 0 && now_ms - client->left_at_ms[client->left_first] >= LOOK_UP_MS) {
        client->left_first = (client->left_first + 1) % CONNECTING_MOST;
        client->left_count--;
        client->connecting--;
    }
}

/* Takes the call off libcurl and passes its result on. A call that timed out while resolving leaves its place taken,
 * because its resolver thread goes on. */
static void finish(struct tern_http_client *client, struct call *call, CURLcode result)
{
    struct tern_http_reply reply = {.body = call->body.bytes ? call->body.bytes : "", .length = call->body.length};
    long status = 0;
    curl_off_t looked_up_us = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_NAMELOOKUP_TIME_T, &looked_up_us);
    if (result == CURLE_OPERATION_TIMEDOUT && !call->connected && looked_up_us == 0) {
        unsigned last = (client->left_first + client->left_count++) % CONNECTING_MOST;
        client->left_at_ms[last] = tern_steady(&tern_clock_system);
        call->connected = true;
    }
    has_connected(call);
    list_remove(&client->active, call);
    (void)curl_multi_remove_handle(client->multi, call->easy);
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (call->too_large) {
        end_without_answer(call, "the answer is too large");
    } else if (result != CURLE_OK) {
        end_without_answer(call, call->why[0] ? call->why : curl_easy_strerror(result));
    } else {
        reply.status = (int)status;
        end_call(call, &reply);
    }
}

/* Begins the calls that wait, in their order, while there are places. */
static void begin_calls(struct tern_http_client *client)
{
    take_places_back(client);
    for (;;) {
        pthread_mutex_lock(&client->lock);
        struct call *call = client->connecting < CONNECTING_MOST ? client->waiting.first : NULL;
        if (call) list_remove(&client->waiting, call);
        pthread_mutex_unlock(&client->lock);
        if (!call) return;
        list_add(&client->active, call);
        client->connecting++;
        CURLMcode added = curl_multi_add_handle(client->multi, call->easy);
        TERN_ASSERT(added == CURLM_OK, "memory for a call");
    }
}

/* Finishes the calls that libcurl reports as done. */
static void finish_calls(struct tern_http_client *client)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(client->multi, &left))) {
        void *call = NULL;
        CURLcode result = message->data.result; /* removing the call frees the message */
        if (message->msg != CURLMSG_DONE) continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
        finish(client, call, result);
    }
}

/* The only thread that uses `multi`; others call curl_multi_wakeup alone, which libcurl allows from anywhere. */
static void *client_thread(void *argument)
{
    struct tern_http_client *client = argument;
    while (!atomic_load(&client->stopping)) {
        int running;
        begin_calls(client);
        (void)curl_multi_perform(client->multi, &running);
        finish_calls(client);
        begin_calls(client); /* connected calls have made room */
        (void)curl_multi_poll(client->multi, NULL, 0, POLL_MS, NULL);
    }
    return NULL;
}

/* libcurl's cache counts whole seconds: until the next one certificates are read for every connection. */
void tern_http_client_read_certificates(struct tern_http_client *client)
{
    atomic_store(&client->certificates_from_s, tern_steady(&tern_clock_system) / 1000 + 1);
}

/* ---- life ---- */

static void init_library(void)
{
    TERN_ASSERT(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "libcurl can be used");
}

int tern_http_client_create(const struct tern_http_client_settings *settings, struct tern_http_client **ret_client,
                            struct tern_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct tern_http_client *client = tern_alloc(sizeof *client);
    (void)pthread_once(&once, init_library);
    client->settings = *settings;
    client->ca_file = tern_copy_text(settings->ca_file ? settings->ca_file : "");
    pthread_mutex_init(&client->lock, NULL);
    client->multi = curl_multi_init();
    TERN_ASSERT(client->multi, "memory for an HTTP client");
    (void)curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS_MOST);
    int error = tern_thread_start(&client->thread, "http-client", 0, client_thread, client);
    if (error == 0) {
        *ret_client = client;
        return 0;
    }
    (void)curl_multi_cleanup(client->multi);
    pthread_mutex_destroy(&client->lock);
    free(client->ca_file);
    free(client);
    return tern_error_set(err, "the thread of the HTTP client could not be started (error %d)", error);
}

/* Ends all calls of a list, after the thread has ended. */
static void end_list(struct tern_http_client *client, struct call *call)
{
    while (call) {
        struct call *next = call->next;
        (void)curl_multi_remove_handle(client->multi, call->easy);
        end_without_answer(call, "stopped before there was an answer");
        call = next;
    }
}

/* The calls are ended after the thread: until then it may finish some of them. */
void tern_http_client_destroy(struct tern_http_client *client)
{
    if (!client) return;
    atomic_store(&client->stopping, true);
    (void)curl_multi_wakeup(client->multi);
    pthread_join(client->thread, NULL);
    end_list(client, client->active.first);
    end_list(client, client->waiting.first);
    (void)curl_multi_cleanup(client->multi);
    pthread_mutex_destroy(&client->lock);
    free(client->ca_file);
    free(client);
}

/* The place of the call is taken before it is made, without the lock, because making it is slow. */
int tern_http_client_send(struct tern_http_client *client, const struct tern_http_call *call, tern_http_done *done,
                          void *owner, struct tern_error *err)
{
    pthread_mutex_lock(&client->lock);
    bool taken = !atomic_load(&client->stopping) && client->calls < client->settings.most_calls;
    if (taken) client->calls++;
    pthread_mutex_unlock(&client->lock);
    if (!taken) return tern_error_set(err, "%u calls are under way already", client->settings.most_calls);
    struct call *made = make_call(client, call, done, owner);
    pthread_mutex_lock(&client->lock);
    list_add(&client->waiting, made);
    pthread_mutex_unlock(&client->lock);
    (void)curl_multi_wakeup(client->multi);
    return 0;
}

/* ---- URLs ---- */

/* What never leaves the machine: 127.0.0.0/8, ::1, and the name that resolves to them (RFC 6761, section 6.3). */
static bool is_loopback(const char *host)
{
    struct in_addr four;
    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0) return true;
    return inet_pton(AF_INET, host, &four) == 1 && ntohl(four.s_addr) >> 24 == 127;
}

/* Out of memory is our failure, not a fault of the URL. */
static bool is_good(CURLUcode code)
{
    TERN_ASSERT(code != CURLUE_OUT_OF_MEMORY, "memory for a URL");
    return code == CURLUE_OK;
}

static bool has_part(CURLU *url, CURLUPart which)
{
    char *part = NULL;
    bool has = is_good(curl_url_get(url, which, &part, 0)) && part[0];
    curl_free(part);
    return has;
}

static int check_parts(CURLU *url, const char *scheme, const char *host, bool *ret_exposed, struct tern_error *err)
{
    if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        return tern_error_set(err, "must begin with http:// or https://");
    if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD))
        return tern_error_set(err, "must hold no user or password");
    if (has_part(url, CURLUPART_QUERY) || has_part(url, CURLUPART_FRAGMENT))
        return tern_error_set(err, "must end with the path: no \"?\" and no \"#\"");
    *ret_exposed = strcmp(scheme, "http") == 0 && !is_loopback(host);
    return 0;
}

/* Parsed by libcurl, so that the check and the call understand the same host. */
int tern_http_client_check_url(const char *url, bool *ret_exposed, struct tern_error *err)
{
    CURLU *parsed = curl_url();
    char *scheme = NULL, *host = NULL;
    TERN_ASSERT(parsed, "memory for a URL");
    int status = -1;
    if (is_good(curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME)) &&
        is_good(curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0)) &&
        is_good(curl_url_get(parsed, CURLUPART_HOST, &host, 0)) && host[0])
        status = check_parts(parsed, scheme, host, ret_exposed, err);
    else
        (void)tern_error_set(err, "must be a URL such as https://gateway.example/v1");
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(parsed);
    return status;
}

const char *tern_http_client_version(void)
{
    static char text[32]; /* every thread writes the same bytes */
    (void)snprintf(text, sizeof text, "libcurl %s", curl_version_info(CURLVERSION_NOW)->version);
    return text;
}
