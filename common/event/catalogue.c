/* catalogue.c - questions about the constant tables of a catalogue.
 *
 * Tables have some ten rows and are searched from the start. A routing key is computed here only, for publisher and
 * binding alike: two spellings would publish past the queue. Pure: no state, no allocation, any thread. */
#include "tern/catalogue.h"

#include <stdlib.h>
#include <string.h>

enum { MAJOR_DIGITS = 6 };

const struct tern_event_type *tern_catalogue_find(const struct tern_catalogue *catalogue, const char *type)
{
    for (size_t i = 0; i < catalogue->type_count; i++)
        if (strcmp(catalogue->types[i].name, type) == 0) return &catalogue->types[i];
    return NULL;
}

bool tern_catalogue_consumes(const struct tern_event_type *type, const char *service)
{
    for (const char *const *name = type->consumers; *name; name++)
        if (strcmp(*name, service) == 0) return true;
    return false;
}

bool tern_catalogue_consumes_from(const struct tern_catalogue *catalogue, const char *service, const char *producer)
{
    for (size_t i = 0; i < catalogue->type_count; i++)
        if (strcmp(catalogue->types[i].producer, producer) == 0 &&
            tern_catalogue_consumes(&catalogue->types[i], service))
            return true;
    return false;
}

bool tern_catalogue_asks(const struct tern_catalogue *catalogue, const char *type)
{
    for (const char *const *name = catalogue->questions; name && *name; name++)
        if (strcmp(*name, type) == 0) return true;
    return false;
}

/* By ranges, not by tolower(3), which depends on the locale. */
void tern_routing_key(const char *type, char key[TERN_ROUTING_KEY_SIZE])
{
    size_t length = 0;
    for (const char *c = type; *c; c++) {
        bool capital = *c >= 'A' && *c <= 'Z';
        TERN_ASSERT(length + 2 < TERN_ROUTING_KEY_SIZE, "the routing key of an event type fits into its buffer");
        if (capital && length > 0) key[length++] = '.';
        key[length++] = capital ? (char)(*c + ('a' - 'A')) : *c;
    }
    key[length] = '\0';
}

/* Length of "major" in "major.minor", or 0 when the version is not of that form. Leading zeros are refused, so that
 * equal numbers are equal bytes. */
static size_t major_length(const char *version)
{
    static const char digits[] = "0123456789";
    size_t major = strspn(version, digits);
    if (major == 0 || version[major] != '.' || (version[0] == '0' && major > 1)) return 0;
    size_t minor = strspn(version + major + 1, digits);
    return minor > 0 && version[major + 1 + minor] == '\0' ? major : 0;
}

int tern_version_major(const char *version)
{
    size_t length = major_length(version);
    return length > 0 && length <= MAJOR_DIGITS ? (int)strtol(version, NULL, 10) : 0;
}

const struct tern_upcaster *tern_catalogue_upcaster(const struct tern_event_type *type, int from_major)
{
    const struct tern_upcaster *upcaster = type->upcasters;
    while (upcaster && upcaster->from_major != 0 && upcaster->from_major != from_major)
        upcaster++;
    return upcaster && upcaster->from_major != 0 ? upcaster : NULL;
}

bool tern_version_compatible(const char *theirs, const char *ours)
{
    size_t major = major_length(theirs);
    return major > 0 && major == major_length(ours) && memcmp(theirs, ours, major) == 0;
}
