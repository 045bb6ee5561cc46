/* sim_main.c - the command line of the simulation.
 *
 *   sim --seeds N [--from S] [--seconds T]   N runs from seed S on, or as many as there is time for
 *   sim --seed S [--trace]                   one run; twice, and both must be the same
 *   sim --explore [--faults F] [--seconds T] [--runs R] [--part P --parts N]
 *                                            all runs of small worlds that leave the usual way a few times, or F times
 *                                            and by faults alone
 *   sim --world W --choices C                one of them, as it was printed
 */
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

struct wish {
    uint64_t from, seeds, step;
    int64_t seconds, runs;
    bool one, trace, explore;
    int world, part, parts, faults;
    const char *choices;
};

static int usage(void)
{
    (void)fputs(
        "usage: sim --seeds N [--from S] [--seconds T]\n       sim --seed S [--trace]\n"
        "       sim --explore [--faults F] [--seconds T] [--runs R] [--part P --parts N]\n       sim --world W --choices C\n",
        stderr);
    return 2;
}

static int read_wish(int argc, char **argv, struct wish *wish)
{
    *wish = (struct wish){.from = 1, .seeds = UINT64_MAX, .step = 1, .world = -1, .parts = 1, .choices = ""};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0 || strcmp(argv[i], "--explore") == 0) {
            *(argv[i][2] == 't' ? &wish->trace : &wish->explore) = true;
            continue;
        }
        if (i + 1 >= argc) return -1;
        uint64_t number = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seed") == 0) {
            wish->from = number;
            wish->one = true;
        } else if (strcmp(argv[i], "--from") == 0) {
            wish->from = number;
        } else if (strcmp(argv[i], "--seeds") == 0) {
            wish->seeds = number;
        } else if (strcmp(argv[i], "--step") == 0) {
            wish->step = number;
        } else if (strcmp(argv[i], "--world") == 0) {
            wish->world = (int)number;
        } else if (strcmp(argv[i], "--part") == 0) {
            wish->part = (int)number;
        } else if (strcmp(argv[i], "--parts") == 0) {
            wish->parts = number > 0 ? (int)number : 1;
        } else if (strcmp(argv[i], "--faults") == 0) {
            wish->faults = (int)number;
        } else if (strcmp(argv[i], "--choices") == 0) {
            wish->choices = argv[i + 1];
        } else if (strcmp(argv[i], "--runs") == 0) {
            wish->runs = (int64_t)number;
        } else if (strcmp(argv[i], "--seconds") == 0) {
            wish->seconds = (int64_t)number;
        } else {
            return -1;
        }
        i++;
    }
    return wish->one || wish->explore || wish->world >= 0 || wish->seconds > 0 || wish->seeds < UINT64_MAX ? 0 : -1;
}

static void print_count(const char *kind, const char *word, int64_t number)
{
    printf("%-5s %-20s %12" PRId64 "\n", kind, word, number);
}

static void print_counts(const struct sim_counts *counts)
{
    print_count("count", "seeds", counts->seeds);
    print_count("count", "orders", counts->orders);
    print_count("count", "ended", counts->ended);
    print_count("count", "lines", counts->lines);
    print_count("count", "large", counts->large);
    print_count("count", "events", counts->events);
    print_count("count", "deliveries", counts->deliveries);
    print_count("count", "steps", counts->steps);
    print_count("count", "captures", counts->captures);
    print_count("count", "refunds", counts->refunds);
    print_count("count", "letters", counts->letters);
    for (int i = 0; i < SIM_FAULT_COUNT; i++)
        print_count("fault", sim_fault_words[i], counts->faults[i]);
    print_count("count", "lost", counts->lost);
    print_count("count", "tidy_worlds", counts->tidy);
    for (int i = SIM_NO_HEALER + 1; i < SIM_HEALER_COUNT; i++)
        print_count("heal", sim_healer_words[i], counts->healed[i]);
    for (int i = SIM_NO_HEALER + 1; i <= SIM_LAYER_COUNT; i++)
        print_count("off", sim_healer_words[i], counts->off[i]);
    for (int i = 0; i < SIM_RULE_COUNT; i++)
        print_count("rule", sim_rule_words[i], counts->checks[i]);
}

/* A run takes milliseconds. One that goes round without an end is a finding too, and must not wait for a person. */
enum { RUN_MOST_S = 120 };
static char endless[128];

static void does_not_end(int signal_number)
{
    (void)signal_number;
    (void)!write(STDOUT_FILENO, endless, strlen(endless));
    _exit(1);
}

static void watch_seed(uint64_t seed)
{
    (void)snprintf(endless, sizeof endless, "seed %" PRIu64 " does not end: %d s and no rest\n", seed, RUN_MOST_S);
    (void)signal(SIGALRM, does_not_end);
    (void)alarm(RUN_MOST_S);
}

static bool run_seed(uint64_t seed, FILE *trace, struct sim_counts *counts, struct sim_result *result)
{
    struct sim_plan plan;
    sim_plan_draw(&plan, seed);
    watch_seed(seed);
    sim_run(&plan, NULL, trace, counts, result);
    (void)alarm(0);
    return !result->failed;
}

/* What a reader of the story needs: lines about the order, and what befell everybody. */
static bool belongs(const char *line, const char *subject)
{
    static const char *const always[] = {"is killed", "is down",        "is there again", "its clock",  "  broker  ",
                                         "VIOLATION", "no more faults", "lost: ",         "simulation "};
    if (subject[0] != '\0' && strstr(line, subject) != NULL) return true;
    for (size_t i = 0; i < TERN_COUNT(always); i++)
        if (strstr(line, always[i]) != NULL) return true;
    return false;
}

static void tell_story(uint64_t seed, const char *subject)
{
    struct sim_counts counts = {0};
    struct sim_result result;
    FILE *trace = tmpfile();
    char line[4096];
    if (trace == NULL) return;
    (void)run_seed(seed, trace, &counts, &result);
    rewind(trace);
    while (fgets(line, sizeof line, trace) != NULL)
        if (belongs(line, subject)) (void)fputs(line, stdout);
    (void)fclose(trace);
}

static void blame(uint64_t seed, const struct sim_result *result)
{
    tell_story(seed, result->subject);
    printf("seed %" PRIu64 " broke a rule: %s%s%s\nto see all of it: scripts/sim.sh --seed %" PRIu64 "\n", seed,
           result->violation, result->subject[0] ? ", " : "", result->subject, seed);
    (void)fflush(stdout);
}

static int run_one(const struct wish *wish)
{
    struct sim_counts counts = {0}, again = {0};
    struct sim_result first, second;
    bool good = run_seed(wish->from, wish->trace ? stdout : NULL, &counts, &first);
    (void)run_seed(wish->from, NULL, &again, &second);
    print_counts(&counts);
    if (!good) blame(wish->from, &first);
    printf("hash %016" PRIx64 "\n", first.hash);
    if (first.hash != second.hash) printf("NOT REPEATABLE: the second run has %016" PRIx64 "\n", second.hash);
    return good && first.hash == second.hash ? 0 : 1;
}

static int run_many(const struct wish *wish)
{
    struct sim_counts counts = {0};
    struct sim_result result;
    int failed = 0;
    time_t end = time(NULL) + wish->seconds;
    for (uint64_t i = 0; i < wish->seeds && failed < 3; i++) {
        if (wish->seconds > 0 && time(NULL) >= end) break;
        uint64_t seed = wish->from + i * wish->step;
        if (run_seed(seed, NULL, &counts, &result)) continue;
        blame(seed, &result);
        failed++;
    }
    print_counts(&counts);
    return failed > 0;
}

static int walk(const struct wish *wish)
{
    struct sim_counts counts = {0};
    bool good = sim_explore(wish->seconds, wish->runs, wish->part, wish->parts, wish->faults, &counts);
    print_counts(&counts);
    return good ? 0 : 1;
}

static int show_world(const struct wish *wish)
{
    struct sim_counts counts = {0};
    return sim_world(wish->world, wish->choices, stdout, &counts) ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct wish wish;
    (void)mallopt(M_MMAP_THRESHOLD, 1024 * 1024); /* large and hardly used: rather new pages than old ones made zero */
    if (read_wish(argc, argv, &wish) < 0) return usage();
    int status = wish.explore      ? walk(&wish)
                 : wish.world >= 0 ? show_world(&wish)
                 : wish.one        ? run_one(&wish)
                                   : run_many(&wish);
    sim_pool_close();
    return status;
}
