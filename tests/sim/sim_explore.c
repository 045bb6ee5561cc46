/* sim_explore.c - small worlds, walked instead of drawn: one order, one order that is cancelled, two orders and one unit.
 *
 * In a small world nothing is left to chance: all times are zero, and wherever something could go another way a choice is
 * asked for: whose turn it is, and after each turn whether the service that moved is killed, loses a connection, has its
 * clock set; of each message whether it comes twice or is lost; of each call to the gateway whether its answer is. The
 * first of the ways is the usual one. All runs are made that leave the usual way at most so many times; the number of
 * each fault in a run is bounded. There are far more turns than faults: when only faults may leave the usual way, more of
 * them fit into a run. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim.h"

enum { CHOICES_MAX = 4000 };

struct explorer {
    int chosen[CHOICES_MAX], widths[CHOICES_MAX];
    int given, depth; /* choices that are given; choices made in this run */
    int part, parts;  /* of the work: by where a run leaves the usual way first */
    bool faults_only; /* turns are taken in the usual order */
};

static int choose(void *self, int count, bool fault)
{
    struct explorer *explorer = self;
    if (explorer->depth >= CHOICES_MAX) {
        sim_violation(SIM_RULE_S2, NULL, "a small world goes on for ever");
        return 0;
    }
    int at = explorer->depth++;
    if (at >= explorer->given) explorer->chosen[at] = 0;
    explorer->widths[at] = fault || !explorer->faults_only ? count : 1;
    TERN_ASSERT(explorer->chosen[at] < count, "the same choices lead to the same choice");
    return explorer->chosen[at];
}

/* Makes the next string of choices with at most `most` that are not the usual one. False: there is none. */
static bool next_choices(struct explorer *explorer, int most)
{
    int strange = 0;
    for (int i = 0; i < explorer->depth; i++)
        strange += explorer->chosen[i] != 0;
    for (int at = explorer->depth - 1; at >= 0; at--) {
        bool was = explorer->chosen[at] != 0;
        bool mine = strange - was > 0 || at % explorer->parts == explorer->part;
        if (mine && explorer->chosen[at] + 1 < explorer->widths[at] && strange + !was <= most) {
            explorer->chosen[at]++;
            explorer->given = at + 1;
            return true;
        }
        strange -= was;
    }
    return false;
}

static void print_choices(const struct explorer *explorer)
{
    printf("--choices ");
    int last = explorer->depth;
    while (last > 0 && explorer->chosen[last - 1] == 0)
        last--;
    for (int i = 0; i < last; i++)
        if (explorer->chosen[i] != 0) printf("%d:%d,", i, explorer->chosen[i]);
    printf(last == 0 ? "0:0\n" : "\n");
}

static const struct sim_plan worlds[] = {
    {.orders = 1, .stock = {1}},
    {.orders = 1, .stock = {1}, .cancels = 1},
    {.orders = 2,           .stock = {1}            },
};
const char *const sim_world_names[] = {"one order", "one order, cancelled", "two orders, one unit"};
enum { WORLDS = sizeof worlds / sizeof worlds[0] };

static struct sim_plan world_plan(int world)
{
    struct sim_plan plan = worlds[world];
    plan.seed = 1;
    plan.products = 1;
    plan.nudge_ms = 1000;
    plan.deadline_ms = 20000;
    plan.attempts = 4;
    plan.batch = plan.prefetch = plan.window = 16;
    plan.small = true;
    return plan;
}

static bool run_world(int world, struct explorer *explorer, FILE *trace, struct sim_counts *counts)
{
    const struct sim_chooser chooser = {choose, explorer};
    const struct sim_plan plan = world_plan(world);
    struct sim_result result;
    explorer->depth = 0;
    sim_run(&plan, &chooser, trace, counts, &result);
    if (result.failed && trace == NULL)
        printf("%s: broke a rule: %s%s%s\nto see it: sim --world %d ", sim_world_names[world], result.violation,
               result.subject[0] ? ", " : "", result.subject, world);
    return !result.failed;
}

/* True: all were made, and all were good. Ends after `seconds` or `most_runs`; 0: without such an end. */
static bool explore(int world, int most, int64_t seconds, int64_t most_runs, const struct explorer *share,
                    struct sim_counts *counts, bool *ret_failed)
{
    struct explorer *explorer = tern_alloc(sizeof *explorer);
    *explorer = *share;
    time_t end = time(NULL) + seconds;
    int64_t runs = 0;
    bool more = true, good = true;
    while (more && good && (seconds == 0 || time(NULL) < end) && (most_runs == 0 || runs < most_runs)) {
        good = run_world(world, explorer, NULL, counts);
        runs++;
        if (!good) print_choices(explorer);
        more = next_choices(explorer, most);
    }
    printf("%s, at most %d %s off the usual way: %" PRId64 " runs, %s\n", sim_world_names[world], most,
           share->faults_only ? "faults" : "choices", runs, more ? "not all of them" : "all there are");
    (void)fflush(stdout);
    free(explorer);
    *ret_failed |= !good;
    return !more && good;
}

bool sim_explore(int64_t seconds, int64_t runs, int part, int parts, int faults, struct sim_counts *counts)
{
    const struct explorer share = {.part = part, .parts = parts, .faults_only = faults > 0};
    bool failed = false;
    time_t end = time(NULL) + seconds;
    int first = faults > 0 ? faults : 1, last = faults > 0 ? faults : seconds + runs > 0 ? 4 : 2;
    for (int most = first; most <= last && !failed; most++)
        for (int world = 0; world < WORLDS && !failed; world++) {
            int64_t left = seconds == 0 ? 0 : (int64_t)(end - time(NULL));
            if ((seconds > 0 && left <= 0) || (runs > 0 && counts->seeds >= runs)) return !failed;
            (void)explore(world, most, left, runs > 0 ? runs - counts->seeds : 0, &share, counts, &failed);
        }
    return !failed;
}

bool sim_world(int world, const char *choices, FILE *trace, struct sim_counts *counts)
{
    struct explorer *explorer = tern_alloc(sizeof *explorer);
    explorer->parts = 1;
    while (*choices != '\0') {
        char *end;
        long at = strtol(choices, &end, 10);
        long way = *end == ':' ? strtol(end + 1, &end, 10) : 0;
        if (at < 0 || at >= CHOICES_MAX) break;
        explorer->chosen[at] = (int)way;
        if (at >= explorer->given) explorer->given = (int)at + 1;
        choices = *end == ',' ? end + 1 : "";
    }
    bool good = world >= 0 && world < WORLDS && run_world(world, explorer, trace, counts);
    free(explorer);
    return good;
}
