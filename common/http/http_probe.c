/* http_probe.c - one GET to a server of this machine, for --healthcheck, by libcurl's easy interface.
 *
 * Only the status code of the answer counts; its body is read and dropped. The timeout covers everything. An address
 * that means every interface is asked on loopback. Never looks up a name, uses a proxy or follows a redirect. */
#include "http_internal.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The calls of libcurl that a probe needs. They are loaded when one is made: linked, libcurl and what comes with it would
 * take 1.8 MiB of every daemon, most of which never call it. */
struct libcurl {
    CURL *(*init)(void);
    CURLcode (*set)(CURL *easy, CURLoption option, ...);
    CURLcode (*perform)(CURL *easy);
    CURLcode (*get)(CURL *easy, CURLINFO info, ...);
    const char *(*explain)(CURLcode result);
    void (*cleanup)(CURL *easy);
};

/* Never unloaded: libcurl keeps state of its own until the process ends. The casts are those of dlsym(3). */
static int load(struct libcurl *curl, struct tern_error *err)
{
    void *library = dlopen("libcurl.so.4", RTLD_NOW);
    if (!library) {
        tern_error_set(err, "nobody can ask: %s", dlerror());
        return -1;
    }
    *(void **)&curl->init = dlsym(library, "curl_easy_init");
    *(void **)&curl->set = dlsym(library, "curl_easy_setopt");
    *(void **)&curl->perform = dlsym(library, "curl_easy_perform");
    *(void **)&curl->get = dlsym(library, "curl_easy_getinfo");
    *(void **)&curl->explain = dlsym(library, "curl_easy_strerror");
    *(void **)&curl->cleanup = dlsym(library, "curl_easy_cleanup");
    TERN_ASSERT(curl->init && curl->set && curl->perform && curl->get && curl->explain && curl->cleanup,
                "libcurl has its easy interface");
    return 0;
}

/* The parameters are those that libcurl declares. */
static size_t drop(char *bytes, size_t one, size_t length, void *self) /* NOLINT(readability-non-const-parameter) */
{
    (void)bytes;
    (void)self;
    return one * length;
}

/* Why there was no status code. Always returns -1. */
static int explain(const struct libcurl *curl, CURL *easy, CURLcode result, const char *where, struct tern_error *err)
{
    long reason = 0;
    if (result == CURLE_OPERATION_TIMEDOUT) return tern_error_set(err, "no answer in time");
    if (result != CURLE_COULDNT_CONNECT) return tern_error_set(err, "no answer: %s", curl->explain(result));
    (void)curl->get(easy, CURLINFO_OS_ERRNO, &reason);
    return tern_error_set(err, "cannot connect to %s: %s", where, strerror((int)reason));
}

int tern_http_probe(const char *address, uint16_t port, const char *path, int timeout_ms, struct tern_error *err)
{
    const char *nearby = address;
    struct libcurl curl;
    char where[TERN_HTTP_PEER_SIZE + 16];
    if (strcmp(address, "0.0.0.0") == 0 || strcasecmp(address, "localhost") == 0) nearby = "127.0.0.1";
    if (strcmp(address, "::") == 0) nearby = "::1";
    if (tern_http_check_address(nearby, err) < 0 || load(&curl, err) < 0) return -1;
    CURL *easy = curl.init();
    TERN_ASSERT(easy, "there is memory for a probe");
    struct tern_text url = {0};
    tern_text_printf(&url, strchr(nearby, ':') ? "http://[%s]:%u%s" : "http://%s:%u%s", nearby, port, path);
    (void)curl.set(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl.set(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    (void)curl.set(easy, CURLOPT_WRITEFUNCTION, drop);
    CURLcode set = curl.set(easy, CURLOPT_URL, url.bytes);
    if (set == CURLE_OK) set = curl.set(easy, CURLOPT_PROXY, ""); /* not that of the environment */
    TERN_ASSERT(set == CURLE_OK, "there is memory for a probe");
    CURLcode result = curl.perform(easy);
    long status = 0;
    (void)curl.get(easy, CURLINFO_RESPONSE_CODE, &status);
    (void)snprintf(where, sizeof where, "port %u of %s", port, address);
    if (status == 0) status = explain(&curl, easy, result, where, err);
    curl.cleanup(easy);
    tern_text_fini(&url);
    return (int)status;
}
