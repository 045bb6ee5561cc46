/* http_query.c - typed arguments of a query, and the link to the next page of a list.
 *
 * An argument that is not given changes nothing; one that means nothing is answered with 400, which names it and says
 * what it must be. Opens no store. */
#include "http_internal.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/digest.h"
#include "tern/clock.h"
#include "tern/id.h"

bool tern_http_query_refuse(struct tern_http_answer *answer, const char *name, const char *must)
{
    tern_http_problem(answer, 400, "Invalid query", "%s must be %s.", name, must);
    return false;
}

bool tern_http_query_known(const struct tern_http_request *request, struct tern_http_answer *answer,
                           const char *const *known)
{
    const char *unknown = tern_http_unknown_query(request, known);
    if (unknown)
        tern_http_problem(answer, 400, "Invalid query", "The query argument %.64s is not known here.", unknown);
    return !unknown;
}

bool tern_http_query_word(const struct tern_http_request *request, struct tern_http_answer *answer, const char *name,
                          const char **ret_word)
{
    const char *text = tern_http_query(request, name);
    if (!text) return true;
    if (!tern_id_valid(text)) return tern_http_query_refuse(answer, name, "1 to 64 characters of A-Z a-z 0-9 . _ -");
    *ret_word = text;
    return true;
}

bool tern_http_query_number(const struct tern_http_request *request, struct tern_http_answer *answer, const char *name,
                            int64_t low, int64_t high, int64_t *ret_number)
{
    const char *text = tern_http_query(request, name);
    if (!text) return true;
    size_t digits = strspn(text, "0123456789");
    int64_t number = 0;
    for (size_t i = 0; i < digits && i < 18; i++)
        number = number * 10 + (text[i] - '0');
    if (digits > 0 && digits <= 18 && text[digits] == '\0' && number >= low && number <= high) {
        *ret_number = number;
        return true;
    }
    char must[96] = "a whole number";
    if (high < INT64_MAX)
        (void)snprintf(must, sizeof must, "a whole number of %lld to %lld", (long long)low, (long long)high);
    return tern_http_query_refuse(answer, name, must);
}

int tern_http_read_time(const char *text, int64_t now_ms, int64_t *ret_ms)
{
    static const char units[] = "smhd";
    static const int64_t unit_ms[] = {1000, 60000, 3600000, 86400000};
    size_t digits = strspn(text, "0123456789");
    const char *unit = digits > 0 && digits < 8 && text[digits] != '\0' ? strchr(units, text[digits]) : NULL;
    int64_t amount = 0;
    if (!unit || text[digits + 1] != '\0') return tern_time_parse(text, ret_ms, NULL);
    for (size_t i = 0; i < digits; i++)
        amount = amount * 10 + (text[i] - '0');
    *ret_ms = now_ms - amount * unit_ms[unit - units];
    return 0;
}

bool tern_http_query_time(const struct tern_http_request *request, struct tern_http_answer *answer, const char *name,
                          int64_t now_ms, int64_t latest_ms, int64_t *ret_ms)
{
    const char *text = tern_http_query(request, name);
    int64_t time_ms = 0;
    if (!text) return true;
    if (tern_http_read_time(text, now_ms, &time_ms) < 0) return tern_http_query_refuse(answer, name, TERN_HTTP_TIME);
    if (time_ms > latest_ms) return tern_http_query_refuse(answer, name, "a time that has passed: it is in the future");
    *ret_ms = time_ms;
    return true;
}

/* ---- pages ----------------------------------------------------------------------------------------------------- */

enum { NUMBER_DIGITS = 16, SUM_DIGITS = 8 };

/* The number, a sum over all of it and the arguments, and the id. The sum is no secret: it finds a cursor that was cut,
 * made by hand, or taken from another list. */
void tern_http_cursor(const struct tern_http_request *request, const char *const *known,
                      const struct tern_http_place *place, char cursor[TERN_HTTP_CURSOR_SIZE])
{
    unsigned char digest[TERN_SHA256_SIZE];
    struct tern_text summed = {0};
    tern_text_printf(&summed, "%s %" PRId64 " %s", tern_http_path(request), place->number, place->id);
    for (const char *const *name = known; *name; name++) {
        const char *value = tern_http_query(request, *name);
        if (value && strcmp(*name, "limit") != 0 && strcmp(*name, "cursor") != 0)
            tern_text_printf(&summed, " %s=%s", *name, value);
    }
    tern_sha256(summed.bytes, summed.length, digest);
    tern_text_fini(&summed);
    (void)snprintf(cursor, TERN_HTTP_CURSOR_SIZE, "%016" PRIx64 "%02x%02x%02x%02x%s", (uint64_t)place->number,
                   digest[0], digest[1], digest[2], digest[3], place->id);
}

/* It is right when it is the one that would be made for the place that it says. */
bool tern_http_query_cursor(const struct tern_http_request *request, struct tern_http_answer *answer,
                            const char *const *known, struct tern_http_place *ret_place)
{
    const char *text = tern_http_query(request, "cursor");
    char number[NUMBER_DIGITS + 1], same[TERN_HTTP_CURSOR_SIZE];
    struct tern_http_place place;
    if (!text) return true;
    size_t length = strlen(text);
    if (length >= NUMBER_DIGITS + SUM_DIGITS && length < sizeof same) {
        memcpy(number, text, NUMBER_DIGITS);
        number[NUMBER_DIGITS] = '\0';
        place.number = strtoll(number, NULL, 16);
        tern_copy_whole(place.id, sizeof place.id, text + NUMBER_DIGITS + SUM_DIGITS);
        tern_http_cursor(request, known, &place, same);
        if (strcmp(same, text) == 0) {
            *ret_place = place;
            return true;
        }
    }
    return tern_http_query_refuse(answer, "cursor", "one that an answer to the same query gave");
}

/* Percent-encodes all but the unreserved characters of RFC 3986, section 2.3. */
static void add_encoded(struct tern_text *out, const char *value)
{
    for (; *value != '\0'; value++)
        tern_text_printf(out, isalnum((unsigned char)*value) || strchr("-._~", *value) ? "%c" : "%%%02X",
                         (unsigned)(unsigned char)*value);
}

/* The path is printed as it was decoded: a route with pages has no parameter that would need an escape. */
void tern_http_link_next(const struct tern_http_request *request, struct tern_http_answer *answer,
                         const char *const *known, const char *place, const char *next)
{
    struct tern_text query = {0};
    for (const char *const *name = known; *name; name++) {
        const char *value = strcmp(*name, place) == 0 ? next : tern_http_query(request, *name);
        if (!value) continue;
        tern_text_printf(&query, "%c%s=", query.length > 0 ? '&' : '?', *name);
        add_encoded(&query, value);
    }
    tern_http_set_header(answer, "Link", "<%s%s>; rel=\"next\"", tern_http_path(request), query.bytes);
    tern_text_fini(&query);
}
