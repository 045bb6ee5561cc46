/* sim_owed.c - what a service is to say again: that the broker takes all of it, and in time.
 *
 * What was asked for, by a nudge or by its number, and the range of the log that a broker forgot. Both stand in the service's
 * store until they are said. */
#include <stdlib.h>
#include <string.h>

#include "sim_bus.h"

enum { OWED_MOST = 500, SLACK_MS = 5000 };

/* ---- what is owed ------------------------------------------------------------------------------------------------ */

static const char is_under_way[] =
    "SELECT 1 FROM event_log WHERE event_id = ?1 AND (seq > (SELECT confirmed_through FROM outbox_position)"
    " OR seq IN (SELECT seq FROM outbox_returned))";

/* Said since then, or about to be said by itself. */
static void check_taken(const struct sim_service *service, int index, int64_t since_ms, const char *why)
{
    const struct sim_event *event = &sim->events[index];
    bool taken = event->taken_ms >= since_ms && event->accepted > 0;
    SIM_CHECK(S5, taken || sim_number(service->db, is_under_way, event->id) > 0, sim->subjects[event->subject].id,
              "%s %s: %s after %lld ms, and the broker took it after %lld last", event->type, event->id, why,
              (long long)since_ms, (long long)event->taken_ms);
}

static bool is_among(const int *events, int count, int event)
{
    for (int i = 0; i < count; i++)
        if (events[i] == event) return true;
    return false;
}

/* A copy that is on its way when the event is asked for is the answer: it is not sent twice at a time. The broker has it, and its
 * confirm has not come yet, or the publisher sends it by itself. */
static int64_t owed_since(const struct sim_service *service, const struct sim_event *event)
{
    int64_t confirms_ms = sim->plan.confirm_ms + 2 * sim->plan.network_ms;
    bool under_way = service->range_id != 0 || sim->now - event->taken_ms <= confirms_ms ||
                     sim_number(service->db, is_under_way, event->id) > 0;
    return under_way && event->taken_ms > 0 ? event->taken_ms : sim->now;
}

static void remember(struct sim_service *service, int event)
{
    for (int i = 0; i < service->owed_count; i++)
        if (service->owed[i].event == event) return;
    if (service->owed_count == service->owed_room) {
        service->owed_room = service->owed_room ? service->owed_room * 2 : 16;
        service->owed = realloc(service->owed, (size_t)service->owed_room * sizeof *service->owed);
        TERN_ASSERT(service->owed, "memory for what is owed");
    }
    service->owed[service->owed_count++] = (struct sim_owed){event, owed_since(service, &sim->events[event])};
}

/* What was asked for: rows of republish_request that are gone were said. */
static void watch_asked(struct sim_service *service)
{
    static const char asked[] =
        "SELECT event_id, type, subject FROM republish_request JOIN event_log USING (seq) LIMIT 500";
    struct tern_db_rows rows;
    struct tern_error err;
    int now[OWED_MOST], count = 0;
    if (tern_db_query(service->db, &rows, asked, TERN_DB_NO_ARGS, &err) < 0) tern_broken(__FILE__, __LINE__, err.text);
    while (tern_db_next(&rows, &err) > 0)
        now[count++] = sim_event_index(tern_db_column_text(&rows, 0), tern_db_column_text(&rows, 1),
                                       tern_db_column_text(&rows, 2));
    tern_db_done(&rows);
    for (int i = service->owed_count - 1; i >= 0 && count < OWED_MOST; i--) {
        struct sim_owed owed = service->owed[i];
        if (is_among(now, count, owed.event)) continue;
        service->owed[i] = service->owed[--service->owed_count];
        check_taken(service, owed.event, owed.since_ms, "it was asked for again");
    }
    for (int i = 0; i < count; i++)
        remember(service, now[i]);
}

static void check_range(const struct sim_service *service)
{
    static const char range[] = "SELECT event_id, type FROM event_log WHERE origin = 1 AND seq > ?1 AND seq <= ?2";
    struct tern_db_rows rows;
    struct tern_error err;
    if (tern_db_query(service->db, &rows, range,
                      TERN_DB_ARGS(tern_db_int(service->range_after), tern_db_int(service->range_through)), &err) < 0)
        tern_broken(__FILE__, __LINE__, err.text);
    while (tern_db_next(&rows, &err) > 0) {
        const struct tern_event_type *type = tern_catalogue_find(&shop_catalogue, tern_db_column_text(&rows, 1));
        int event = sim_map_get(&sim->event_map, tern_db_column_text(&rows, 0));
        if (type->consumers[0] != NULL && event >= 0)
            check_taken(service, event, service->range_since_ms, "the broker forgot its queues");
    }
    tern_db_done(&rows);
}

/* From here on it has all the time that it needs. */
static void wait_for_range(struct sim_service *service)
{
    static const char after[] = "SELECT after_seq FROM republish_range";
    service->range_free_ms = sim->now;
    service->range_left_after = sim_number(service->db, after, NULL);
}

/* What the broker forgot: a range of the log that is done was said, all of it. */
static void watch_range(struct sim_service *service)
{
    static const char range[] = "SELECT id, after_seq, through_seq FROM republish_range";
    struct tern_db_rows rows;
    struct tern_error err;
    int64_t id = 0, after = 0, through = 0;
    if (tern_db_query(service->db, &rows, range, TERN_DB_NO_ARGS, &err) < 0) tern_broken(__FILE__, __LINE__, err.text);
    if (tern_db_next(&rows, &err) > 0) {
        id = tern_db_column_int(&rows, 0);
        after = tern_db_column_int(&rows, 1);
        through = tern_db_column_int(&rows, 2);
    }
    tern_db_done(&rows);
    if (id == service->range_id) return;
    if (id == 0) check_range(service);
    service->range_id = id;
    service->range_after = after;
    service->range_through = through;
    service->range_since_ms = sim->now;
    wait_for_range(service);
}

void sim_owed_watch(struct sim_service *service)
{
    watch_asked(service);
    watch_range(service);
}

/* ---- in time --------------------------------------------------------------------------------------------------- */

static bool is_kept_from_it(const struct sim_service *service)
{
    const struct tern_amqp *publisher = service->links[1];
    if (service->app == NULL || atomic_load(&service->app->status.store_refused)) return true;
    if (service->stalled_until > sim->now - 1000 || !publisher->connected || sim->broker->blocked) return true;
    return publisher->conn->excused || publisher->conn->refused;
}

/* So many at a time, each time until they are confirmed, and so the new ones too, which go first. */
static int64_t time_to_say(int64_t rows)
{
    const struct sim_plan *plan = &sim->plan;
    int64_t share = plan->window / 4 > 0 ? plan->window / 4 : 1;
    int64_t way_ms = plan->confirm_ms + 2 * plan->network_ms + plan->commit_ms;
    return (rows / share + 1) * way_ms + SLACK_MS;
}

void sim_owed_check(void)
{
    static const char last[] = "SELECT max(seq) FROM event_log";
    for (int i = 0; i < SIM_SERVICES; i++) {
        struct sim_service *service = &sim->services[i];
        if (service->range_id == 0) continue;
        if (is_kept_from_it(service)) {
            wait_for_range(service);
            continue;
        }
        int64_t rows = sim_number(service->db, last, NULL) - service->range_left_after;
        int64_t waits_ms = sim->now - service->range_free_ms;
        SIM_CHECK(S4, waits_ms <= time_to_say(rows), NULL,
                  "%s has known for %lld ms, free to speak, what a broker forgot, and not said all of it",
                  sim_names[service->who], (long long)waits_ms);
    }
}
