/* sim_trace.c - what is told: lines for people, a hash for machines, the first violation. And the maps of names. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define SIM_FAULT_WORD(word, help) #word,
const char *const sim_fault_words[SIM_FAULT_COUNT] = {SIM_FAULTS(SIM_FAULT_WORD)};
#define SIM_RULE_WORD(word, help)   #word,
#define SIM_HEALER_WORD(word, help) #word,
const char *const sim_healer_words[SIM_HEALER_COUNT] = {"nothing", SIM_HEALERS(SIM_HEALER_WORD)};
const char *const sim_rule_words[SIM_RULE_COUNT] = {SIM_RULES(SIM_RULE_WORD)};

uint64_t sim_hash_of(const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    return hash;
}

void sim_mix(uint64_t number)
{
    uint64_t z = (sim->hash ^ number) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    sim->hash = z ^ (z >> 31);
}

void sim_tell(const char *who, const char *subject, const char *format, ...)
{
    va_list arguments;
    sim_mix((uint64_t)sim->now ^ sim_hash_of(format, strlen(format)));
    if (subject != NULL) sim_mix(sim_hash_of(subject, strlen(subject)));
    if (sim->trace == NULL) return;
    (void)fprintf(sim->trace, "%9" PRId64 ".%03d  %-21s", sim->now / 1000, (int)(sim->now % 1000), who);
    va_start(arguments, format);
    (void)vfprintf(sim->trace, format, arguments);
    va_end(arguments);
    (void)fprintf(sim->trace, "%s%s\n", subject != NULL && subject[0] != '\0' ? "  " : "", subject ? subject : "");
    (void)fflush(sim->trace); /* the services' own lines go to the same file by themselves */
}

void sim_violation(enum sim_rule rule, const char *subject, const char *format, ...)
{
    va_list arguments;
    if (sim->failed) return;
    sim->failed = true;
    sim->broken = rule;
    tern_copy_whole(sim->broken_subject, sizeof sim->broken_subject, subject ? subject : "");
    int length = snprintf(sim->violation, sizeof sim->violation, "%s: ", sim_rule_words[rule]);
    va_start(arguments, format);
    (void)vsnprintf(sim->violation + length, sizeof sim->violation - (size_t)length, format, arguments);
    va_end(arguments);
    sim_tell("VIOLATION", subject, "%s", sim->violation);
}

void sim_checked(enum sim_rule rule)
{
    sim->counts->checks[rule]++;
}

/* ---- maps ------------------------------------------------------------------------------------------------------ */

static size_t slot_of(const struct sim_map *map, const char *key)
{
    size_t at = (size_t)(sim_hash_of(key, strlen(key)) >> 20) & (map->room - 1);
    while (map->keys[at] != NULL && strcmp(map->keys[at], key) != 0)
        at = (at + 1) & (map->room - 1);
    return at;
}

int sim_map_get(const struct sim_map *map, const char *key)
{
    if (map->room == 0) return -1;
    size_t at = slot_of(map, key);
    return map->keys[at] != NULL ? map->values[at] : -1;
}

static void grow(struct sim_map *map)
{
    struct sim_map old = *map;
    map->room = old.room > 0 ? old.room * 2 : 256;
    map->keys = tern_alloc(map->room * sizeof *map->keys);
    map->values = tern_alloc(map->room * sizeof *map->values);
    for (size_t i = 0; i < old.room; i++) {
        if (old.keys[i] == NULL) continue;
        size_t at = slot_of(map, old.keys[i]);
        map->keys[at] = old.keys[i];
        map->values[at] = old.values[i];
    }
    free(old.keys);
    free(old.values);
}

void sim_map_put(struct sim_map *map, const char *key, int value)
{
    if (map->count * 2 >= map->room) grow(map);
    size_t at = slot_of(map, key);
    if (map->keys[at] == NULL) {
        map->keys[at] = tern_copy_text(key);
        map->count++;
    }
    map->values[at] = value;
}

void sim_map_fini(struct sim_map *map)
{
    for (size_t i = 0; i < map->room; i++)
        free(map->keys[i]);
    free(map->keys);
    free(map->values);
    *map = (struct sim_map){0};
}
