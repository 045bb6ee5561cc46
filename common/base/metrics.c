/* metrics.c - a registry of families, each with one series per combination of label values.
 *
 * The set of families never changes after create, so finding one needs no lock. A series is neither moved nor freed
 * before the registry is, and is published with a release store once it is complete: a thread that finds it counts with
 * plain atomics. Only the first use of a combination takes the mutex. Never keeps more than SERIES_MAX combinations per
 * family: later ones count under "other". */
#include "tern/metrics.h"
#include "metrics_page.h"
#include "metrics_process.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABELS_MAX = 3, BOUNDS_MAX = 14, CHAINS = 16, SERIES_MAX = 512, INDEX_MIN = 64 };

#define AS_COUNTER   TERN_COUNTER
#define AS_GAUGE     TERN_GAUGE
#define AS_HISTOGRAM TERN_HISTOGRAM
#define AS_FAMILY(name, kind, labels, help) \
    const struct tern_metric TERN_METRIC_##name = {#name, AS_##kind, labels, help};
TERN_METRICS(AS_FAMILY)

#define AS_POINTER(name, kind, labels, help) &TERN_METRIC_##name,
static const struct tern_metric *const library_families[] = {TERN_METRICS(AS_POINTER)};

static const double bounds_seconds[BOUNDS_MAX] = {.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10};
static const double bounds_counts[BOUNDS_MAX] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192};

struct series {
    struct series *_Atomic next_in_chain; /* of the family's hash table */
    struct series *_Atomic next_printed;  /* in the order of the page */
    uint32_t hash;                        /* of the labels */
    char *labels[LABELS_MAX];             /* NULL after the last one; owned */
    _Atomic int64_t count;                /* a counter's value; observations of a histogram beyond its last bound */
    _Atomic uint64_t bits;                /* a gauge's value or a histogram's sum, as the bits of a double */
    _Atomic int64_t buckets[];            /* histograms: observations up to each bound, not cumulated */
};

struct family {
    const struct tern_metric *row; /* the program's */
    const double *bounds;          /* histograms only: BOUNDS_MAX upper bounds */
    size_t label_count;            /* names in row->labels */
    struct series *_Atomic chains[CHAINS];
    struct series *_Atomic first; /* in the order of first use, for the page */
    struct series *last;          /* under the mutex */
    size_t series_count;          /* under the mutex */
};

struct tern_metrics {
    pthread_mutex_t mutex;   /* taken to add a series, never to count */
    size_t family_count;     /* used; all of them after create */
    struct family *families; /* the library's, then the program's; owned */
    size_t index_mask;       /* size of the index - 1; the size is a power of two */
    uint16_t *index;         /* hash of a row's address -> number of its family + 1; open addressing; owned */
};

/* ---- finding families and series ---------------------------------------------------------------------------- */

/* Fibonacci hashing: the high bits of the product depend on all bits of the address. */
static size_t hash_address(const void *address)
{
    return (size_t)(((uint64_t)(uintptr_t)address * UINT64_C(0x9E3779B97F4A7C15)) >> 40);
}

/* Rows are told apart by their address. The search ends, because the index is at most half full. */
static struct family *find_family(const struct tern_metrics *metrics, const struct tern_metric *row)
{
    size_t slot = hash_address(row) & metrics->index_mask;
    for (; metrics->index[slot] != 0; slot = (slot + 1) & metrics->index_mask) {
        struct family *family = &metrics->families[metrics->index[slot] - 1];
        if (family->row == row) return family;
    }
    tern_broken(__FILE__, __LINE__, "a metric is counted only after its row was handed to the registry");
}

static uint32_t hash_labels(const char *const *labels)
{
    uint32_t hash = 2166136261U; /* FNV-1a; 0xFF, no byte of UTF-8, ends a value */
    for (size_t i = 0; i < LABELS_MAX && labels[i]; i++) {
        for (const char *c = labels[i]; *c != '\0'; c++)
            hash = (hash ^ (unsigned char)*c) * 16777619U;
        hash = (hash ^ 0xFFU) * 16777619U;
    }
    return hash;
}

static bool same_labels(const struct series *series, const char *const *labels)
{
    for (size_t i = 0; i < LABELS_MAX && labels[i]; i++)
        if (strcmp(series->labels[i], labels[i]) != 0) return false;
    return true;
}

/* Without the mutex: an acquire load sees a series only once it is complete. NULL: not there yet. */
static struct series *find_series(struct family *family, uint32_t hash, const char *const *labels)
{
    struct series *series = atomic_load_explicit(&family->chains[hash % CHAINS], memory_order_acquire);
    for (; series; series = atomic_load_explicit(&series->next_in_chain, memory_order_acquire))
        if (series->hash == hash && same_labels(series, labels)) return series;
    return NULL;
}

/* Under the mutex. The release stores publish the series to readers that hold no lock, so it is complete before. */
static struct series *add_series(struct family *family, uint32_t hash, const char *const *labels)
{
    size_t bucket_count = family->bounds ? BOUNDS_MAX : 0;
    struct series *series = tern_alloc(sizeof *series + bucket_count * sizeof series->buckets[0]);
    series->hash = hash;
    for (size_t i = 0; i < family->label_count; i++)
        series->labels[i] = tern_copy_text(labels[i]);

    struct series *_Atomic *chain = &family->chains[hash % CHAINS];
    atomic_store_explicit(&series->next_in_chain, atomic_load_explicit(chain, memory_order_relaxed),
                          memory_order_relaxed);
    atomic_store_explicit(chain, series, memory_order_release);
    struct series *_Atomic *tail = family->last ? &family->last->next_printed : &family->first;
    atomic_store_explicit(tail, series, memory_order_release);
    family->last = series;
    family->series_count++;
    return series;
}

/* The first search takes no lock. Another thread may add the same combination before the mutex is taken, so the search
 * is repeated under it. */
static struct series *find_or_add(struct tern_metrics *metrics, struct family *family, const char *const *labels)
{
    static const char *const other[LABELS_MAX] = {"other", "other", "other"};
    uint32_t hash = hash_labels(labels);
    struct series *series = find_series(family, hash, labels);
    if (series) return series;

    pthread_mutex_lock(&metrics->mutex);
    const char *replaced[LABELS_MAX] = {NULL};
    if (family->series_count >= SERIES_MAX) {
        memcpy(replaced, other, family->label_count * sizeof replaced[0]);
        labels = replaced;
        hash = hash_labels(labels);
    }
    series = find_series(family, hash, labels);
    if (!series) series = add_series(family, hash, labels);
    pthread_mutex_unlock(&metrics->mutex);
    return series;
}

/* The series of a row and its label values, NULL for the values that the row does not have. */
static struct series *series_of(struct tern_metrics *metrics, const struct tern_metric *row, const char *first,
                                const char *second, const char *third, struct family **ret_family)
{
    const char *labels[LABELS_MAX] = {first, second, third};
    struct family *family = find_family(metrics, row);
    for (size_t i = 0; i < LABELS_MAX; i++)
        TERN_ASSERT((labels[i] != NULL) == (i < family->label_count),
                    "a metric is counted with as many label values as its row has labels");
    *ret_family = family;
    return find_or_add(metrics, family, labels);
}

/* ---- counting ----------------------------------------------------------------------------------------------- */

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* C11 has no atomic addition of doubles. */
static void add_double(_Atomic uint64_t *bits, double amount)
{
    uint64_t seen = atomic_load_explicit(bits, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(bits, &seen, bits_of(double_of(seen) + amount), memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

void tern_metric_add(struct tern_metrics *metrics, const struct tern_metric *row, int64_t amount, const char *first,
                     const char *second, const char *third)
{
    if (!metrics) return;
    struct family *family;
    struct series *series = series_of(metrics, row, first, second, third, &family);
    TERN_ASSERT(row->kind != TERN_HISTOGRAM, "a histogram observes, it is not added to");
    if (row->kind == TERN_GAUGE) {
        add_double(&series->bits, (double)amount);
        return;
    }
    TERN_ASSERT(amount >= 0, "a counter never goes back");
    atomic_fetch_add_explicit(&series->count, amount, memory_order_relaxed);
}

void tern_metric_set(struct tern_metrics *metrics, const struct tern_metric *row, double value, const char *first,
                     const char *second)
{
    if (!metrics) return;
    TERN_ASSERT(row->kind == TERN_GAUGE, "only a gauge is set");
    struct family *family;
    struct series *series = series_of(metrics, row, first, second, NULL, &family);
    atomic_store_explicit(&series->bits, bits_of(value), memory_order_relaxed);
}

/* Counts in one bucket; print_histogram adds them up. */
void tern_metric_observe(struct tern_metrics *metrics, const struct tern_metric *row, double value, const char *first)
{
    if (!metrics) return;
    TERN_ASSERT(row->kind == TERN_HISTOGRAM, "only a histogram observes");
    struct family *family;
    struct series *series = series_of(metrics, row, first, NULL, NULL, &family);
    size_t bucket = 0;
    while (bucket < BOUNDS_MAX && value > family->bounds[bucket])
        bucket++;
    atomic_fetch_add_explicit(bucket < BOUNDS_MAX ? &series->buckets[bucket] : &series->count, 1, memory_order_relaxed);
    add_double(&series->bits, value);
}

/* ---- the page ----------------------------------------------------------------------------------------------- */

/* Names that other exporters have, too, keep their usual form. */
static const char *prefix_of(const char *name)
{
    return strncmp(name, "process_", 8) == 0 || strncmp(name, "http_", 5) == 0 ? "" : "tern_";
}

/* The shortest digits that read back as the same number. */
static void print_number(struct tern_text *out, double value)
{
    if (isnan(value) || isinf(value)) {
        tern_text_add(out, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
        return;
    }
    char digits[40];
    for (int precision = 6; precision <= 17; precision++) {
        (void)snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value) break;
    }
    tern_text_add(out, digits);
}

/* Escapes backslash, quote and line feed, as the exposition format demands. */
static void print_label_value(struct tern_text *out, const char *value)
{
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '\\' || *c == '"') tern_text_add_bytes(out, "\\", 1);
        if (*c == '\n')
            tern_text_add(out, "\\n");
        else
            tern_text_add_bytes(out, c, 1);
    }
}

/* {type="OrderPlaced",le="0.5"}; nothing when there are no labels. */
static void print_labels(struct tern_text *out, const char *names, char *const *values, const char *bound)
{
    const char *separator = "{";
    for (size_t i = 0; *names != '\0'; i++) {
        size_t length = strcspn(names, ",");
        tern_text_add(out, separator);
        tern_text_add_bytes(out, names, length);
        tern_text_add(out, "=\"");
        print_label_value(out, values[i]);
        tern_text_add(out, "\"");
        separator = ",";
        names += length + (names[length] == ',');
    }
    if (bound) tern_text_printf(out, "%sle=\"%s\"", separator, bound);
    if (bound || *separator == ',') tern_text_add(out, "}");
}

static void print_sample(struct tern_text *out, const struct tern_metric *row, const char *suffix,
                         const struct series *series, const char *bound)
{
    tern_text_printf(out, "%s%s%s", prefix_of(row->name), row->name, suffix);
    print_labels(out, row->labels, series->labels, bound);
    tern_text_add(out, " ");
}

/* Buckets are stored one by one and printed cumulated. The count is their sum, so that it never differs from the +Inf
 * bucket while other threads observe. */
static void print_histogram(struct tern_text *out, const struct family *family, struct series *series)
{
    int64_t total = 0;
    for (size_t i = 0; i <= BOUNDS_MAX; i++) {
        char bound[32] = "+Inf";
        if (i < BOUNDS_MAX) (void)snprintf(bound, sizeof bound, "%g", family->bounds[i]);
        total += atomic_load_explicit(i < BOUNDS_MAX ? &series->buckets[i] : &series->count, memory_order_relaxed);
        print_sample(out, family->row, "_bucket", series, bound);
        tern_text_printf(out, "%lld\n", (long long)total);
    }
    print_sample(out, family->row, "_sum", series, NULL);
    print_number(out, double_of(atomic_load_explicit(&series->bits, memory_order_relaxed)));
    tern_text_add(out, "\n");
    print_sample(out, family->row, "_count", series, NULL);
    tern_text_printf(out, "%lld\n", (long long)total);
}

static void print_series(struct tern_text *out, const struct family *family, struct series *series)
{
    switch (family->row->kind) {
    case TERN_COUNTER:
        print_sample(out, family->row, "", series, NULL);
        tern_text_printf(out, "%lld\n", (long long)atomic_load_explicit(&series->count, memory_order_relaxed));
        break;
    case TERN_GAUGE:
        print_sample(out, family->row, "", series, NULL);
        print_number(out, double_of(atomic_load_explicit(&series->bits, memory_order_relaxed)));
        tern_text_add(out, "\n");
        break;
    case TERN_HISTOGRAM: print_histogram(out, family, series); break;
    }
}

/* A family that was never counted is left out, with its help: no sample, no type. */
static void print_family(struct tern_text *out, struct family *family)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    const struct tern_metric *row = family->row;
    struct series *series = atomic_load_explicit(&family->first, memory_order_acquire);
    if (!series) return;
    const char *prefix = prefix_of(row->name);
    tern_text_printf(out, "# HELP %s%s %s\n# TYPE %s%s %s\n", prefix, row->name, row->help, prefix, row->name,
                     kinds[row->kind]);
    for (; series; series = atomic_load_explicit(&series->next_printed, memory_order_acquire))
        print_series(out, family, series);
}

void tern_metrics_print(struct tern_metrics *metrics, struct tern_text *out)
{
    for (size_t i = 0; i < metrics->family_count; i++)
        print_family(out, &metrics->families[i]);
    tern_metrics_print_process(out);
}

/* ---- the registry ------------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* Only while the registry is made: the index has no lock. */
static void add_family(struct tern_metrics *metrics, const struct tern_metric *row)
{
    struct family *family = &metrics->families[metrics->family_count++];
    family->row = row;
    family->label_count = row->labels[0] != '\0';
    for (const char *c = row->labels; *c != '\0'; c++)
        family->label_count += *c == ',';
    TERN_ASSERT(family->label_count <= LABELS_MAX, "a metric has at most three labels");
    if (row->kind == TERN_HISTOGRAM) family->bounds = ends_with(row->name, "_seconds") ? bounds_seconds : bounds_counts;

    size_t slot = hash_address(row) & metrics->index_mask;
    while (metrics->index[slot] != 0)
        slot = (slot + 1) & metrics->index_mask;
    metrics->index[slot] = (uint16_t)metrics->family_count;

    /* Without labels there is one series, printed as 0 from the start, so that rates begin at the right value. */
    if (family->label_count == 0) (void)find_or_add(metrics, family, (const char *const[LABELS_MAX]){NULL});
}

struct tern_metrics *tern_metrics_create(const struct tern_metric *const *more)
{
    size_t more_count = 0;
    while (more && more[more_count])
        more_count++;
    size_t count = TERN_COUNT(library_families) + more_count;
    size_t index_size = INDEX_MIN;
    while (index_size < count * 2) /* at most half full: chains stay short */
        index_size *= 2;

    struct tern_metrics *metrics = tern_alloc(sizeof *metrics);
    pthread_mutex_init(&metrics->mutex, NULL);
    metrics->families = tern_alloc(count * sizeof metrics->families[0]);
    metrics->index = tern_alloc(index_size * sizeof metrics->index[0]);
    metrics->index_mask = index_size - 1;
    for (size_t i = 0; i < TERN_COUNT(library_families); i++)
        add_family(metrics, library_families[i]);
    for (size_t i = 0; i < more_count; i++)
        add_family(metrics, more[i]);
    return metrics;
}

void tern_metrics_destroy(struct tern_metrics *metrics)
{
    if (!metrics) return;
    for (size_t i = 0; i < metrics->family_count; i++) {
        struct series *series = atomic_load_explicit(&metrics->families[i].first, memory_order_acquire);
        while (series) {
            struct series *next = atomic_load_explicit(&series->next_printed, memory_order_acquire);
            for (size_t j = 0; j < LABELS_MAX; j++)
                free(series->labels[j]);
            free(series);
            series = next;
        }
    }
    pthread_mutex_destroy(&metrics->mutex);
    free(metrics->families);
    free(metrics->index);
    free(metrics);
}
