/* metrics_process.h - the process_* families that every Prometheus client prints. Private to common/base. */
#ifndef TERN_BASE_METRICS_PROCESS_H
#define TERN_BASE_METRICS_PROCESS_H

#include "tern/text.h"

/* Reads them from /proc and appends them; a value that cannot be read is left out. */
void tern_metrics_print_process(struct tern_text *out);

#endif
