/* test_http_client.c - asking others: every call ends, with an answer or with a sentence; a thousand at a time. */
#include "folder.h"
#include "http_peer.h"
#include "tern/http_client.h"
#include "tern/text.h"
#include "tern_test.h"
#include "tls_front.h"
#include "wait_for.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <netdb.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_BYTES = 1000, THOUSAND = 1000, CONNECTING = 200, TIMEOUT_MS = 10000, SHORT_MS = 300 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct http_peer *peer;
static struct tern_http_client *client;

/* What came of a call. */
struct ending {
    int times, status;
    char body[MOST_BYTES + 1];
    char why[240];
};

static void note(void *owner, const struct tern_http_reply *reply)
{
    struct ending *ending = owner;
    (void)pthread_mutex_lock(&lock);
    ending->times++;
    ending->status = reply->status;
    assert_true(reply->length <= MOST_BYTES && reply->body[reply->length] == '\0');
    memcpy(ending->body, reply->body, reply->length + 1);
    strcpy(ending->why, reply->error.text);
    (void)pthread_mutex_unlock(&lock);
}

static void open_client(int timeout_ms, const char *ca_file)
{
    struct tern_error err = {0};
    const struct tern_http_client_settings settings = {.connect_timeout_ms = timeout_ms,
                                                       .timeout_ms = timeout_ms,
                                                       .most_bytes = MOST_BYTES,
                                                       .most_calls = THOUSAND,
                                                       .ca_file = ca_file};
    tern_http_client_destroy(client);
    assert_int_equal(tern_http_client_create(&settings, &client, &err), 0);
}

static int set_up(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    peer = http_peer_start();
    open_client(TIMEOUT_MS, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tern_http_client_destroy(client);
    client = NULL;
    http_peer_stop(peer);
    return 0;
}

static const char *url_of(uint16_t port)
{
    static char url[64];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/path", port);
    return url;
}

static void send_to(const char *url, struct ending *ending)
{
    const struct tern_http_call call = {.method = "GET", .url = url};
    struct tern_error err = {0};
    memset(ending, 0, sizeof *ending);
    assert_int_equal(tern_http_client_send(client, &call, note, ending, &err), 0);
}

static void ask(const char *url, struct ending *ending)
{
    send_to(url, ending);
    TEST_WAIT(&lock, ending->times > 0);
    assert_int_equal(ending->times, 1);
}

#define PLAY(...)                                                \
    static const struct http_peer_step steps_[] = {__VA_ARGS__}; \
    http_peer_play(peer, steps_, sizeof steps_ / sizeof steps_[0])

/* ---- answers ---- */

static void an_answer_comes_back_with_its_status_and_its_body(void **state)
{
    struct ending ending;
    (void)state;
    PLAY({PEER_ANSWERS, 201, "{\"a\":1}"}, {PEER_ANSWERS, 500, ""});
    ask(url_of(http_peer_port(peer)), &ending);
    assert_int_equal(ending.status, 201);
    assert_string_equal(ending.body, "{\"a\":1}");
    assert_string_equal(ending.why, "");
    ask(url_of(http_peer_port(peer)), &ending);
    assert_int_equal(ending.status, 500);
    assert_string_equal(ending.body, "");
    assert_int_equal(http_peer_connections(peer), 1); /* which is kept */
}

static void a_post_carries_its_headers_and_its_body(void **state)
{
    static const char *const headers[] = {"Authorization: Bearer secret", "Idempotency-Key: k-1", NULL};
    struct tern_http_call call = {.method = "POST", .headers = headers, .body = "{\"amount\":1}"};
    struct ending ending = {0};
    struct tern_error err = {0};
    char text[4096];
    (void)state;
    PLAY({PEER_ANSWERS, 201, ""});
    call.url = url_of(http_peer_port(peer));
    assert_int_equal(tern_http_client_send(client, &call, note, &ending, &err), 0);
    TEST_WAIT(&lock, ending.times > 0);
    http_peer_request(peer, 0, text, sizeof text);
    assert_ptr_equal(strstr(text, "POST /path HTTP/1.1\r\n"), text);
    assert_non_null(strstr(text, "\r\nAuthorization: Bearer secret\r\n"));
    assert_non_null(strstr(text, "\r\nIdempotency-Key: k-1\r\n"));
    assert_non_null(strstr(text, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(text, "\r\nUser-Agent: tern/"));
    assert_non_null(strstr(text, "\r\n\r\n{\"amount\":1}"));
    assert_null(strstr(text, "Expect"));
}

static void a_redirect_is_an_answer_and_is_not_followed(void **state)
{
    struct ending ending;
    (void)state;
    PLAY({PEER_SENDS, 0, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"});
    ask(url_of(http_peer_port(peer)), &ending);
    assert_int_equal(ending.status, 302);
    assert_int_equal(http_peer_requests(peer), 1);
}

static void a_proxy_of_the_environment_is_not_asked(void **state)
{
    struct ending ending;
    (void)state;
    PLAY({PEER_ANSWERS, 200, "here"});
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1/", 1), 0);
    ask(url_of(http_peer_port(peer)), &ending);
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_string_equal(ending.body, "here");
}

/* ---- none ---- */

static void is_no_answer(const struct ending *ending, const char *words)
{
    assert_int_equal(ending->status, 0);
    assert_string_equal(ending->body, "");
    if (!strstr(ending->why, words)) fail_msg("\"%s\" does not say \"%s\"", ending->why, words);
}

static void what_is_no_answer_is_said_in_a_sentence(void **state)
{
    static char too_much[2 * MOST_BYTES], long_head[40000];
    static const struct http_peer_step plays[] = {
        {PEER_RESETS,  0,   NULL                                               },
        {PEER_SENDS,   0,   "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"},
        {PEER_SENDS,   0,   "hello\r\n"                                        },
        {PEER_SENDS,   0,   "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nx"   },
        {PEER_ANSWERS, 200, too_much                                           },
        {PEER_SENDS,   0,   long_head                                          },
    };
    static const char *const words[] = {"reset", "", "HTTP/0.9", "", "too large", "too large"};
    struct ending ending;
    (void)state;
    memset(too_much, 'x', MOST_BYTES + 1);
    int length = snprintf(long_head, sizeof long_head, "HTTP/1.1 200 OK\r\n");
    while (length < 30000)
        length += snprintf(long_head + length, sizeof long_head - (size_t)length, "X-Filler: %0100d\r\n", 0);
    for (size_t i = 0; i < TERN_COUNT(plays); i++) {
        http_peer_play(peer, &plays[i], 1);
        ask(url_of(http_peer_port(peer)), &ending);
        is_no_answer(&ending, words[i]);
        assert_true(ending.why[0] != '\0');
    }
}

static void an_answer_of_just_the_most_bytes_is_taken(void **state)
{
    static char most[MOST_BYTES + 1];
    static const struct http_peer_step play = {PEER_ANSWERS, 200, most};
    struct ending ending;
    (void)state;
    memset(most, 'x', MOST_BYTES);
    http_peer_play(peer, &play, 1);
    ask(url_of(http_peer_port(peer)), &ending);
    assert_int_equal(ending.status, 200);
    assert_string_equal(ending.body, most);
}

static void nobody_there_and_other_protocols_are_no_answer(void **state)
{
    struct ending ending;
    (void)state;
    ask("http://127.0.0.1:1/", &ending);
    is_no_answer(&ending, "connect");
    ask("file:///etc/hostname", &ending);
    is_no_answer(&ending, "");
    ask("http://user:word@127.0.0.1:1/", &ending);
    is_no_answer(&ending, "");
}

static void a_silent_peer_is_given_up_in_time(void **state)
{
    struct ending ending;
    (void)state;
    PLAY({PEER_KEEPS_SILENT, 0, NULL});
    open_client(SHORT_MS, NULL);
    int64_t begin = tern_steady(&tern_clock_system);
    ask(url_of(http_peer_port(peer)), &ending);
    is_no_answer(&ending, "timed out");
    assert_in_range(tern_steady(&tern_clock_system) - begin, SHORT_MS - 1, TIMEOUT_MS);
}

/* ---- many ---- */

static long status_number(const char *name)
{
    char line[128];
    long number = -1;
    FILE *file = fopen("/proc/self/status", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0) number = strtol(line + strlen(name), NULL, 10);
    (void)fclose(file);
    return number;
}

static int ended_well(const struct ending *endings)
{
    int count = 0;
    for (int i = 0; i < THOUSAND; i++)
        count += endings[i].times == 1 && endings[i].status == 200;
    return count;
}

static void a_thousand_slow_calls_run_at_the_same_time_on_one_thread(void **state)
{
    struct ending *endings = test_calloc(THOUSAND, sizeof *endings);
    long threads = status_number("Threads:");
    (void)state;
    PLAY({PEER_ANSWERS, 200, "slow"});
    http_peer_gather(peer, THOUSAND); /* one that waited for another would never be answered */
    for (int i = 0; i < THOUSAND; i++)
        send_to(url_of(http_peer_port(peer)), &endings[i]);
    TEST_WAIT(&lock, http_peer_requests(peer) > THOUSAND / 2);
    assert_int_equal(status_number("Threads:"), threads);
    TEST_WAIT(&lock, ended_well(endings) == THOUSAND);
    print_message("%ld kB of memory at most\n", status_number("VmHWM:"));
    test_free(endings);
}

/* ---- names ---- */

typedef int look_up(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret_found);

static atomic_bool resolver_is_stuck;
static atomic_int stuck;

/* Stands before the C library's, for libcurl too: one name is looked up for as long as a test likes. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the header's names are reserved ones */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    look_up *real;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo"); /* as POSIX writes it */
    if (!name || strcmp(name, "stuck.example") != 0) return real(name, service, hints, found);
    atomic_fetch_add(&stuck, 1);
    while (atomic_load(&resolver_is_stuck))
        test_pause();
    atomic_fetch_sub(&stuck, 1);
    return EAI_AGAIN;
}

static int ended(const struct ending *endings, int count)
{
    int sum = 0;
    for (int i = 0; i < count; i++)
        sum += endings[i].times;
    return sum;
}

static void a_name_that_is_looked_up_in_vain_holds_up_neither_other_calls_nor_the_end(void **state)
{
    enum { PLACES = 32, MANY = 50 };
    static struct ending others[MANY];
    struct ending first, good;
    (void)state;
    PLAY({PEER_ANSWERS, 200, "there"});
    open_client(SHORT_MS, NULL);
    long threads = status_number("Threads:");
    atomic_store(&resolver_is_stuck, true);
    ask("http://stuck.example/", &first);
    assert_int_equal(first.status, 0);
    ask(url_of(http_peer_port(peer)), &good);
    assert_int_equal(good.status, 200);
    for (int i = 0; i < MANY; i++)
        send_to("http://stuck.example/", &others[i]);
    TEST_WAIT(&lock,
              ended(others, MANY) == PLACES - 1); /* each leaves a thread behind, so there are no more for a while */
    assert_int_equal(atomic_load(&stuck), PLACES);
    tern_http_client_destroy(client);
    client = NULL;
    assert_int_equal(ended(others, MANY), MANY);
    atomic_store(&resolver_is_stuck, false);
    TEST_WAIT(&lock, status_number("Threads:") == threads - 1); /* all that libcurl had left behind, and the client's */
}

static int open_files(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    (void)closedir(folder);
    return count;
}

/* Nobody takes connections in here, and the kernel has room for one or two. */
static int listen_to_nobody(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void few_connect_at_the_same_time(void **state)
{
    struct ending *endings = test_calloc(CONNECTING, sizeof *endings);
    uint16_t port;
    int fd = listen_to_nobody(&port), before = open_files();
    (void)state;
    for (int i = 0; i < CONNECTING; i++)
        send_to(url_of(port), &endings[i]);
    TEST_WAIT(&lock, open_files() - before >= 32);
    for (int i = 0; i < 100; i++, test_pause())
        assert_in_range(open_files() - before, 32, 32 + 4);
    tern_http_client_destroy(client);
    client = NULL;
    assert_int_equal(close(fd), 0);
    test_free(endings);
}

static void more_than_are_allowed_are_refused_at_once(void **state)
{
    struct ending *endings = test_calloc(THOUSAND, sizeof *endings);
    const struct tern_http_call call = {.method = "GET", .url = url_of(http_peer_port(peer))};
    struct tern_error err = {0};
    (void)state;
    PLAY({PEER_KEEPS_SILENT, 0, NULL});
    for (int i = 0; i < THOUSAND; i++)
        send_to(call.url, &endings[i]);
    assert_int_equal(tern_http_client_send(client, &call, note, NULL, &err), -1);
    assert_non_null(strstr(err.text, "1000 calls"));
    tern_http_client_destroy(client); /* and whatever was left has ended with it */
    client = NULL;
    for (int i = 0; i < THOUSAND; i++) {
        assert_int_equal(endings[i].times, 1);
        is_no_answer(&endings[i], "stopped");
    }
    test_free(endings);
}

/* ---- TLS ---- */

static void only_a_certificate_of_the_right_authority_and_name_is_believed(void **state)
{
    static const struct {
        const char *name;
        bool expired, trusted;
        int status;
    } cases[] = {
        {"localhost", false, true,  200},
        {"localhost", false, false, 0  },
        {"elsewhere", false, true,  0  },
        {"localhost", true,  true,  0  },
    };
    char folder[TEST_FOLDER_SIZE], ca_file[128], url[64];
    struct ending ending;
    (void)state;
    test_folder_make("http-client", folder);
    (void)snprintf(ca_file, sizeof ca_file, "%s/ca.pem", folder);
    PLAY({PEER_ANSWERS, 200, "safe"});
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        struct tls_front *front = tls_front_start(
            &(struct tls_front_settings){http_peer_port(peer), cases[i].name, cases[i].expired, ca_file});
        open_client(TIMEOUT_MS, cases[i].trusted ? ca_file : NULL);
        (void)snprintf(url, sizeof url, "https://localhost:%u/", tls_front_port(front));
        ask(url, &ending);
        assert_int_equal(ending.status, cases[i].status);
        assert_true((ending.why[0] == '\0') == (cases[i].status == 200));
        assert_int_equal(http_peer_requests(peer), 1); /* to others nothing was said */
        tern_http_client_destroy(client);
        client = NULL;
        tls_front_stop(front);
    }
    test_folder_remove(folder);
}

/* ---- URLs ---- */

static void a_url_is_checked_before_anybody_is_asked(void **state)
{
    static const struct {
        const char *url, *fault; /* NULL: sound */
        bool exposed;
    } cases[] = {
        {"https://gateway.example/v1",         NULL,               false},
        {"https://gateway.example:8443",       NULL,               false},
        {"http://127.0.0.1:8080/",             NULL,               false},
        {"http://127.9.9.9",                   NULL,               false},
        {"http://[::1]:8080",                  NULL,               false},
        {"http://localhost:8080",              NULL,               false},
        {"http://gateway.example/v1",          NULL,               true },
        {"http://10.0.0.1",                    NULL,               true },
        {"http://127.0.0.1.example",           NULL,               true },
        {"ftp://gateway.example",              "must begin with",  false},
        {"file:///etc/passwd",                 "must be",          false},
        {"gateway.example",                    "must be a URL",    false},
        {"",                                   "must be a URL",    false},
        {"https://",                           "must be a URL",    false},
        {"https://gateway.example:99999",      "must be a URL",    false},
        {"https://user@gateway.example",       "user or password", false},
        {"https://user:word@gateway.example",  "user or password", false},
        {"https://gateway.example/?key=value", "no \"?\"",         false},
        {"https://gateway.example/#part",      "no \"?\"",         false},
    };
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        struct tern_error err = {0};
        bool exposed = false;
        int status = tern_http_client_check_url(cases[i].url, &exposed, &err);
        if (status != (cases[i].fault ? -1 : 0)) fail_msg("%s: %d %s", cases[i].url, status, err.text);
        if (cases[i].fault && !strstr(err.text, cases[i].fault)) fail_msg("%s: %s", cases[i].url, err.text);
        if (exposed != cases[i].exposed) fail_msg("%s: exposed %d", cases[i].url, exposed);
    }
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(an_answer_comes_back_with_its_status_and_its_body),
        WITH(a_post_carries_its_headers_and_its_body),
        WITH(a_redirect_is_an_answer_and_is_not_followed),
        WITH(a_proxy_of_the_environment_is_not_asked),
        WITH(what_is_no_answer_is_said_in_a_sentence),
        WITH(an_answer_of_just_the_most_bytes_is_taken),
        WITH(nobody_there_and_other_protocols_are_no_answer),
        WITH(a_silent_peer_is_given_up_in_time),
        WITH(a_name_that_is_looked_up_in_vain_holds_up_neither_other_calls_nor_the_end),
        WITH(a_thousand_slow_calls_run_at_the_same_time_on_one_thread),
        WITH(few_connect_at_the_same_time),
        WITH(more_than_are_allowed_are_refused_at_once),
        WITH(only_a_certificate_of_the_right_authority_and_name_is_believed),
        cmocka_unit_test(a_url_is_checked_before_anybody_is_asked),
    };
    return cmocka_run_group_tests_name("http client", tests, NULL, NULL);
}
