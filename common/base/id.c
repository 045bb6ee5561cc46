/* id.c - time-ordered UUIDs, sortable ids, trace contexts, and the checks of ids that come from outside.
 *
 * A UUID has 48 bits of milliseconds, a counter of 20 bits and 54 random bits (RFC 9562, sections 5.7 and 6.2). The
 * counter starts at 19 random bits in each new millisecond and goes on while the clock stands still or steps back; when
 * it is full, ids run a millisecond ahead of the clock. So the ids of one generator ascend strictly, whatever the clock
 * does. Random bytes are fetched from the kernel 512 at a time; a generator must not be used on both sides of
 * fork(2). */
#include "tern/id.h"
#include "ids.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uuid/uuid.h>

#define COUNTER_FULL (UINT32_C(1) << 20)
#define LAST_MS      ((INT64_C(1) << 48) - 1)

struct tern_ids {
    const struct tern_clock *clock; /* the creator's; outlives the generator */
    pthread_mutex_t lock;           /* guards all below */
    uint64_t seeded;                /* state of the repeatable sequence */
    bool repeatable;                /* made with a seed */
    int64_t last_ms;                /* wall time of the last id; -1: none yet */
    uint32_t counter;               /* of the last id */
    size_t pool_left;               /* unused bytes of the pool */
    unsigned char pool[512];        /* random bytes; the last `pool_left` are unused */
};

struct tern_ids *tern_ids_create(const struct tern_clock *clock, uint64_t seed)
{
    struct tern_ids *ids = tern_alloc(sizeof *ids);
    int rc = pthread_mutex_init(&ids->lock, NULL);
    TERN_ASSERT(rc == 0, "a mutex can be made");
    ids->clock = clock;
    ids->seeded = seed;
    ids->repeatable = seed != 0;
    ids->last_ms = -1;
    return ids;
}

void tern_ids_destroy(struct tern_ids *ids)
{
    if (!ids) return;
    (void)pthread_mutex_destroy(&ids->lock);
    free(ids);
}

/* ---- random bits, under the lock ---- */

/* splitmix64 (Steele, Lea, Flood 2014): every seed has the full period. */
static uint64_t next_seeded(struct tern_ids *ids)
{
    ids->seeded += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = ids->seeded;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* 64 random bits. One getrandom(2) fills the pool for 64 calls; it may return fewer bytes, or be interrupted before the
 * kernel's generator is seeded (getrandom(2), "Interruption by a signal handler"). */
static uint64_t next_random(struct tern_ids *ids)
{
    if (ids->repeatable) return next_seeded(ids);
    uint64_t value;
    if (ids->pool_left < sizeof value) {
        for (size_t have = 0; have < sizeof ids->pool;) {
            ssize_t got = getrandom(ids->pool + have, sizeof ids->pool - have, 0);
            TERN_ASSERT(got > 0 || errno == EINTR, "the kernel gives random bytes");
            if (got > 0) have += (size_t)got;
        }
        ids->pool_left = sizeof ids->pool;
    }
    memcpy(&value, ids->pool + sizeof ids->pool - ids->pool_left, sizeof value);
    ids->pool_left -= sizeof value;
    return value;
}

/* Big-endian, as the fields of a UUID are (RFC 9562, section 4). */
static void put_bits(unsigned char *at, size_t bytes, uint64_t value)
{
    for (size_t i = bytes; i-- > 0; value >>= 8)
        at[i] = (unsigned char)value;
}

/* RFC 9562, section 5.7: milliseconds, version, 12 bits of counter, variant, 8 bits of counter, random bits. Under the
 * lock the generator advances to a pair of time and counter that it has never used: a clock that stands still or steps
 * back moves the counter, and a full counter moves the time. */
static void make_uuid(struct tern_ids *ids, uuid_t uuid)
{
    pthread_mutex_lock(&ids->lock);
    uint64_t random = next_random(ids);
    int64_t now_ms = tern_now(ids->clock);
    if (now_ms < 0) now_ms = 0;
    if (now_ms > ids->last_ms || ++ids->counter >= COUNTER_FULL) {
        ids->last_ms = now_ms > ids->last_ms ? now_ms : ids->last_ms + 1;
        ids->counter = (uint32_t)(next_random(ids) & (COUNTER_FULL / 2 - 1));
        TERN_ASSERT(ids->last_ms <= LAST_MS, "the clock stands before the year 10889");
    }
    int64_t ms = ids->last_ms;
    uint32_t counter = ids->counter;
    pthread_mutex_unlock(&ids->lock);
    put_bits(uuid, 6, (uint64_t)ms);
    put_bits(uuid + 6, 2, 0x7000U | (counter >> 8));
    put_bits(uuid + 8, 2, 0x8000U | (counter & 0xFFU) << 6 | random >> 58);
    put_bits(uuid + 10, 6, random);
}

/* ---- ids ---- */

void tern_ids_uuid(struct tern_ids *ids, char uuid[TERN_UUID_SIZE])
{
    uuid_t bytes;
    make_uuid(ids, bytes);
    uuid_unparse_lower(bytes, uuid);
}

/* The alphabet is in the order of ASCII, and the highest bits come first: ids sort as their UUIDs do. */
void tern_ids_sortable(struct tern_ids *ids, const char *prefix, char id[TERN_SORTABLE_ID_SIZE])
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    enum { CHARACTERS = 26 };
    size_t length = strlen(prefix);
    TERN_ASSERT(length + CHARACTERS < TERN_SORTABLE_ID_SIZE, "the prefix of an id has at most 21 characters");
    uuid_t bytes;
    make_uuid(ids, bytes);
    memcpy(id, prefix, length);
    unsigned bits = 0; /* 26 characters are 130 bits: two zeros, then the UUID */
    unsigned held = 2; /* of them not written yet */
    size_t next = 0;
    for (size_t i = 0; i < CHARACTERS; i++) {
        if (held < 5) {
            bits = bits << 8 | bytes[next++];
            held += 8;
        }
        held -= 5;
        id[length + i] = alphabet[bits >> held & 31U];
    }
    id[length + CHARACTERS] = '\0';
}

uint64_t tern_ids_random(struct tern_ids *ids, uint64_t bound)
{
    TERN_ASSERT(bound > 0, "a random number has a bound above 0");
    uint64_t surplus = (0U - bound) % bound; /* values below it would make small results more frequent: draw again */
    uint64_t value;
    pthread_mutex_lock(&ids->lock);
    do
        value = next_random(ids);
    while (value < surplus);
    pthread_mutex_unlock(&ids->lock);
    return value % bound;
}

/* ---- trace context ---- */

enum { TRACE_AT = 3, TRACE_DIGITS = 32, SPAN_AT = 36, SPAN_DIGITS = 16, FLAGS_AT = 53, TRACEPARENT_LENGTH = 55 };

static bool is_lower_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Writes `digits` hex digits, a multiple of 16; every 16 of them are a random number above 0. */
static void put_random_hex(struct tern_ids *ids, char *at, size_t digits)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < digits; i += 16) {
        uint64_t value = tern_ids_random(ids, UINT64_MAX) + 1;
        for (size_t j = 0; j < 16; j++, value >>= 4)
            at[i + j] = hex[value & 15U];
    }
}

void tern_ids_traceparent(struct tern_ids *ids, const char *parent, char traceparent[TERN_TRACEPARENT_SIZE])
{
    bool goes_on = parent && tern_traceparent_valid(parent);
    char text[TERN_TRACEPARENT_SIZE] = "00-00000000000000000000000000000000-0000000000000000-01";
    if (goes_on) {
        memcpy(text + TRACE_AT, parent + TRACE_AT, TRACE_DIGITS);
        /* Version 00 defines only the flag "sampled"; others must not be passed on (Trace Context, section 3.2.2.5). */
        text[FLAGS_AT + 1] = strchr("13579bdf", parent[FLAGS_AT + 1]) ? '1' : '0';
    } else {
        put_random_hex(ids, text + TRACE_AT, TRACE_DIGITS);
    }
    put_random_hex(ids, text + SPAN_AT, SPAN_DIGITS);
    memcpy(traceparent, text, sizeof text);
}

bool tern_traceparent_valid(const char *text)
{
    static const char pattern[] = "00-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
    for (size_t i = 0; i < TRACEPARENT_LENGTH; i++) /* a NUL ends it: the pattern has none */
        if (pattern[i] == 'h' ? !is_lower_hex(text[i]) : text[i] != pattern[i]) return false;
    return text[TRACEPARENT_LENGTH] == '\0' && strspn(text + TRACE_AT, "0") < TRACE_DIGITS &&
           strspn(text + SPAN_AT, "0") < SPAN_DIGITS;
}

/* ---- checks ---- */

int tern_uuid_normalise(const char *text, char uuid[TERN_UUID_SIZE])
{
    uuid_t bytes;
    if (uuid_parse(text, bytes) != 0) return -1;
    uuid_unparse_lower(bytes, uuid);
    return 0;
}

void tern_uuid_named(const char *space, const char *name, char uuid[TERN_UUID_SIZE])
{
    uuid_t bytes, of;
    int status = uuid_parse(space, of);
    TERN_ASSERT(status == 0, "a space of names is a UUID");
    uuid_generate_sha1(bytes, of, name, strlen(name));
    uuid_unparse_lower(bytes, uuid);
}

/* By ranges, not by isalnum(3), which depends on the locale. */
bool tern_id_valid(const char *text)
{
    size_t length = 0;
    for (; text[length] != '\0'; length++) {
        char c = text[length];
        bool fits = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
                    c == '_' || c == '-';
        if (!fits || length == 64) return false;
    }
    return length > 0;
}
