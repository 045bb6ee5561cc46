/* sim.h - the simulation: four real services in one process and one thread, on a clock, a broker, a gateway and clients of
 * its own, everything drawn from one seed.
 *
 * Real are handlers, jobs, timers, writer, units of work, event log, publisher, consumer and job lane: a service is built
 * by tern_app_build and stepped. Made up are the AMQP link (sim_link.c takes the place of common/amqp/), the
 * broker behind it (sim_broker.c), the gateway and the mail (sim_gateway.c), the clients (sim_client.c) and time. A crash
 * throws a service's memory away and keeps its store. What must hold is checked while it runs, where a rule is about an
 * order of steps, and at the end from stores and ledgers (sim_check.c). One simulation at a time in a process. */
#ifndef SIM_H
#define SIM_H

#include <stdio.h>

#include "common/service/app.h"
#include "shop/catalogue.h"

/* ---- what can happen ------------------------------------------------------------------------------------------- */

/*   word                 what it does */
/* clang-format off */
#define SIM_FAULTS(F) \
    F(crash,              "a service is killed between two steps") \
    F(crash_in_batch,     "a service is killed before its batch commits") \
    F(commit_fails,       "a commit finds no room") \
    F(store_busy,         "one call of the store fails in passing") \
    F(handler_fails,      "a handler fails a few times") \
    F(handler_kills,      "a message kills the process that handles it, a few times") \
    F(poison,             "a handler fails until a person tries the message again") \
    F(malformed,          "a message that nobody can read, of several kinds") \
    F(stranger,           "an event about an order that was never placed") \
    F(duplicate,          "a message is doubled in its queue") \
    F(late_duplicate,     "an old message comes once more, much later") \
    F(ancient,            "every message comes once more, when the inbox has forgotten it") \
    F(delay,              "a message is overtaken by others") \
    F(cut,                "a connection breaks; what was under way is lost") \
    F(silence,            "a connection goes deaf or dumb, and that is noticed late") \
    F(confirm_lost,       "confirms of a connection never come") \
    F(confirm_multiple,   "one confirm stands for several") \
    F(confirm_disorder,   "confirms come in another order") \
    F(nack,               "the broker refuses a message that it kept or dropped") \
    F(loss,               "a confirmed message is gone from one queue") \
    F(owner_lingers,      "the broker takes a gone owner of a queue for alive for some seconds") \
    F(queue_deleted,      "a queue is deleted while it is used") \
    F(binding_removed,    "a queue is not bound to one of its events any more") \
    F(purged,             "a queue loses all messages that wait in it") \
    F(broker_restart,     "the broker is away for a while; what it had not confirmed may be lost") \
    F(wipe,               "the broker comes back without its disk") \
    F(blocked,            "the broker takes no messages for a while") \
    F(clock_jump,         "the wall clock of a service is set") \
    F(stall,              "a service stands still for a while") \
    F(gateway_declined,   "the gateway says no") \
    F(gateway_lost_call,  "no answer of the gateway: the call never came") \
    F(gateway_lost_answer, "no answer of the gateway: but it did what it was asked") \
    F(gateway_stuck_call, "no answer of the gateway: the call lands when nobody waits for it")  \
    F(gateway_slow,       "the gateway takes its time") \
    F(mail_fails,         "a message to a customer cannot be sent now") \
    F(reply_lost,         "a client does not hear the answer to its request") \
    F(key_again,          "a client sends a request twice with the same key") \
    F(key_misused,        "a client uses a key for another order") \
    F(cancel,             "a client cancels an order") \
    F(restock,            "somebody adds to the stock")
/* clang-format on */

#define SIM_FAULT_ENUM(word, help) SIM_FAULT_##word,
enum sim_fault { SIM_FAULTS(SIM_FAULT_ENUM) SIM_FAULT_COUNT };
extern const char *const sim_fault_words[SIM_FAULT_COUNT];

/* What brings back what was lost. The layers among them are switched off in turn, in one world of four: what such a layer sends is
 * thrown away by the broker, or its time never comes. Each has to be good without the others. */
/* clang-format off */
#define SIM_LAYERS(H) \
    H(nudge,     "order-service asks again") \
    H(answer,    "who is asked again repeats what it said") \
    H(deadline,  "order-service waits no longer") \
    H(republish, "a service says its log again to a broker that forgot") \
    H(numbers,   "who has missed an event by its number asks for it")
#define SIM_HEALERS(H) SIM_LAYERS(H) \
    H(copy,      "another copy came") \
    H(ended,     "its order came to its end without it")
/* clang-format on */

#define SIM_HEALER_ENUM(word, help) SIM_HEALER_##word,
enum sim_healer { SIM_NO_HEALER, SIM_HEALERS(SIM_HEALER_ENUM) SIM_HEALER_COUNT };
enum { SIM_LAYER_COUNT = SIM_HEALER_copy - 1 };
extern const char *const sim_healer_words[SIM_HEALER_COUNT];

/* What must hold; the numbers are those of docs/RELIABILITY.md. */
/* clang-format off */
#define SIM_RULES(R) \
    R(I1,  "every accepted order is in the log, with exactly one OrderPlaced") \
    R(I2,  "a request without an answer became no order or one") \
    R(I3,  "one key, one order; another body is refused") \
    R(I4,  "at most one capture of an order, of its total") \
    R(I5,  "a capture names an order that is in the log") \
    R(I6,  "refunds never exceed captures; at the end the money fits the status") \
    R(I7,  "stock is conserved and never negative") \
    R(I8,  "no more is promised than there is") \
    R(I9,  "every order ends in time") \
    R(I10, "versions of a stream are 1 to n without gaps") \
    R(I11, "the history of an order is legal") \
    R(I12, "the fold of a stream is its row") \
    R(I13, "what is said is in the log, was taken by the broker, and is marked only then") \
    R(I14, "an event takes effect once") \
    R(I15, "messages are acknowledged when they are kept, parked when they deserve it, and never overtaken") \
    R(I16, "no reader sees a version go back") \
    R(I17, "somebody was told the end of every order, once for each reason") \
    R(I18, "the backlog is as old as the oldest event in it")                \
    R(S1,  "patience is measured online, and a nudge is answered") \
    R(S2,  "no sound connection is given up, no step goes on for ever")      \
    R(S3,  "only the owner of a service's queue publishes for it")           \
    R(S4,  "what is lost comes back by the layer that is there for it, in its time") \
    R(S5,  "what is to be said again is owed until the broker takes it")
/* clang-format on */
#define SIM_RULE_ENUM(word, help) SIM_RULE_##word,
enum sim_rule { SIM_RULES(SIM_RULE_ENUM) SIM_RULE_COUNT };
extern const char *const sim_rule_words[SIM_RULE_COUNT];

struct sim_counts {
    int64_t seeds, orders, ended, events, deliveries, steps, captures, refunds, letters;
    int64_t lines, large; /* lines of all orders; orders of the most lines that became ready */
    int64_t lost, tidy;   /* messages that were lost, each time; worlds in which healing has its time */
    int64_t healed[SIM_HEALER_COUNT], off[SIM_HEALER_COUNT]; /* by whom; worlds without it */
    int64_t faults[SIM_FAULT_COUNT];
    int64_t checks[SIM_RULE_COUNT];
};

/* ---- the cast -------------------------------------------------------------------------------------------------- */

enum sim_who { SIM_ORDER, SIM_PAYMENT, SIM_INVENTORY, SIM_NOTIFICATION, SIM_SERVICES };
extern const char *const sim_names[SIM_SERVICES];
/* SIM_SERVICES when there is none. */
enum sim_who sim_who(const char *service);

enum { SIM_PRODUCTS_MAX = SHOP_LINES_MAX, SIM_SCARCE = 3, SIM_ORDERS_MAX = 400 };

/* Drawn from the seed before anything runs. */
struct sim_plan {
    uint64_t seed;
    int orders, products;
    int64_t stock[SIM_PRODUCTS_MAX];
    bool large;                    /* some of the orders are as large as the shop takes them */
    int64_t busy_ms;               /* the phase with faults */
    int64_t nudge_ms, deadline_ms; /* of order-service */
    int attempts, batch, prefetch, window;
    int64_t rate[SIM_FAULT_COUNT];                         /* per million chances; 0: off */
    enum sim_healer off;                                   /* the layer that is switched off, or SIM_NO_HEALER */
    bool no_numbers;                                       /* nor do numbers heal, which bring back everything */
    bool tidy;                                             /* messages are lost, and nothing else delays them */
    bool small;                                            /* nothing is left to chance: sim_explore.c chooses */
    int cancels;                                           /* small: how many orders are cancelled at some moment */
    int64_t network_ms, confirm_ms, commit_ms, gateway_ms; /* longest usual times */
};

/* A map from texts to small numbers. */
struct sim_map {
    char **keys;
    int *values;
    size_t room, count;
};
int sim_map_get(const struct sim_map *map, const char *key); /* -1: not there */
void sim_map_put(struct sim_map *map, const char *key, int value);
void sim_map_fini(struct sim_map *map);

/* How a message fares with one handler. */
enum sim_fate { SIM_UNDECIDED, SIM_FINE, SIM_FAILS, SIM_KILLS, SIM_POISON };

/* An event that was on the bus, or was heard: one per eventId. */
struct sim_event {
    char id[TERN_UUID_SIZE], type[TERN_TYPE_SIZE];
    int subject; /* in sim.subjects */
    enum sim_who producer;
    int sent, accepted; /* how often it was sent; how often the broker vouched for it */
    int64_t taken_ms;   /* when it did so last */
    unsigned handled;   /* by which services: bits */
    unsigned lost;      /* which queues lost a copy for no reason, and say nothing of it: bits */
    uint64_t body_hash;
    struct sim_message *message; /* a copy, for duplicates */
    enum sim_fate fate[SIM_SERVICES];
    int fate_left[SIM_SERVICES], starts[SIM_SERVICES], copies[SIM_SERVICES];
};

struct sim_message {
    int references;
    int event;     /* in sim.events; -1: none that can be known */
    int malformed; /* 0, or which kind */
    char message_id[TERN_UUID_SIZE], type[TERN_TYPE_SIZE], traceparent[TERN_TRACEPARENT_SIZE];
    bool nudge, republished, mandatory, vouched;
    bool asked;   /* republished, because somebody has missed it */
    bool control; /* a beacon, or a request to publish again */
    char number[24], app_id[64], key[96];
    char *body;
    size_t length;
};

struct sim_subject {
    char id[TERN_ID_SIZE];
    int failed[SIM_SERVICES]; /* the event that stands first among the held ones, or -1 */
    int placed;               /* its OrderPlaced, or -1 */
};

struct sim_line {
    int product, quantity;
    int64_t price_minor;
};

/* What a client ordered, and what it knows. */
struct sim_order {
    char order_id[TERN_ID_SIZE]; /* "" while no answer came */
    char key[24];                /* "" without */
    int line_count;
    struct sim_line *lines;
    int64_t total_minor;
    char currency[4];
    bool sent, placed, given_up, cancel_asked, repeated;
    char cancel_answer[160];     /* headers of the first answer to a cancel with a key; "" before */
    int64_t online_ms, paid_ms;  /* of order-service when it was placed, and when it heard of the payment */
    int64_t version;             /* last seen */
    char status[TERN_WORD_SIZE]; /* as order-service said last */
    int64_t status_ms;           /* its online time then */
    int64_t late_ms;             /* by so much at most its patience began later */
    int asked;                   /* how often it has asked again since */
};

/* A message that is gone from one queue, before it was handled there, and has not come again. */
struct sim_loss {
    int event;
    enum sim_who queue;
    int64_t online_ms; /* of order-service, when anything of this subject was lost last */
    int asked;         /* how often it had asked again then */
    int64_t since_ms;  /* when it was lost, or one of its type that was said again for its number */
    bool over;         /* nobody waits for it any more: but its number is missed */
    int lost_again;    /* how often such a one was, on the way to this queue */
};

/* An event that is to be said again, as it stands in a service's store. */
struct sim_owed {
    int event;
    int64_t since_ms;
};

struct sim_charge {
    char key[TERN_JOB_KEY_SIZE], order_id[TERN_ID_SIZE], reference[SHOP_REF_SIZE];
    int64_t amount_minor;
    char currency[TERN_WORD_SIZE];
    bool refund, declined;
};

struct sim_service {
    enum sim_who who;
    struct tern_service value; /* a copy of the real one, with wrapped handlers and an own `open` */
    struct tern_config *config;
    struct tern_db *db;
    struct tern_clock clock;
    int64_t wall_ahead_ms;
    struct tern_app *app; /* NULL: down */
    int64_t restart_at, stalled_until, writer_at, lane_at;
    bool killed; /* by the message that was being handled */
    bool forgot; /* a month is over: what it remembers for that long is gone */
    int incarnation;
    struct tern_amqp *links[2]; /* consumer, publisher */
    /* Of the batch that runs: what its handlers did. */
    int done[256], done_count, failed[256], failed_count, nudges[256], nudge_count;
    int64_t confirmed_through; /* of its outbox, as it was looked at last */
    struct sim_owed *owed;     /* what it was asked for again */
    int owed_count, owed_room;
    int64_t range_id, range_after, range_through, range_since_ms; /* of its log, which it says again; id 0: none */
    int64_t range_free_ms, range_left_after; /* since when nothing keeps it from that, and where it was then */
    int64_t online_ms, online_since;         /* as the simulation measures it; since < 0: not now */
};

/* A thing that happens at a time. */
struct sim_timer {
    int64_t at;
    uint64_t order;
    void (*fire)(void *self, int64_t number);
    void *self;
    int64_t number;
};

/* Chooses among `count` ways to go on: at random, or by an enumeration. */
struct sim_chooser {
    int (*choose)(void *self, int count, bool fault); /* whose turn it is, or whether a fault comes */
    void *self;
};

struct sim {
    struct sim_plan plan;
    int64_t now;
    uint64_t random, hash;
    bool healing, failed, small;
    bool month_over;           /* what is kept for a month is gone, and rightly */
    int used[SIM_FAULT_COUNT]; /* small: how often each fault was chosen in this run */
    int64_t frames;            /* that were sent */
    struct sim_chooser chooser;
    struct sim_service services[SIM_SERVICES];
    struct sim_broker *broker;
    struct sim_timer *timers;
    size_t timer_count, timer_room;
    uint64_t timer_order;
    struct sim_event *events;
    int event_count, event_room;
    struct sim_subject *subjects;
    int subject_count, subject_room;
    struct sim_map event_map, subject_map, charge_map, order_map;
    struct sim_order orders[SIM_ORDERS_MAX];
    int order_count, requests_open;
    int64_t restocked[SIM_PRODUCTS_MAX];
    int64_t restocks;
    struct sim_charge *charges;
    int charge_count, charge_room;
    struct sim_loss *losses;
    int loss_count, loss_room;
    int stuck_calls;           /* calls to the gateway that will land some day */
    bool patient;              /* hours pass: links look less often */
    struct sim_map letter_map; /* dedup key of what was mailed -> how often */
    struct sim_counts *counts;
    FILE *trace; /* NULL: silent */
    char violation[512];
    enum sim_rule broken;
    char broken_subject[TERN_ID_SIZE];
};

extern struct sim *sim; /* the one that runs */

/* ---- chance ---------------------------------------------------------------------------------------------------- */

uint64_t sim_random(void);
int64_t sim_below(int64_t bound); /* 0 when bound is 0 */
/* Whether a fault happens now; counts it. Never while healing. */
bool sim_happens(enum sim_fault fault);
void sim_count(enum sim_fault fault);
/* In a small world: whether this is chosen, at most so often in a run; else never. */
bool sim_chosen(enum sim_fault fault, int most);

/* ---- telling (sim_trace.c) ------------------------------------------------------------------------------------- */

/* A step of the run: into the hash, and as a line when it is traced. `subject` may be NULL. */
void sim_tell(const char *who, const char *subject, const char *format, ...) TERN_PRINTF(3, 4);
void sim_mix(uint64_t number);
uint64_t sim_hash_of(const void *bytes, size_t length);
/* The first one ends the run. */
void sim_violation(enum sim_rule rule, const char *subject, const char *format, ...) TERN_PRINTF(3, 4);
void sim_checked(enum sim_rule rule);
#define SIM_CHECK(rule, condition, subject, ...)                                  \
    do {                                                                          \
        sim_checked(SIM_RULE_##rule);                                             \
        if (!(condition)) sim_violation(SIM_RULE_##rule, (subject), __VA_ARGS__); \
    } while (0)

/* ---- time ------------------------------------------------------------------------------------------------------ */

void sim_at(int64_t at, void (*fire)(void *self, int64_t number), void *self, int64_t number);

/* ---- services (sim_service.c) ---------------------------------------------------------------------------------- */

void sim_service_open(struct sim_service *service, enum sim_who who);
void sim_service_close(struct sim_service *service);
void sim_service_start(struct sim_service *service);
/* Everything in memory is gone; the store stays. Starts again after a while. */
void sim_service_crash(struct sim_service *service);
/* When the writer or the lane wants to run; INT64_MAX: not by itself. */
int64_t sim_writer_wants(struct sim_service *service);
int64_t sim_lane_wants(const struct sim_service *service);
void sim_writer_step(struct sim_service *service);
void sim_lane_step(struct sim_service *service);
void sim_service_online(struct sim_service *service);
int64_t sim_service_online_ms(const struct sim_service *service);
/* One number of the service's store, for checks; -1 when there is none. */
int64_t sim_number(struct tern_db *db, const char *sql, const char *text);
/* Runs a command of a service as its HTTP route would. `answered` comes with what became of it; false: not taken. */
struct sim_request;
typedef void sim_answered(struct sim_request *request, enum tern_work_end end);
struct sim_request {
    struct tern_work work;
    tern_command *run;
    void *argument;
    struct tern_conversation conversation;
    sim_answered *answered;
    struct sim_service *service;
};
bool sim_command(struct sim_service *service, struct sim_request *request);

/* ---- the bus (sim_broker.c, sim_link.c) ------------------------------------------------------------------------ */

int sim_event_index(const char *event_id, const char *type, const char *subject);
int sim_subject_index(const char *subject);
void sim_message_drop(struct sim_message *message);
void sim_broker_open(void);
void sim_broker_close(void);
bool sim_broker_idle(void);
void sim_broker_heal(void);
void sim_broker_faults(int64_t passed_ms);
/* Puts a message into a queue from nowhere: duplicates, poison. */
void sim_broker_inject(struct sim_message *message, enum sim_who queue, int64_t delay_ms);
struct sim_message *sim_message_new(void);
/* Steps of the links: how many want to run now, and when the next one will. */
enum { SIM_PROBE_MS = 10000 }; /* how often a consumer's link counts its queue */
enum { SIM_LINK_WORK, SIM_LINK_READ, SIM_LINK_SERVE, SIM_LINK_CONNECT, SIM_LINK_STEPS };
int64_t sim_link_wants(const struct tern_amqp *link, int step);
void sim_link_step(struct tern_amqp *link, int step);
void sim_link_detach(struct tern_amqp *link);
/* The client's end: the connection is lost. */
void sim_link_lost(struct tern_amqp *link, const char *why, bool orderly);

/* ---- healing (sim_heal.c) ------------------------------------------------------------------------------------------ */

/* Which layer says this; SIM_NO_HEALER: it is said for the first time, or because it was not confirmed. */
enum sim_healer sim_heal_layer(const struct sim_message *message);
void sim_heal_lost(const struct sim_message *message, enum sim_who queue);
void sim_heal_delivered(const struct sim_message *message, enum sim_who queue);
/* Before order-service's message counts as sent. */
void sim_heal_said(const struct sim_event *event, const struct sim_message *message);
/* Whether all that is owed comes in its time. */
void sim_heal_check(void);

/* ---- what is owed (sim_owed.c) ------------------------------------------------------------------------------------- */

/* After a commit: what a service was to say again and has forgotten now was taken by the broker. */
void sim_owed_watch(struct sim_service *service);
/* Whether what a broker forgot is said in time. */
void sim_owed_check(void);

/* ---- the world outside ----------------------------------------------------------------------------------------- */

struct payment_gateway;
void sim_gateway_attach(struct payment_gateway *seam);
bool sim_is_stuck_call(const struct sim_timer *timer);
void sim_mail_attach(void *notification_state);
void sim_clients_open(void);
void sim_clients_close(void);
void sim_client_cancels(void); /* small */
void sim_parked_release(void);

/* ---- the whole ------------------------------------------------------------------------------------------------- */

void sim_plan_draw(struct sim_plan *plan, uint64_t seed);
void sim_check_end(void);
void sim_check_laws(void);
struct sim_result {
    bool failed, in_time;
    uint64_t hash;
    char violation[512], subject[TERN_ID_SIZE];
};
void sim_run(const struct sim_plan *plan, const struct sim_chooser *chooser, FILE *trace, struct sim_counts *counts,
             struct sim_result *ret_result);
void sim_pool_close(void);
/* Walks the small worlds (sim_explore.c), for so long or so many runs at most; 0: all. False: a rule was broken. */
bool sim_explore(int64_t seconds, int64_t runs, int part, int parts, int faults, struct sim_counts *counts);
bool sim_world(int world, const char *choices, FILE *trace, struct sim_counts *counts);
/* One step, or the clock moves on. False: nothing will ever happen again. */
bool sim_step(int64_t until);

#endif
