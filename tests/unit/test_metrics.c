/* The registry of metrics: what is counted is on the page, the page is Prometheus text, threads lose nothing. */
#include "common/base/metrics_page.h"
#include "tern/metrics.h"
#include "tern_test.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct tern_metric cakes_total = {"cakes_total", TERN_COUNTER, "kind,oven", "Cakes that were baked."};
static const struct tern_metric oven_heat = {"oven_heat", TERN_GAUGE, "", "Heat of the oven."};
static const struct tern_metric http_cakes_total = {"http_cakes_total", TERN_COUNTER, "kind", "Cakes asked for."};
static const struct tern_metric *const bakery[] = {&cakes_total, &oven_heat, &http_cakes_total, NULL};

static char *page_of(struct tern_metrics *metrics)
{
    struct tern_text page = {0};
    tern_metrics_print(metrics, &page);
    return tern_text_take(&page);
}

/* The value of the sample that stands at the start of a line as `sample`, or -1. */
static double value_of(const char *page, const char *sample)
{
    size_t length = strlen(sample);
    for (const char *line = page; line != NULL && *line != '\0'; line = strchr(line, '\n'), line += line != NULL)
        if (strncmp(line, sample, length) == 0 && line[length] == ' ') return strtod(line + length + 1, NULL);
    return -1;
}

static void test_counters(void **state)
{
    (void)state;
    struct tern_metrics *metrics = tern_metrics_create(bakery);
    tern_metric_add(metrics, &cakes_total, 2, "plum", "left", NULL);
    tern_metric_add(metrics, &cakes_total, 3, "plum", "left", NULL);
    tern_metric_add(metrics, &cakes_total, 1, "plum", "right", NULL);
    tern_metric_add(metrics, &TERN_METRIC_http_requests_total, 7, "GET", "/orders/{orderId}", "200");
    char *page = page_of(metrics);
    assert_true(value_of(page, "tern_cakes_total{kind=\"plum\",oven=\"left\"}") == 5);
    assert_true(value_of(page, "tern_cakes_total{kind=\"plum\",oven=\"right\"}") == 1);
    assert_true(value_of(page, "http_requests_total{method=\"GET\",route=\"/orders/{orderId}\",code=\"200\"}") == 7);
    free(page);
    tern_metrics_destroy(metrics);
}

static void test_gauges(void **state)
{
    (void)state;
    struct tern_metrics *metrics = tern_metrics_create(bakery);
    char *page = page_of(metrics);
    assert_true(value_of(page, "tern_oven_heat") == 0);
    free(page);
    tern_metric_set(metrics, &oven_heat, 180.1, NULL, NULL);
    tern_metric_add(metrics, &oven_heat, -80, NULL, NULL, NULL);
    tern_metric_set(metrics, &TERN_METRIC_amqp_connected, 1, "publisher", NULL);
    page = page_of(metrics);
    assert_true(value_of(page, "tern_oven_heat") > 100.09 && value_of(page, "tern_oven_heat") < 100.11);
    assert_true(value_of(page, "tern_amqp_connected{link=\"publisher\"}") == 1);
    free(page);
    tern_metrics_destroy(metrics);
}

static void test_histograms(void **state)
{
    (void)state;
    struct tern_metrics *metrics = tern_metrics_create(NULL);
    tern_metric_observe(metrics, &TERN_METRIC_commit_duration_seconds, 0.005, NULL);
    tern_metric_observe(metrics, &TERN_METRIC_commit_duration_seconds, 0.02, NULL);
    tern_metric_observe(metrics, &TERN_METRIC_commit_duration_seconds, 60, NULL);
    tern_metric_observe(metrics, &TERN_METRIC_batch_units, 3, NULL);
    tern_metric_observe(metrics, &TERN_METRIC_http_request_duration_seconds, 0.3, "/orders");
    char *page = page_of(metrics);
    assert_true(value_of(page, "tern_commit_duration_seconds_bucket{le=\"0.005\"}") == 1);
    assert_true(value_of(page, "tern_commit_duration_seconds_bucket{le=\"0.01\"}") == 1);
    assert_true(value_of(page, "tern_commit_duration_seconds_bucket{le=\"0.025\"}") == 2);
    assert_true(value_of(page, "tern_commit_duration_seconds_bucket{le=\"10\"}") == 2);
    assert_true(value_of(page, "tern_commit_duration_seconds_bucket{le=\"+Inf\"}") == 3);
    assert_true(value_of(page, "tern_commit_duration_seconds_count") == 3);
    assert_true(value_of(page, "tern_commit_duration_seconds_sum") == 60.025);
    assert_true(value_of(page, "tern_batch_units_bucket{le=\"2\"}") == 0);
    assert_true(value_of(page, "tern_batch_units_bucket{le=\"4\"}") == 1);
    assert_true(value_of(page, "http_request_duration_seconds_bucket{route=\"/orders\",le=\"0.5\"}") == 1);
    free(page);
    tern_metrics_destroy(metrics);
}

static void test_nothing_without_registry(void **state)
{
    (void)state;
    tern_metric_add(NULL, &cakes_total, 1, "plum", "left", NULL);
    tern_metric_set(NULL, &oven_heat, 1, NULL, NULL);
    tern_metric_observe(NULL, &TERN_METRIC_batch_units, 1, NULL);
    tern_metrics_destroy(NULL);
}

static void test_escapes(void **state)
{
    (void)state;
    struct tern_metrics *metrics = tern_metrics_create(bakery);
    tern_metric_add(metrics, &http_cakes_total, 4, "a\"b\\c\nfour", NULL, NULL);
    char *page = page_of(metrics);
    assert_true(value_of(page, "http_cakes_total{kind=\"a\\\"b\\\\c\\nfour\"}") == 4);
    free(page);
    tern_metrics_destroy(metrics);
}

static void test_too_many_series(void **state)
{
    (void)state;
    struct tern_metrics *metrics = tern_metrics_create(bakery);
    for (int i = 0; i < 1000; i++) {
        char kind[16];
        (void)snprintf(kind, sizeof kind, "k%d", i);
        tern_metric_add(metrics, &cakes_total, 1, kind, "left", NULL);
    }
    char *page = page_of(metrics);
    assert_true(value_of(page, "tern_cakes_total{kind=\"k511\",oven=\"left\"}") == 1);
    assert_true(value_of(page, "tern_cakes_total{kind=\"other\",oven=\"other\"}") == 488);
    free(page);
    tern_metrics_destroy(metrics);
}

static void test_process(void **state)
{
    (void)state;
    struct tern_metrics *metrics = tern_metrics_create(NULL);
    char *page = page_of(metrics);
    assert_true(value_of(page, "process_cpu_seconds_total") >= 0);
    assert_true(value_of(page, "process_resident_memory_bytes") > 100000);
    assert_true(value_of(page, "process_virtual_memory_bytes") > value_of(page, "process_resident_memory_bytes"));
    assert_true(value_of(page, "process_open_fds") >= 3);
    assert_true(value_of(page, "process_max_fds") > value_of(page, "process_open_fds"));
    double now = (double)time(NULL);
    assert_true(value_of(page, "process_start_time_seconds") > now - 300);
    assert_true(value_of(page, "process_start_time_seconds") <= now + 1);
    free(page);
    tern_metrics_destroy(metrics);
}

/* ---- the page's grammar, read by an own small parser -------------------------------------------------------- */

static const char *skip_name(const char *at)
{
    assert_true(isalpha((unsigned char)*at) || *at == '_');
    while (isalnum((unsigned char)*at) || *at == '_')
        at++;
    return at;
}

static const char *skip_labels(const char *at)
{
    do {
        at = skip_name(at + 1);
        assert_memory_equal(at, "=\"", 2);
        for (at += 2; *at != '"'; at++) {
            assert_true(*at != '\n' && *at != '\0');
            at += *at == '\\';
        }
        at++;
    } while (*at == ',');
    assert_int_equal(*at, '}');
    return at + 1;
}

static void check_sample(const char *line, const char *family)
{
    assert_memory_equal(line, family, strlen(family)); /* samples stand below their family's TYPE line */
    const char *at = skip_name(line);
    if (*at == '{') at = skip_labels(at);
    assert_int_equal(*at, ' ');
    char *end;
    (void)strtod(at + 1, &end);
    assert_true(end > at + 1);
    assert_int_equal(*end, '\n');
}

static void check_page(const char *page)
{
    char family[80] = "";
    char kind[16] = "";
    assert_int_equal(page[strlen(page) - 1], '\n');
    for (const char *line = page; *line != '\0'; line = strchr(line, '\n') + 1) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            assert_int_equal(sscanf(line, "# HELP %79s", family), 1);
            char type_line[128];
            (void)snprintf(type_line, sizeof type_line, "# TYPE %s ", family);
            assert_memory_equal(strchr(line, '\n') + 1, type_line, strlen(type_line));
            const char *again = strstr(strchr(line, '\n') + 1, type_line);
            assert_null(strstr(again + 1, type_line)); /* each family once */
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_int_equal(sscanf(line, "# TYPE %*s %15s", kind), 1);
            bool counter = strcmp(kind, "counter") == 0;
            assert_int_equal(counter, strstr(family, "_total") != NULL);
            assert_true(counter || strcmp(kind, "gauge") == 0 || strcmp(kind, "histogram") == 0);
        } else {
            check_sample(line, family);
        }
    }
}

static void count_row(struct tern_metrics *metrics, const struct tern_metric *row)
{
    const char *labels[3] = {NULL, NULL, NULL};
    size_t count = 0;
    for (const char *names = row->labels; names != NULL && *names != '\0'; count++) {
        labels[count] = "some value";
        names = strchr(names, ',');
        names += names != NULL;
    }
    switch (row->kind) {
    case TERN_COUNTER: tern_metric_add(metrics, row, 1, labels[0], labels[1], labels[2]); break;
    case TERN_GAUGE: tern_metric_set(metrics, row, 1.5, labels[0], labels[1]); break;
    case TERN_HISTOGRAM: tern_metric_observe(metrics, row, 0.07, labels[0]); break;
    }
}

static void test_page_grammar(void **state)
{
    (void)state;
#define ADDRESS(name, kind, labels, help) &TERN_METRIC_##name,
    const struct tern_metric *const rows[] = {TERN_METRICS(ADDRESS)};
    struct tern_metrics *metrics = tern_metrics_create(bakery);
    char *page = page_of(metrics);
    check_page(page);
    free(page);
    for (size_t i = 0; i < TERN_COUNT(rows); i++)
        count_row(metrics, rows[i]);
    page = page_of(metrics);
    check_page(page);
    for (size_t i = 0; i < TERN_COUNT(rows); i++) {
        char help[256];
        (void)snprintf(help, sizeof help, "%s %s\n", rows[i]->name, rows[i]->help);
        assert_non_null(strstr(page, help));
    }
    const char *wish = getenv("TERN_METRICS_PAGE"); /* for promtool check metrics */
    if (wish != NULL) {
        FILE *file = fopen(wish, "w");
        assert_non_null(file);
        (void)fputs(page, file);
        (void)fclose(file);
    }
    free(page);
    tern_metrics_destroy(metrics);
}

/* ---- threads ------------------------------------------------------------------------------------------------- */

enum { THREADS = 8, ROUNDS = 5000 };

static void *bake(void *arg)
{
    struct tern_metrics *metrics = arg;
    for (int i = 0; i < ROUNDS; i++) {
        char kind[16];
        (void)snprintf(kind, sizeof kind, "k%d", i % 40);
        tern_metric_add(metrics, &cakes_total, 1, kind, "left", NULL);
        tern_metric_add(metrics, &oven_heat, 1, NULL, NULL, NULL);
        tern_metric_observe(metrics, &TERN_METRIC_http_request_duration_seconds, 1, kind);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct tern_metrics *metrics = tern_metrics_create(bakery);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, bake, metrics), 0);
    char *early = page_of(metrics); /* while they count */
    check_page(early);
    free(early);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    char *page = page_of(metrics);
    assert_true(value_of(page, "tern_oven_heat") == THREADS * ROUNDS);
    for (int i = 0; i < 40; i++) {
        char sample[96];
        (void)snprintf(sample, sizeof sample, "tern_cakes_total{kind=\"k%d\",oven=\"left\"}", i);
        assert_true(value_of(page, sample) == THREADS * ROUNDS / 40.0);
        (void)snprintf(sample, sizeof sample, "http_request_duration_seconds_sum{route=\"k%d\"}", i);
        assert_true(value_of(page, sample) == THREADS * ROUNDS / 40.0);
    }
    free(page);
    tern_metrics_destroy(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"a counter adds up for each combination of labels",              test_counters,                 NULL, NULL, NULL},
        {"a gauge is 0 at first, can be set, and can be moved both ways", test_gauges,                   NULL, NULL, NULL},
        {"a histogram cumulates; its bounds are seconds or counts",       test_histograms,               NULL, NULL, NULL},
        {"without a registry nothing is counted and nothing breaks",      test_nothing_without_registry, NULL, NULL, NULL},
        {"quotes, backslashes and newlines of label values are escaped",  test_escapes,                  NULL, NULL, NULL},
        {"after 512 combinations the rest is counted under other",        test_too_many_series,          NULL, NULL, NULL},
        {"the process families show this process",                        test_process,                  NULL, NULL, NULL},
        {"the page is Prometheus text and holds every family once",       test_page_grammar,             NULL, NULL, NULL},
        {"threads that count at the same time lose nothing",              test_threads,                  NULL, NULL, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
