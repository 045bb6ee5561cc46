/* tern/metrics.h - counters, gauges and histograms, declared with their help and printed in Prometheus' text format.
 *
 * A family is a constant row: name (printed with the prefix tern_, unless it begins with process_ or http_), kind,
 * label names, help. A program registers its rows; a count names the row and the label values. There must be few label
 * values: event types, results, routes, never ids (after 512 combinations of a family, new ones count under "other").
 * Any thread; only the first use of a combination takes a lock. A family without labels is printed from the start, as
 * 0; another one once it has been counted. */
#ifndef TERN_METRICS_H
#define TERN_METRICS_H

#include "tern/text.h"

enum tern_metric_kind { TERN_COUNTER, TERN_GAUGE, TERN_HISTOGRAM };

struct tern_metric {
    const char *name; /* messages_published_total */
    enum tern_metric_kind kind;
    const char *labels; /* names, at most three: "" or "type" or "type,result" */
    const char *help;   /* one sentence */
};

/* The families of the library, one row each: TERN_METRIC_messages_published_total ... are `const struct tern_metric`.
 * HISTOGRAM buckets are seconds (.005 .01 .025 .05 .075 .1 .25 .5 .75 1 2.5 5 7.5 10) when the name ends in _seconds,
 * else counts (1 2 4 8 ... 8192). */
#define TERN_METRICS(M)                                                                                            \
    M(build_info, GAUGE, "version,revision", "Always 1; the labels say what is running.")                          \
    M(amqp_connected, GAUGE, "link", "1 while the link to the broker is up.")                                      \
    M(amqp_blocked, GAUGE, "link", "1 while the broker refuses to be published to.")                               \
    M(amqp_reconnects_total, COUNTER, "link", "How often the link to the broker was lost.")                        \
    M(queue_owned, GAUGE, "", "1 while the service's queue is this daemon's.")                                     \
    M(outbox_pending, GAUGE, "", "Committed events the broker has not confirmed yet.")                             \
    M(outbox_oldest_age_seconds, GAUGE, "", "Age of the oldest committed event that is not confirmed.")            \
    M(publish_stalled_seconds, GAUGE, "", "For how long the broker confirms nothing of what waits; 0: it does.")   \
    M(messages_published_total, COUNTER, "type", "Events the broker has confirmed.")                               \
    M(messages_republished_total, COUNTER, "type", "Events published once more because one was missed.")           \
    M(queues_lost_total, COUNTER, "", "Queues that the broker had lost, with what was in them.")                   \
    M(publish_failures_total, COUNTER, "reason", "Publications that were nacked, returned, timed out or lost.")    \
    M(messages_consumed_total, COUNTER, "type,result", "Deliveries by outcome: done, duplicate, retry, parked.")   \
    M(messages_redelivered_total, COUNTER, "type", "Deliveries that the broker flagged as redelivered.")           \
    M(message_process_duration_seconds, HISTOGRAM, "", "From taking a delivery to the commit of its effects.")     \
    M(events_missing, GAUGE, "", "Events that should have arrived, have not, and are asked for.")                  \
    M(events_missed_total, COUNTER, "type", "Events that were found not to have arrived.")                         \
    M(events_asked_for_total, COUNTER, "type", "Events that their producer was asked to publish again.")           \
    M(events_healed_total, COUNTER, "type", "Missing events that have arrived after all.")                         \
    M(healed_total, COUNTER, "layer", "Lost events that took effect when republished, by what brought them back.") \
    M(events_lost_total, COUNTER, "type", "Missing events too old to be published again.")                         \
    M(dead_letters, GAUGE, "", "Messages in the dead-letter queue; only order-service counts them.")               \
    M(inbox_duplicates_total, COUNTER, "", "Deliveries the inbox had seen before.")                                \
    M(parked_messages, GAUGE, "", "Messages that wait for a person.")                                              \
    M(parked_total, COUNTER, "reason", "Messages that were parked.")                                               \
    M(deferred_messages, GAUGE, "", "Messages that wait for their next try, or behind one that does.")             \
    M(batch_units, HISTOGRAM, "", "Units of work per transaction (buckets are counts here, not seconds).")         \
    M(commit_duration_seconds, HISTOGRAM, "", "Time of one commit, the disk's flush included.")                    \
    M(jobs_pending, GAUGE, "", "Jobs that are written and not finished.")                                          \
    M(jobs_total, COUNTER, "kind,result", "Runs of jobs: done, again; unknown: left alone.")                       \
    M(clock_jumps_total, COUNTER, "", "Jumps of the wall clock by more than a minute.")                            \
    M(projection_behind_events, GAUGE, "projection", "Committed events that a read model has not folded yet.")     \
    M(projection_rebuilds_total, COUNTER, "projection,outcome", "Rebuilds of read models: done or failed.")        \
    M(online_seconds, GAUGE, "", "How long the service has been connected to the broker, in all its runs.")        \
    M(store_wal_bytes, GAUGE, "", "Size of the store's write-ahead log.")                                          \
    M(store_backups_total, COUNTER, "outcome", "Backups by POST /admin/backup: made or failed.")                   \
    M(http_requests_total, COUNTER, "method,route,code", "HTTP requests answered.")                                \
    M(http_request_duration_seconds, HISTOGRAM, "route", "Time from the request's head to its answer.")            \
    M(http_connections_replaced_total, COUNTER, "", "Idle connections ended at a limit, for a new one.")           \
    M(http_connections_refused_total, COUNTER, "limit", "Connections refused at a limit: none was idle.")

#define TERN_METRIC_EXTERN(name, kind, labels, help) extern const struct tern_metric TERN_METRIC_##name;
TERN_METRICS(TERN_METRIC_EXTERN)
#undef TERN_METRIC_EXTERN

struct tern_metrics;

/* Label values in the order of the row's names, NULL after the last one: tern_metric_add(m, &TERN_METRIC_x, 1, "a",
 * "b", NULL). A counter takes no negative amount; a gauge does. Another number of values than the row has labels, or a
 * row that was not registered, is a broken invariant. A NULL `metrics` counts nothing. */
void tern_metric_add(struct tern_metrics *metrics, const struct tern_metric *row, int64_t amount, const char *first,
                     const char *second, const char *third);
void tern_metric_set(struct tern_metrics *metrics, const struct tern_metric *row, double value, const char *first,
                     const char *second);
void tern_metric_observe(struct tern_metrics *metrics, const struct tern_metric *row, double value, const char *first);
#endif
