/* metrics_process.h - the process_* families that every Prometheus client shows, read from the kernel when asked. */
#ifndef TERN_BASE_METRICS_PROCESS_H
#define TERN_BASE_METRICS_PROCESS_H

#include "tern/text.h"

/* What cannot be read is left out. */
void tern_metrics_print_process(struct tern_text *out);

#endif
