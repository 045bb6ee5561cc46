/* http_probe.c - one GET to a server of this machine, for --healthcheck, by libcurl's easy interface.
 *
 * Only the status code of the answer counts; its body is read and dropped. The timeout covers everything. An address
 * that means every interface is asked on loopback. Never looks up a name, uses a proxy or follows a redirect. */
#include "http_internal.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

/* The parameters are those that libcurl declares. */
static size_t drop(char *bytes, size_t one, size_t length, void *self) /* NOLINT(readability-non-const-parameter) */
{
    (void)bytes;
    (void)self;
    return one * length;
}

/* Why there was no status code. Always returns -1. */
static int explain(CURL *easy, CURLcode result, const char *address, uint16_t port, struct tern_error *err)
{
    long reason = 0;
    if (result == CURLE_OPERATION_TIMEDOUT) return tern_error_set(err, "no answer in time");
    if (result != CURLE_COULDNT_CONNECT) return tern_error_set(err, "no answer: %s", curl_easy_strerror(result));
    (void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &reason);
    return tern_error_set(err, "cannot connect to port %u of %s: %s", port, address, strerror((int)reason));
}

int tern_http_probe(const char *address, uint16_t port, const char *path, int timeout_ms, struct tern_error *err)
{
    const char *nearby = address;
    if (strcmp(address, "0.0.0.0") == 0 || strcasecmp(address, "localhost") == 0) nearby = "127.0.0.1";
    if (strcmp(address, "::") == 0) nearby = "::1";
    if (tern_http_check_address(nearby, err) < 0) return -1;
    tern_http_init_libcurl();
    CURL *easy = curl_easy_init();
    TERN_ASSERT(easy, "there is memory for a probe");
    struct tern_text url = {0};
    tern_text_printf(&url, strchr(nearby, ':') ? "http://[%s]:%u%s" : "http://%s:%u%s", nearby, port, path);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    CURLcode set = curl_easy_setopt(easy, CURLOPT_URL, url.bytes);
    if (set == CURLE_OK) set = curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* not that of the environment */
    TERN_ASSERT(set == CURLE_OK, "there is memory for a probe");
    CURLcode result = curl_easy_perform(easy);
    long status = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 0) status = explain(easy, result, address, port, err);
    curl_easy_cleanup(easy);
    tern_text_fini(&url);
    return (int)status;
}
