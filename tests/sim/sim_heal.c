/* sim_heal.c - what was lost and what brought it back: by which layer, in what time.
 *
 * A message that the broker loses before it was handled stands in a list until a copy of it comes to the same queue, or nobody
 * needs it any more. Each layer (nudge, repeated answer, deadline, republishing, numbers) would hide that another one is broken: so
 * it is known what each healed, in tidy worlds each has its time, and in some worlds one of them is off. */
#include <stdlib.h>
#include <string.h>

#include "common/inbox/numbers.h"
#include "sim.h"

enum { SLACK_MS = 5000, PAUSE_MOST_MS = 300000 };

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

static void count_healed(const struct sim_loss *loss, enum sim_healer healer)
{
    const struct sim_event *event = &sim->events[loss->event];
    sim_tell("healing", sim->subjects[event->subject].id, "%s for %s: %s", event->type, sim_names[loss->queue],
             sim_healer_words[healer]);
    sim->counts->healed[healer]++;
}

/* Its number is missed all the same until it has come itself. */
static void close_loss(int index, enum sim_healer healer, bool came)
{
    struct sim_loss *loss = &sim->losses[index];
    if (!loss->over) count_healed(loss, healer);
    loss->over = true;
    if (came || !sim->plan.tidy || sim->plan.no_numbers) sim->losses[index] = sim->losses[--sim->loss_count];
}

static bool is_of(const struct sim_loss *loss, const char *type, enum sim_who queue)
{
    return loss->queue == queue && strcmp(sim->events[loss->event].type, type) == 0;
}

/* What is missing of a type is asked for at once, and after a pause that grows while the lowest of it does not come. */
static void lose_once_more(const char *type, enum sim_who queue)
{
    for (int i = 0; i < sim->loss_count; i++) {
        struct sim_loss *loss = &sim->losses[i];
        if (!is_of(loss, type, queue)) continue;
        loss->since_ms = sim->now;
        loss->lost_again++;
    }
}

static int times_lost_again(const char *type, enum sim_who queue)
{
    int most = 0;
    for (int i = 0; i < sim->loss_count; i++)
        if (is_of(&sim->losses[i], type, queue) && sim->losses[i].lost_again > most) most = sim->losses[i].lost_again;
    return most;
}

static void add_loss(int event, enum sim_who queue, const struct sim_order *order)
{
    if (sim->loss_count == sim->loss_room) {
        sim->loss_room = sim->loss_room ? sim->loss_room * 2 : 64;
        sim->losses = realloc(sim->losses, (size_t)sim->loss_room * sizeof *sim->losses);
        TERN_ASSERT(sim->losses, "memory for losses");
    }
    int lost_again = times_lost_again(sim->events[event].type, queue);
    struct sim_loss *loss = &sim->losses[sim->loss_count++];
    *loss = (struct sim_loss){.event = event, .queue = queue, .since_ms = sim->now, .lost_again = lost_again};
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
        bool again = loss->event == message->event && loss->queue == queue;
        known = known || again;
        if (again) loss->over = false;
        arm(loss, order);
    }
    if (message->asked) lose_once_more(message->type, queue);
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
            close_loss(i, layer == SIM_NO_HEALER ? SIM_HEALER_copy : layer, loss->event == message->event);
    }
}

/* ---- what order-service says about an order --------------------------------------------------------------------- */

static void give_up(const struct sim_event *event)
{
    for (int i = sim->loss_count - 1; i >= 0; i--) {
        const struct sim_loss *loss = &sim->losses[i];
        if (sim->events[loss->event].subject == event->subject && loss->queue != SIM_NOTIFICATION &&
            !is_needed(loss, "CANCELLING"))
            close_loss(i, SIM_HEALER_deadline, false);
    }
}

static void move_to(struct sim_order *order, int subject, const char *status)
{
    tern_copy_whole(order->status, sizeof order->status, status);
    order->status_ms = online_ms(); /* the patience begins when the timer of the one before is due */
    order->late_ms = longest_pause(order->asked);
    order->asked = 0;
    for (int i = sim->loss_count - 1; i >= 0; i--) {
        struct sim_loss *loss = &sim->losses[i];
        if (sim->events[loss->event].subject != subject || loss->queue == SIM_NOTIFICATION) continue;
        if (is_final(status))
            close_loss(i, SIM_HEALER_ended, false);
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
    if (loss->over || order == NULL || !is_needed(loss, order->status) || !nudge_heals(loss)) return;
    int64_t waits_ms = online_ms() - loss->online_ms;
    SIM_CHECK(S4, waits_ms <= time_to_heal(loss, order), order->order_id,
              "%s %s was lost on its way to %s, and no nudge has brought it after %lld ms online", event->type,
              event->id, sim_names[loss->queue], (long long)waits_ms);
}

/* The next beacon names it. It is believed when the queue was counted, at once or, where messages come all the time, one
 * probe later; then it is asked for. One that was lost again waits for the pause before. All are connected all the time here. */
static int64_t time_to_be_missed(const struct sim_loss *loss)
{
    int64_t pause_ms = loss->lost_again > 0 ? TERN_NUMBERS_AGAIN_MS : 0;
    for (int i = 1; i < loss->lost_again && pause_ms < TERN_NUMBERS_AGAIN_MOST_MS; i++)
        pause_ms *= 2;
    return (pause_ms < TERN_NUMBERS_AGAIN_MOST_MS ? pause_ms : TERN_NUMBERS_AGAIN_MOST_MS) + TERN_BEACON_MS +
           SIM_PROBE_MS + SLACK_MS;
}

/* Also what nobody waits for: letters, the stock that is shown. */
static void check_number(const struct sim_loss *loss)
{
    const struct sim_event *event = &sim->events[loss->event];
    int64_t waits_ms = sim->now - loss->since_ms;
    if (sim->plan.no_numbers) return;
    SIM_CHECK(S4, waits_ms <= time_to_be_missed(loss), sim->subjects[event->subject].id,
              "%s %s was lost on its way to %s, and its number has not brought it after %lld ms", event->type,
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
    for (int i = 0; i < sim->loss_count; i++) {
        check_loss(&sim->losses[i]);
        check_number(&sim->losses[i]);
    }
    for (int i = 0; i < sim->order_count; i++)
        check_patience(&sim->orders[i]);
}
