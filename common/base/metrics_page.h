/* metrics_page.h - a registry of metrics and its page. */
#ifndef TERN_BASE_METRICS_PAGE_H
#define TERN_BASE_METRICS_PAGE_H

#include "tern/metrics.h"

/* A registry of the library's families and those of `more`, a NULL-terminated list or NULL. The process_* families
 * (cpu, memory, descriptors, start time) are read when the page is printed. */
struct tern_metrics *tern_metrics_create(const struct tern_metric *const *more);
void tern_metrics_destroy(struct tern_metrics *metrics);

/* Appends the page: text/plain; version=0.0.4 (Prometheus exposition formats). */
void tern_metrics_print(struct tern_metrics *metrics, struct tern_text *out);

#endif
