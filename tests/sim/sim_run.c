/* sim_run.c - one run: what is drawn from the seed, whose turn it is, the phases, and whether everything is at rest.
 *
 * At each moment some of the cast want to run: writers, lanes, both ends of every connection, timers. One of them is chosen
 * and does one step; when nobody wants to, the clock moves to the next who will. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"
#include "tern/backoff.h"

struct sim *sim;

/* ---- chance ---------------------------------------------------------------------------------------------------- */

uint64_t sim_random(void)
{
    sim->random += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = sim->random;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

int64_t sim_below(int64_t bound)
{
    return bound > 0 && !sim->small ? (int64_t)(sim_random() % (uint64_t)bound) : 0;
}

void sim_count(enum sim_fault fault)
{
    sim->counts->faults[fault]++;
}

bool sim_chosen(enum sim_fault fault, int most)
{
    if (!sim->small || sim->used[fault] >= most || sim->chooser.choose(sim->chooser.self, 2, true) == 0) return false;
    sim->used[fault]++;
    sim_count(fault);
    return true;
}

bool sim_happens(enum sim_fault fault)
{
    int64_t rate = sim->plan.rate[fault];
    if (rate == 0 || sim->healing || sim_below(1000000) >= rate) return false;
    sim_count(fault);
    return true;
}

/* ---- the plan -------------------------------------------------------------------------------------------------- */

/* How often, per million chances, when a fault is on: twice, half or a quarter of that by the seed's choice. What the chance is
 * differs: a batch, a message, a call, a tenth of a second. */
static const int64_t usual_rate[SIM_FAULT_COUNT] = {
    [SIM_FAULT_crash] = 8000,
    [SIM_FAULT_crash_in_batch] = 4000,
    [SIM_FAULT_commit_fails] = 8000,
    [SIM_FAULT_store_busy] = 20000,
    [SIM_FAULT_handler_fails] = 10000,
    [SIM_FAULT_handler_kills] = 1500,
    [SIM_FAULT_poison] = 3000,
    [SIM_FAULT_malformed] = 20000,
    [SIM_FAULT_stranger] = 10000,
    [SIM_FAULT_duplicate] = 60000,
    [SIM_FAULT_late_duplicate] = 50000,
    [SIM_FAULT_ancient] = 200000,
    [SIM_FAULT_delay] = 80000,
    [SIM_FAULT_cut] = 10000,
    [SIM_FAULT_silence] = 3000,
    [SIM_FAULT_confirm_lost] = 2000,
    [SIM_FAULT_confirm_multiple] = 500000,
    [SIM_FAULT_confirm_disorder] = 300000,
    [SIM_FAULT_nack] = 10000,
    [SIM_FAULT_loss] = 10000,
    [SIM_FAULT_owner_lingers] = 300000,
    [SIM_FAULT_queue_deleted] = 6000,
    [SIM_FAULT_binding_removed] = 6000,
    [SIM_FAULT_purged] = 4000,
    [SIM_FAULT_broker_restart] = 3000,
    [SIM_FAULT_wipe] = 2000,
    [SIM_FAULT_blocked] = 3000,
    [SIM_FAULT_clock_jump] = 4000,
    [SIM_FAULT_stall] = 4000,
    [SIM_FAULT_gateway_declined] = 150000,
    [SIM_FAULT_gateway_lost_call] = 60000,
    [SIM_FAULT_gateway_lost_answer] = 60000,
    [SIM_FAULT_gateway_stuck_call] = 30000,
    [SIM_FAULT_gateway_slow] = 40000,
    [SIM_FAULT_mail_fails] = 50000,
    [SIM_FAULT_reply_lost] = 40000,
    [SIM_FAULT_key_again] = 60000,
    [SIM_FAULT_key_misused] = 300000,
    [SIM_FAULT_cancel] = 120000,
    [SIM_FAULT_restock] = 10000,
};

/* By the seed alone, before a run: the run's own generator is not there yet. */
static int64_t draw(uint64_t *state, int64_t bound)
{
    struct sim drawing = {.random = *state};
    struct sim *running = sim;
    sim = &drawing;
    int64_t number = sim_below(bound);
    *state = drawing.random;
    sim = running;
    return number;
}

/* One world in four takes orders at the shop's limits, from products of which there is plenty: four to twelve, or a
 * hundred, one of them at the limit of what a stock may be. */
static void draw_large(struct sim_plan *plan, uint64_t *state)
{
    plan->large = draw(state, 4) == 0;
    if (!plan->large) return;
    int plenty = draw(state, 4) == 0 ? SIM_PRODUCTS_MAX - plan->products : 1 + (int)draw(state, 9);
    for (int i = 0; i < plenty; i++)
        plan->stock[plan->products++] = SHOP_STOCK_MAX - draw(state, draw(state, 2) == 0 ? 1 : SHOP_STOCK_MAX);
}

/* Messages are lost more often than usual, and nothing stands in the way of what brings them back. */
static void tidy_up(struct sim_plan *plan, uint64_t *state)
{
    static const enum sim_fault harmless[] = {
        SIM_FAULT_malformed,  SIM_FAULT_stranger,         SIM_FAULT_duplicate,        SIM_FAULT_late_duplicate,
        SIM_FAULT_ancient,    SIM_FAULT_confirm_multiple, SIM_FAULT_confirm_disorder, SIM_FAULT_gateway_declined,
        SIM_FAULT_mail_fails, SIM_FAULT_reply_lost,       SIM_FAULT_key_again,        SIM_FAULT_key_misused,
        SIM_FAULT_cancel,     SIM_FAULT_restock};
    int64_t rate[SIM_FAULT_COUNT] = {0};
    for (size_t i = 0; i < TERN_COUNT(harmless); i++)
        rate[harmless[i]] = plan->rate[harmless[i]];
    memcpy(plan->rate, rate, sizeof plan->rate);
    plan->rate[SIM_FAULT_loss] = usual_rate[SIM_FAULT_loss] * (1 + draw(state, 4));
    plan->rate[SIM_FAULT_cancel] = 2 * usual_rate[SIM_FAULT_cancel];
    plan->nudge_ms = 1000 * (1 + draw(state, 5));
    plan->deadline_ms = 1000 * (120 + draw(state, 240));
    plan->batch = plan->prefetch = plan->window = 16 + (int)draw(state, 112);
    plan->network_ms = plan->commit_ms = 1 + draw(state, 10);
    plan->confirm_ms = 1 + draw(state, 20);
}

/* One world in four is without one of the layers, in turn; one in four is tidy. */
static void draw_healing(struct sim_plan *plan, uint64_t *state)
{
    if (plan->seed % 4 == 3) plan->off = (enum sim_healer)(SIM_NO_HEALER + 1 + (int)(plan->seed / 4 % SIM_LAYER_COUNT));
    /* numbers bring back whatever is missing: half of those, and of the tidy ones, are without them too */
    plan->no_numbers = plan->off == SIM_HEALER_numbers || (plan->off != SIM_NO_HEALER && draw(state, 2) == 0);
    plan->tidy = draw(state, 4) == 0 && plan->off != SIM_HEALER_republish;
    if (plan->off != SIM_NO_HEALER) plan->rate[SIM_FAULT_loss] = 2 * usual_rate[SIM_FAULT_loss];
    if (plan->off == SIM_HEALER_republish)
        plan->rate[SIM_FAULT_wipe] = plan->rate[SIM_FAULT_queue_deleted] = 2 * usual_rate[SIM_FAULT_wipe];
    if (plan->tidy && draw(state, 2) == 0) plan->no_numbers = true;
    if (plan->no_numbers) plan->rate[SIM_FAULT_binding_removed] = plan->rate[SIM_FAULT_purged] = 0;
    if (plan->tidy) tidy_up(plan, state);
}

void sim_plan_draw(struct sim_plan *plan, uint64_t seed)
{
    uint64_t state = seed * UINT64_C(0xD1342543DE82EF95) + 1;
    memset(plan, 0, sizeof *plan);
    plan->seed = seed;
    plan->orders = 50 + (int)draw(&state, 251);
    plan->products = SIM_SCARCE;
    for (int i = 0; i < plan->products; i++)
        plan->stock[i] = draw(&state, plan->orders);
    draw_large(plan, &state);
    plan->busy_ms = 10000 + draw(&state, 50000);
    plan->nudge_ms = 1000 * (1 + draw(&state, 10));
    plan->deadline_ms = 1000 * (draw(&state, 3) == 0 ? 10 + draw(&state, 50) : 60 + draw(&state, 300));
    plan->attempts = 2 + (int)draw(&state, 5);
    plan->batch = draw(&state, 3) == 0 ? 1 + (int)draw(&state, 4) : 16 + (int)draw(&state, 112);
    plan->prefetch = draw(&state, 3) == 0 ? 1 + (int)draw(&state, 4) : 16 + (int)draw(&state, 112);
    plan->window = draw(&state, 3) == 0 ? 1 + (int)draw(&state, 4) : 16 + (int)draw(&state, 112);
    plan->network_ms = 1 + draw(&state, draw(&state, 4) == 0 ? 500 : 10);
    plan->confirm_ms = 1 + draw(&state, draw(&state, 4) == 0 ? 3000 : 20);
    plan->commit_ms = 1 + draw(&state, draw(&state, 4) == 0 ? 200 : 10);
    plan->gateway_ms = 1 + draw(&state, 3000);
    if (plan->batch < 5 || plan->prefetch < 5 || plan->window < 5) { /* one thing at a time, but not slowly too */
        plan->network_ms = 1 + plan->network_ms % 10;
        plan->confirm_ms = 1 + plan->confirm_ms % 20;
        plan->commit_ms = 1 + plan->commit_ms % 5;
    }
    bool calm = draw(&state, 20) == 0;
    for (int i = 0; i < SIM_FAULT_COUNT; i++) {
        bool on = draw(&state, 5) < 2 && !calm;
        int64_t rate = usual_rate[i] << 1 >> draw(&state, 4);
        if (on) plan->rate[i] = rate;
    }
    if (plan->large && plan->rate[SIM_FAULT_cancel] == 0) plan->rate[SIM_FAULT_cancel] = usual_rate[SIM_FAULT_cancel];
    draw_healing(plan, &state);
}

/* ---- timers ---------------------------------------------------------------------------------------------------- */

static bool before(const struct sim_timer *one, const struct sim_timer *other)
{
    return one->at != other->at ? one->at < other->at : one->order < other->order;
}

void sim_at(int64_t at, void (*fire)(void *self, int64_t number), void *self, int64_t number)
{
    struct sim_timer timer = {at, sim->timer_order++, fire, self, number};
    if (sim->timer_count == sim->timer_room) {
        sim->timer_room = sim->timer_room ? sim->timer_room * 2 : 256;
        sim->timers = realloc(sim->timers, sim->timer_room * sizeof *sim->timers);
        TERN_ASSERT(sim->timers, "memory for timers");
    }
    size_t place = sim->timer_count++;
    for (; place > 0 && before(&timer, &sim->timers[(place - 1) / 2]); place = (place - 1) / 2)
        sim->timers[place] = sim->timers[(place - 1) / 2];
    sim->timers[place] = timer;
}

static struct sim_timer pop_timer(void)
{
    struct sim_timer top = sim->timers[0], last = sim->timers[--sim->timer_count];
    size_t place = 0;
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= sim->timer_count) break;
        if (child + 1 < sim->timer_count && before(&sim->timers[child + 1], &sim->timers[child])) child++;
        if (!before(&sim->timers[child], &last)) break;
        sim->timers[place] = sim->timers[child];
        place = child;
    }
    sim->timers[place] = last;
    return top;
}

static void fire_timer(void)
{
    struct sim_timer timer = pop_timer();
    timer.fire(timer.self, timer.number);
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

int sim_subject_index(const char *subject)
{
    int index = sim_map_get(&sim->subject_map, subject);
    if (index >= 0) return index;
    if (sim->subject_count == sim->subject_room) {
        sim->subject_room = sim->subject_room ? sim->subject_room * 2 : 64;
        sim->subjects = realloc(sim->subjects, (size_t)sim->subject_room * sizeof *sim->subjects);
        TERN_ASSERT(sim->subjects, "memory for subjects");
    }
    struct sim_subject *made = &sim->subjects[sim->subject_count];
    tern_copy_whole(made->id, sizeof made->id, subject);
    for (int i = 0; i < SIM_SERVICES; i++)
        made->failed[i] = -1;
    made->placed = -1;
    sim_map_put(&sim->subject_map, subject, sim->subject_count);
    return sim->subject_count++;
}

int sim_event_index(const char *event_id, const char *type, const char *subject)
{
    int index = sim_map_get(&sim->event_map, event_id);
    if (index >= 0) return index;
    if (sim->event_count == sim->event_room) {
        sim->event_room = sim->event_room ? sim->event_room * 2 : 1024;
        sim->events = realloc(sim->events, (size_t)sim->event_room * sizeof *sim->events);
        TERN_ASSERT(sim->events, "memory for events");
    }
    const struct tern_event_type *known = tern_catalogue_find(&shop_catalogue, type);
    struct sim_event *made = &sim->events[sim->event_count];
    *made = (struct sim_event){.subject = sim_subject_index(subject),
                               .producer = known ? sim_who(known->producer) : SIM_SERVICES};
    tern_copy_whole(made->id, sizeof made->id, event_id);
    tern_copy_whole(made->type, sizeof made->type, type);
    if (strcmp(type, "OrderPlaced") == 0) sim->subjects[made->subject].placed = sim->event_count;
    sim_map_put(&sim->event_map, event_id, sim->event_count);
    sim->counts->events++;
    return sim->event_count++;
}

/* ---- whose turn it is -------------------------------------------------------------------------------------------- */

enum { TURN_WRITER, TURN_LANE, TURN_LINKS, TURNS = TURN_LINKS + 2 * SIM_LINK_STEPS };

struct turns {
    int ready[SIM_SERVICES * TURNS + 1];
    int count;
    int64_t next_at;
};

static int64_t wants(struct sim_service *service, int turn)
{
    if (turn == TURN_WRITER) return sim_writer_wants(service);
    if (turn == TURN_LANE) return sim_lane_wants(service);
    const struct tern_amqp *link = service->links[(turn - TURN_LINKS) / SIM_LINK_STEPS];
    return link ? sim_link_wants(link, (turn - TURN_LINKS) % SIM_LINK_STEPS) : INT64_MAX;
}

static void consider(struct turns *turns, int turn, int64_t at)
{
    if (at <= sim->now)
        turns->ready[turns->count++] = turn;
    else if (at < turns->next_at)
        turns->next_at = at;
}

static void look_round(struct turns *turns)
{
    turns->count = 0;
    turns->next_at = INT64_MAX;
    for (int i = 0; i < SIM_SERVICES; i++) {
        struct sim_service *service = &sim->services[i];
        if (service->app == NULL) {
            consider(turns, i * TURNS, service->restart_at);
            continue;
        }
        for (int turn = 0; turn < TURNS; turn++)
            consider(turns, i * TURNS + turn, wants(service, turn));
    }
    if (sim->timer_count > 0) consider(turns, SIM_SERVICES * TURNS, sim->timers[0].at);
}

/* What may befall the service that has just moved. */
static void befall(struct sim_service *service, int turn)
{
    struct tern_amqp *link = turn >= TURN_LINKS ? service->links[(turn - TURN_LINKS) / SIM_LINK_STEPS] : NULL;
    if (service->app == NULL) return;
    if (sim_chosen(SIM_FAULT_crash, 2)) {
        sim_service_crash(service);
        return;
    }
    if (link != NULL && sim_link_wants(link, SIM_LINK_CONNECT) == INT64_MAX && sim_chosen(SIM_FAULT_cut, 1))
        sim_link_lost(link, "the connection broke", false);
    if (turn == TURN_WRITER && sim_chosen(SIM_FAULT_clock_jump, 1)) service->wall_ahead_ms += 3600000;
    if (sim->plan.cancels > sim->used[SIM_FAULT_cancel] && sim->orders[0].placed &&
        sim_chosen(SIM_FAULT_cancel, sim->plan.cancels))
        sim_client_cancels();
}

/* What a step of a service could have changed outside the one who made it. */
static int64_t marks_of(const struct sim_service *service)
{
    return sim->frames +
           (service->app ? (int64_t)tern_work_waiting(&service->app->queue) + service->app->queue.woken : 0);
}

static void take_turn(int turn)
{
    if (turn == SIM_SERVICES * TURNS) {
        fire_timer();
        return;
    }
    struct sim_service *service = &sim->services[turn / TURNS];
    turn %= TURNS;
    sim_mix((uint64_t)sim->now << 8 | (uint64_t)turn << 2 | (uint64_t)service->who);
    int64_t marks = marks_of(service);
    if (service->app == NULL)
        sim_service_start(service);
    else if (turn == TURN_WRITER)
        sim_writer_step(service);
    else if (turn == TURN_LANE)
        sim_lane_step(service);
    else
        sim_link_step(service->links[(turn - TURN_LINKS) / SIM_LINK_STEPS], (turn - TURN_LINKS) % SIM_LINK_STEPS);
    if (service->killed) sim_service_crash(service); /* inside a call of a link */
    if (sim->small && (turn == TURN_WRITER || marks_of(service) != marks)) befall(service, turn);
}

bool sim_step(int64_t until)
{
    struct turns turns;
    look_round(&turns);
    if (turns.count == 0) {
        bool later = turns.next_at > until;
        sim->now = later ? until : turns.next_at;
        return !later;
    }
    sim->counts->steps++;
    take_turn(turns.ready[turns.count > 1 ? sim->chooser.choose(sim->chooser.self, turns.count, false) : 0]);
    return true;
}

/* ---- faults that come by themselves ------------------------------------------------------------------------------ */

static void jump(struct sim_service *service)
{
    static const int64_t hops[] = {3600, -3600, 86400, -86400, 315360000, -315360000, 90, -90};
    int64_t hop = hops[sim_below(TERN_COUNT(hops))];
    service->wall_ahead_ms += hop * 1000;
    sim_tell(sim_names[service->who], NULL, "its clock is set by %lld s", (long long)hop);
}

static void faults(void *self, int64_t number)
{
    (void)self;
    (void)number;
    if (sim->healing) return;
    for (int i = 0; i < SIM_SERVICES; i++) {
        struct sim_service *service = &sim->services[i];
        if (service->app == NULL) continue;
        if (sim_happens(SIM_FAULT_crash)) sim_service_crash(service);
        if (service->app != NULL && sim_happens(SIM_FAULT_stall))
            service->stalled_until = sim->now + sim_below(sim_below(4) == 0 ? 15000 : 1000);
        if (sim_happens(SIM_FAULT_clock_jump)) jump(service);
    }
    sim_broker_faults(100);
    if (sim->now % 1000 == 0) sim_check_laws();
    sim_at(sim->now + 100, faults, NULL, 0);
}

/* ---- at rest --------------------------------------------------------------------------------------------------- */

static bool store_at_rest(const struct sim_service *service)
{
    static const char open_things[] =
        "SELECT (SELECT count(*) FROM job WHERE kind <> 'late-check') + (SELECT count(*) FROM republish_range) + (SELECT count(*) FROM deferred WHERE state = 0) + (SELECT count(*) FROM timer)"
        " + (SELECT count(*) FROM outbox_returned) + (SELECT count(*) FROM republish_request)"
        " + (SELECT count(*) FROM event_log WHERE origin = 1 AND seq > (SELECT confirmed_through FROM outbox_position))";
    return service->app != NULL && service->online_since >= 0 && sim_number(service->db, open_things, NULL) == 0;
}

static bool clients_at_rest(void)
{
    for (int i = 0; i < sim->order_count; i++)
        if (!sim->orders[i].placed && !sim->orders[i].given_up) return false;
    return sim->requests_open == 0;
}

/* Whatever the broker has lost has come after all. */
static bool all_is_heard(void)
{
    bool numbers = !sim->small && !sim->plan.no_numbers;
    for (int i = 0; i < sim->event_count && numbers; i++) {
        const struct sim_event *event = &sim->events[i];
        const struct tern_event_type *type = tern_catalogue_find(&shop_catalogue, event->type);
        for (int k = 0; k < SIM_SERVICES && type != NULL && event->accepted > 0; k++)
            if (tern_catalogue_consumes(type, sim_names[k]) && !(event->handled >> k & 1)) return false;
    }
    return true;
}

static bool at_rest(void)
{
    if (!clients_at_rest() || !sim_broker_idle()) return false;
    for (int i = 0; i < SIM_SERVICES; i++)
        if (!store_at_rest(&sim->services[i])) return false;
    return all_is_heard();
}

static bool any_parked(void)
{
    static const char parked[] = "SELECT count(*) FROM deferred WHERE state = 2";
    for (int i = 0; i < SIM_SERVICES; i++)
        if (sim_number(sim->services[i].db, parked, NULL) > 0) return true;
    return false;
}

/* Runs until everything is at rest; a person looks after what is parked now and then. False: not by then. */
static bool settle(int64_t until)
{
    int64_t person_at = sim->now + 20000;
    while (!sim->failed) {
        int64_t look_at = sim->now + 1000;
        while (!sim->failed && sim_step(look_at))
            continue;
        sim_check_laws();
        bool parked = any_parked();
        if (!parked && at_rest()) return true;
        if (sim->now >= until) return false;
        if (!parked || sim->now < person_at) continue;
        sim_parked_release();
        person_at = sim->now + 20000;
    }
    return true;
}

/* ---- the phases ------------------------------------------------------------------------------------------------ */

static void heal(void)
{
    sim->healing = true;
    sim_tell("simulation", NULL, "no more faults");
    sim_broker_heal();
    for (int i = 0; i < SIM_SERVICES; i++) {
        sim->services[i].stalled_until = 0;
        if (sim->services[i].app == NULL) sim->services[i].restart_at = sim->now;
    }
}

/* What is not at rest, for people. */
static void say_who_waits(const struct sim_service *service, struct tern_text *out)
{
    static const struct {
        const char *what, *sql;
    } things[] = {
        {"jobs",             "SELECT count(*) FROM job WHERE kind <> 'late-check'"                                  },
        {"logs to repeat",   "SELECT count(*) FROM republish_range"                                                 },
        {"messages retried", "SELECT count(*) FROM deferred WHERE state = 0"                                        },
        {"parked",           "SELECT count(*) FROM deferred WHERE state = 2"                                        },
        {"timers",           "SELECT count(*) FROM timer"                                                           },
        {"events held",      "SELECT count(*) FROM outbox_returned"                                                 },
        {"events to repeat", "SELECT count(*) FROM republish_request"                                               },
        {"events unsaid",
         "SELECT count(*) FROM event_log WHERE origin = 1 AND seq > (SELECT confirmed_through FROM outbox_position)"},
    };
    tern_text_printf(out, "; %s %s:", sim_names[service->who],
                     service->app == NULL        ? "down"
                     : service->online_since < 0 ? "offline"
                                                 : "online");
    for (size_t i = 0; i < TERN_COUNT(things); i++) {
        int64_t number = sim_number(service->db, things[i].sql, NULL);
        if (number > 0) tern_text_printf(out, " %lld %s", (long long)number, things[i].what);
    }
}

static void settle_or_blame(int64_t patience_ms)
{
    static const char waits[] = "SELECT order_id FROM orders WHERE status IN "
                                "('CREATED', 'PAID', 'INVENTORY_ISSUE', 'CANCELLING') LIMIT 1";
    struct tern_text who = {0};
    struct tern_db_rows rows;
    struct tern_error err;
    char order_id[TERN_ID_SIZE] = "";
    if (settle(sim->now + patience_ms)) return;
    for (int i = 0; i < SIM_SERVICES; i++)
        say_who_waits(&sim->services[i], &who);
    if (tern_db_query(sim->services[SIM_ORDER].db, &rows, waits, TERN_DB_NO_ARGS, &err) == 0 &&
        tern_db_next(&rows, &err) > 0)
        tern_copy_whole(order_id, sizeof order_id, tern_db_column_text(&rows, 0));
    tern_db_done(&rows);
    sim_violation(SIM_RULE_I9, order_id, "not at rest %lld s after the last fault%s%s%s", (long long)patience_ms / 1000,
                  clients_at_rest() ? "" : "; clients wait", sim_broker_idle() ? "" : "; the broker has messages",
                  who.bytes);
    tern_text_fini(&who);
}

enum { MONTH_DAYS = 31, HOURS_MS = 4 * 3600 * 1000 };

/* Everything that was ever said comes once more, when the inboxes have forgotten it. */
static void say_everything_again(int64_t patience_ms)
{
    if (sim->plan.rate[SIM_FAULT_ancient] == 0 || sim->plan.seed % 4 != 0) return;
    sim_count(SIM_FAULT_ancient);
    sim_tell("simulation", NULL, "a month later everything comes again");
    sim->now += INT64_C(86400000) * MONTH_DAYS;
    sim->month_over = true;
    for (int i = 0; i < SIM_SERVICES; i++)
        sim->services[i].forgot = true; /* to be handled once more is right now: it must have no effect */
    sim_parked_release();               /* a command each: their inboxes are tidied up behind it */
    settle_or_blame(patience_ms);
    for (int i = 0; i < sim->event_count && !sim->failed; i++) {
        struct sim_event *event = &sim->events[i];
        const struct tern_event_type *type = tern_catalogue_find(&shop_catalogue, event->type);
        for (int k = 0; k < SIM_SERVICES && event->message != NULL; k++)
            if (tern_catalogue_consumes(type, sim_names[k]))
                sim_broker_inject(event->message, (enum sim_who)k, sim_below(5000));
    }
    settle_or_blame(patience_ms);
}

/* What the gateway could not say is looked for again for hours. */
static void wait_for_late_money(int64_t patience_ms)
{
    static const char checks[] = "SELECT count(*) FROM job WHERE kind = 'late-check'";
    struct tern_db *payments = sim->services[SIM_PAYMENT].db;
    int64_t until = sim->now + HOURS_MS;
    sim->patient = true;
    while (!sim->failed && sim->now < until && (sim->stuck_calls > 0 || sim_number(payments, checks, NULL) > 0)) {
        int64_t look_at = sim->now + 60000;
        while (!sim->failed && sim_step(look_at))
            continue;
    }
    sim->patient = false;
    settle_or_blame(patience_ms);
}

static void play(void)
{
    const int64_t patience_ms = 60000 + 3 * sim->plan.deadline_ms + 2 * TERN_BACKOFF_MOST_MS;
    if (sim->small) {
        settle_or_blame(patience_ms);
        if (!sim->failed) sim_check_end();
        return;
    }
    sim_at(100, faults, NULL, 0);
    while (!sim->failed && sim_step(sim->plan.busy_ms))
        continue;
    if (sim->failed) return;
    heal();
    settle_or_blame(patience_ms);
    if (!sim->failed) wait_for_late_money(patience_ms);
    if (!sim->failed) say_everything_again(patience_ms);
    if (!sim->failed) sim_check_end();
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

static int choose_by_chance(void *self, int count, bool fault)
{
    (void)self;
    (void)fault;
    return (int)sim_below(count);
}

static void open_all(void)
{
    sim_broker_open();
    for (int i = 0; i < SIM_SERVICES; i++)
        sim_service_open(&sim->services[i], (enum sim_who)i);
    for (int i = 0; i < SIM_SERVICES; i++)
        sim_service_start(&sim->services[i]);
    sim_clients_open();
}

static void close_all(void)
{
    for (int i = 0; i < SIM_SERVICES; i++)
        sim_service_close(&sim->services[i]);
    sim_clients_close();
    sim_broker_close();
    for (int i = 0; i < sim->event_count; i++)
        sim_message_drop(sim->events[i].message);
    sim_map_fini(&sim->event_map);
    sim_map_fini(&sim->subject_map);
    sim_map_fini(&sim->charge_map);
    sim_map_fini(&sim->order_map);
    sim_map_fini(&sim->letter_map);
    free(sim->events);
    free(sim->subjects);
    free(sim->charges);
    free(sim->losses);
    free(sim->timers);
}

void sim_run(const struct sim_plan *plan, const struct sim_chooser *chooser, FILE *trace, struct sim_counts *counts,
             struct sim_result *ret_result)
{
    sim = tern_alloc(sizeof *sim);
    sim->plan = *plan;
    sim->random = plan->seed;
    sim->trace = trace;
    sim->small = plan->small;
    sim->counts = counts;
    sim->chooser = chooser ? *chooser : (struct sim_chooser){choose_by_chance, NULL};
    open_all();
    play();
    counts->seeds++;
    counts->off[plan->off]++;
    counts->off[SIM_HEALER_numbers] += plan->no_numbers && plan->off != SIM_HEALER_numbers;
    counts->tidy += plan->tidy;
    counts->orders += (int64_t)sim->order_map.count;
    *ret_result = (struct sim_result){.failed = sim->failed, .hash = sim->hash};
    tern_copy_cut(ret_result->violation, sizeof ret_result->violation, sim->violation);
    tern_copy_whole(ret_result->subject, sizeof ret_result->subject, sim->broken_subject);
    close_all();
    free(sim);
    sim = NULL;
}
