/* sim_heal.c - what was lost and what brought it back: by which layer, in what time; and what is still owed.
 *
 * A message that the broker loses before it was handled stands in a list until a copy of it comes to the same queue, or nobody
 * needs it any more. Each layer (nudge, repeated answer, deadline, republishing) would hide that another one is broken: so
 * it is known what each healed, in tidy worlds each has its time, and in some worlds one of them is off. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { SLACK_MS = 5000, PAUSE_MOST_MS = 300000, OWED_MOST = 500 };

/* ---- layers ---------------------------------------------------------------------------------------------------- */

/* What order-service asks with. */
static bool is_question(const char *type)
{
    return strcmp(type, "OrderPlaced") == 0 || strcmp(type, "OrderCancelled") == 0;
}

enum sim_healer sim_heal_layer(const struct sim_message *message)
{
    if (message->republished) return message->asked ? SIM_HEALER_numbers : SIM_HEALER_republish;
    if (!message->nudge) return SIM_NO_HEALER;
    return is_question(message->type) ? SIM_HEALER_nudge : SIM_HEALER_answer;
}

/* Who waits for what, by the contract: in these statuses the order does not go on before the queue has got the event. */
static const struct {
    enum sim_who queue;
    const char *type, *statuses;
} needs[] = {
    {SIM_PAYMENT,   "OrderPlaced",       "CREATED"                   },
    {SIM_PAYMENT,   "OrderCancelled",    "INVENTORY_ISSUE CANCELLING"},
    {SIM_INVENTORY, "OrderPlaced",       "PAID"                      },
    {SIM_INVENTORY, "PaymentProcessed",  "PAID"                      },
    {SIM_INVENTORY, "OrderCancelled",    "CANCELLING"                },
    {SIM_ORDER,     "PaymentProcessed",  "CREATED"                   },
    {SIM_ORDER,     "PaymentFailed",     "CREATED"                   },
    {SIM_ORDER,     "InventoryReserved", "PAID"                      },
    {SIM_ORDER,     "ProductOutOfStock", "PAID"                      },
    {SIM_ORDER,     "PaymentRefunded",   "INVENTORY_ISSUE CANCELLING"},
    {SIM_ORDER,     "PaymentVoided",     "INVENTORY_ISSUE CANCELLING"},
    {SIM_ORDER,     "InventoryReleased", "CANCELLING"                },
};

static bool is_needed(const struct sim_loss *loss, const char *status)
{
    for (size_t i = 0; i < TERN_COUNT(needs); i++)
        if (needs[i].queue == loss->queue && strcmp(needs[i].type, sim->events[loss->event].type) == 0)
            return strstr(needs[i].statuses, status) != NULL;
    return false;
}

static bool is_final(const char *status)
{
    return strcmp(status, "READY_FOR_SHIPMENT") == 0 || strcmp(status, "PAYMENT_FAILED") == 0 ||
           strcmp(status, "CANCELLED") == 0;
}

/* The longest pause after so many nudges. */
static int64_t longest_pause(int asked)
{
    int64_t pause_ms = sim->plan.nudge_ms;
    for (int i = 0; i < asked && pause_ms < PAUSE_MOST_MS; i++)
        pause_ms *= 2;
    return (pause_ms < PAUSE_MOST_MS ? pause_ms : PAUSE_MOST_MS) / 4 * 5;
}

/* ---- losses ---------------------------------------------------------------------------------------------------- */

static struct sim_order *order_of(int subject)
{
    int order = sim_map_get(&sim->order_map, sim->subjects[subject].id);
    return order >= 0 ? &sim->orders[order] : NULL;
}

static int64_t online_ms(void)
{
    return sim_service_online_ms(&sim->services[SIM_ORDER]);
}

static void arm(struct sim_loss *loss, const struct sim_order *order)
{
    loss->online_ms = online_ms();
    loss->asked = order ? order->asked : 0;
}

static void close_loss(int index, enum sim_healer healer)
{
    const struct sim_event *event = &sim->events[sim->losses[index].event];
    sim_tell("healing", sim->subjects[event->subject].id, "%s for %s: %s", event->type,
             sim_names[sim->losses[index].queue], sim_healer_words[healer]);
    sim->counts->healed[healer]++;
    sim->losses[index] = sim->losses[--sim->loss_count];
}

static void add_loss(int event, enum sim_who queue, const struct sim_order *order)
{
    if (sim->loss_count == sim->loss_room) {
        sim->loss_room = sim->loss_room ? sim->loss_room * 2 : 64;
        sim->losses = realloc(sim->losses, (size_t)sim->loss_room * sizeof *sim->losses);
        TERN_ASSERT(sim->losses, "memory for losses");
    }
    struct sim_loss *loss = &sim->losses[sim->loss_count++];
    *loss = (struct sim_loss){.event = event, .queue = queue};
    arm(loss, order);
}

/* Also a repetition that is lost gives the others of its order the time for one more. */
void sim_heal_lost(const struct sim_message *message, enum sim_who queue)
{
    bool known = false;
    if (message->event < 0) return;
    sim->counts->lost++;
    const struct sim_event *event = &sim->events[message->event];
    const struct sim_order *order = order_of(event->subject);
    for (int i = 0; i < sim->loss_count; i++) {
        struct sim_loss *loss = &sim->losses[i];
        if (sim->events[loss->event].subject != event->subject) continue;
        known = known || (loss->event == message->event && loss->queue == queue);
        arm(loss, order);
    }
    if (!known && !(event->handled >> queue & 1)) add_loss(message->event, queue, order);
}

/* Another event of the type says the same: a cancel that was said anew, and its answers. */
void sim_heal_delivered(const struct sim_message *message, enum sim_who queue)
{
    if (message->event < 0) return;
    const struct sim_event *event = &sim->events[message->event];
    enum sim_healer layer = sim_heal_layer(message);
    for (int i = sim->loss_count - 1; i >= 0; i--) {
        const struct sim_loss *loss = &sim->losses[i];
        const struct sim_event *lost = &sim->events[loss->event];
        if (loss->queue == queue && lost->subject == event->subject && strcmp(lost->type, event->type) == 0)
            close_loss(i, layer == SIM_NO_HEALER ? SIM_HEALER_copy : layer);
    }
}

/* ---- what order-service says about an order --------------------------------------------------------------------- */

static void give_up(const struct sim_event *event)
{
    for (int i = sim->loss_count - 1; i >= 0; i--) {
        const struct sim_loss *loss = &sim->losses[i];
        if (sim->events[loss->event].subject == event->subject && loss->queue != SIM_NOTIFICATION &&
            !is_needed(loss, "CANCELLING"))
            close_loss(i, SIM_HEALER_deadline);
    }
}

static void move_to(struct sim_order *order, int subject, const char *status)
{
    (void)tern_copy(order->status, sizeof order->status, status);
    order->status_ms = online_ms(); /* the patience begins when the timer of the one before is due */
    order->late_ms = longest_pause(order->asked);
    order->asked = 0;
    for (int i = sim->loss_count - 1; i >= 0; i--) {
        struct sim_loss *loss = &sim->losses[i];
        if (sim->events[loss->event].subject != subject || loss->queue == SIM_NOTIFICATION) continue;
        if (is_final(status))
            close_loss(i, SIM_HEALER_ended);
        else
            arm(loss, order);
    }
}

void sim_heal_said(const struct sim_event *event, const struct sim_message *message)
{
    static const char member[] = "\"status\":\"";
    struct sim_order *order = order_of(event->subject);
    if (event->producer != SIM_ORDER || order == NULL) return;
    if (message->nudge && !message->republished && is_question(event->type)) order->asked++;
    if (event->sent > 0) return;
    if (strcmp(event->type, "OrderCancelled") == 0 && strstr(message->body, "_TIMEOUT\"") != NULL) give_up(event);
    const char *at = is_question(event->type) && event->type[5] == 'C' ? NULL : strstr(message->body, member);
    if (at == NULL) return;
    char status[TERN_WORD_SIZE];
    (void)snprintf(status, sizeof status, "%.*s", (int)strcspn(at + sizeof member - 1, "\""), at + sizeof member - 1);
    move_to(order, event->subject, status);
}

/* ---- in time --------------------------------------------------------------------------------------------------- */

/* Until the next nudge at the latest, and for the way of question and answers. */
static int64_t time_to_heal(const struct sim_loss *loss, const struct sim_order *order)
{
    return order->late_ms + longest_pause(loss->asked) + SLACK_MS;
}

/* Without nudges, or without answers to them, what nobody brings is given up at the deadline. */
static bool nudge_heals(const struct sim_loss *loss)
{
    if (sim->plan.off == SIM_HEALER_nudge) return false;
    return sim->plan.off != SIM_HEALER_answer || is_question(sim->events[loss->event].type);
}

static void check_loss(const struct sim_loss *loss)
{
    const struct sim_event *event = &sim->events[loss->event];
    const struct sim_order *order = order_of(event->subject);
    if (order == NULL || !is_needed(loss, order->status) || !nudge_heals(loss)) return;
    int64_t waits_ms = online_ms() - loss->online_ms;
    SIM_CHECK(S4, waits_ms <= time_to_heal(loss, order), order->order_id,
              "%s %s was lost on its way to %s, and no nudge has brought it after %lld ms online", event->type,
              event->id, sim_names[loss->queue], (long long)waits_ms);
}

/* However broken all the rest is: what waits for an answer is given up when its time is over. */
static void check_patience(const struct sim_order *order)
{
    if (sim->plan.off == SIM_HEALER_deadline) return;
    if (strcmp(order->status, "CREATED") != 0 && strcmp(order->status, "PAID") != 0) return;
    int64_t waits_ms = online_ms() - order->status_ms;
    SIM_CHECK(S4, waits_ms <= order->late_ms + sim->plan.deadline_ms + SLACK_MS, order->order_id,
              "has been %s for %lld ms online, and the deadline is %lld", order->status, (long long)waits_ms,
              (long long)sim->plan.deadline_ms);
}

void sim_heal_check(void)
{
    if (!sim->plan.tidy || sim->month_over) return;
    for (int i = 0; i < sim->loss_count; i++)
        check_loss(&sim->losses[i]);
    for (int i = 0; i < sim->order_count; i++)
        check_patience(&sim->orders[i]);
}

/* ---- what is owed ------------------------------------------------------------------------------------------------ */

static const char is_under_way[] =
    "SELECT 1 FROM event_log WHERE event_id = ?1 AND (seq > (SELECT mark FROM outbox_mark)"
    " OR seq IN (SELECT seq FROM outbox_held))";

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

/* What was asked for: rows of outbox_again that are gone were said. */
static void watch_asked(struct sim_service *service)
{
    static const char asked[] = "SELECT event_id, type, subject FROM outbox_again JOIN event_log USING (seq) LIMIT 500";
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
        if (type->heard_by[0] != NULL && event >= 0)
            check_taken(service, event, service->range_since_ms, "the broker forgot its queues");
    }
    tern_db_done(&rows);
}

/* What the broker forgot: a range of the log that is done was said, all of it. */
static void watch_range(struct sim_service *service)
{
    static const char range[] = "SELECT id, after_seq, through_seq FROM republish";
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
}

void sim_heal_owed(struct sim_service *service)
{
    watch_asked(service);
    watch_range(service);
}
