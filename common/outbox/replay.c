/* replay.c - a thread with a link of its own that publishes old rows to one queue, paced and confirmed.
 *
 * Any trouble ends the replay: a lost connection, a nack, a return. The link would connect again by itself; but somebody
 * has asked for this replay and looks at it, and goes on from its position. The consumer's memory is the limit: to a
 * queue of the catalogue nothing is replayed that its inbox may have forgotten, since it would take effect twice. */
#include "replay.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/sync.h"
#include "common/event/event_message.h"
#include "common/store/store.h"
#include "log_store.h"
#include "publish_window.h"

enum {
    STACK_BYTES = 16 * 1024 * 1024, /* amqp.h */
    WINDOW = 128,                   /* publications without an answer */
    PAGE = 64,                      /* rows read at a time */
    ROWS_A_TURN = 1024,             /* rows read before the link gets its turn */
    TICK_MS = 20                    /* how often the rate lets more through */
};

struct tern_replay {
    struct tern_replay_settings settings;

    struct tern_sync turn; /* one begin or stop at a time; guards the next two */
    pthread_t thread;
    bool joinable;

    struct tern_sync sync; /* guards the next four */
    struct tern_replay_status status;
    struct tern_amqp *link; /* owned by the replay's thread */
    bool stopping;
    bool link_ended; /* the ticker stops */

    /* The replay's thread. */
    struct tern_db *reader;
    struct publish_window window;
    int64_t read_through; /* seq of the last row read */
    bool all_read;
    int64_t allowed, allowed_ms; /* token bucket of one tick, and when it was filled last (steady) */
};

struct tern_replay *tern_replay_create(const struct tern_replay_settings *settings)
{
    struct tern_replay *replay = tern_alloc(sizeof *replay);
    replay->settings = *settings;
    tern_sync_init(&replay->turn);
    tern_sync_init(&replay->sync);
    return replay;
}

void tern_replay_destroy(struct tern_replay *replay)
{
    if (!replay) return;
    tern_replay_stop(replay);
    tern_sync_fini(&replay->sync);
    tern_sync_fini(&replay->turn);
    free(replay);
}

/* ---- how it ends ---- */

/* The first end counts. */
static void end(struct tern_replay *replay, enum tern_replay_state state, const char *fault)
{
    tern_sync_lock(&replay->sync);
    if (replay->status.state == TERN_REPLAY_RUNS) {
        replay->status.state = state;
        tern_copy_cut(replay->status.fault, sizeof replay->status.fault, fault);
    }
    if (replay->link) tern_amqp_stop(replay->link);
    tern_sync_unlock(&replay->sync);
}

static bool is_stopping(struct tern_replay *replay)
{
    tern_sync_lock(&replay->sync);
    bool stopping = replay->stopping;
    tern_sync_unlock(&replay->sync);
    return stopping;
}

static void count(struct tern_replay *replay, const char *type)
{
    const struct tern_catalogue *catalogue = replay->settings.catalogue;
    const struct tern_event_type *row = tern_catalogue_find(catalogue, type);
    tern_sync_lock(&replay->sync);
    replay->status.published++;
    if (row) replay->status.by_type[row - catalogue->types]++;
    tern_sync_unlock(&replay->sync);
}

static void pass(struct tern_replay *replay)
{
    int64_t through = tern_publish_window_frontier(&replay->window, PUBLISH_LOST, replay->read_through);
    tern_sync_lock(&replay->sync);
    replay->status.position = through;
    tern_sync_unlock(&replay->sync);
}

/* ---- rows ---- */

static bool passes(const struct tern_replay *replay, const struct tern_log_row *row)
{
    const struct tern_replay_request *request = &replay->status.request; /* never changes while it runs */
    const struct tern_catalogue *catalogue = replay->settings.catalogue;
    const struct tern_event_type *type = tern_catalogue_find(catalogue, row->type);
    if (row->logged_at_ms < request->since_ms || row->logged_at_ms > request->until_ms) return false;
    if (request->subject[0] && strcmp(row->subject, request->subject) != 0) return false;
    return request->types == 0 || (type && (request->types >> (type - catalogue->types) & 1));
}

/* As at the first time, but for the number, which would be counted, and the header that says what it is. */
static int send_row(struct tern_replay *replay, const struct tern_log_row *row, struct tern_error *err)
{
    struct tern_event_headers headers;
    struct tern_amqp_message message;
    struct tern_event event = {.replayed = true};
    uint64_t sequence;
    if (tern_event_decode(row->body, row->body_length, &event, err) < 0) return -1;
    event.replayed = true;
    tern_copy_whole(event.traceparent, sizeof event.traceparent, row->traceparent);
    tern_event_message(&event, TERN_REPLAY_EXCHANGE, true, row->body, row->body_length, &headers, &message);
    message.routing_key = replay->status.request.queue;
    int sent = tern_amqp_publish(replay->link, &message, &sequence, err);
    if (sent == 0) {
        struct publish_slot *slot = tern_publish_window_open(&replay->window, PUBLISH_LOST, row->seq, 0);
        const struct tern_event_type *type = tern_catalogue_find(replay->settings.catalogue, row->type);
        slot->type = type ? type->name : "unknown";
    }
    tern_event_fini(&event);
    return sent;
}

static int take_row(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    struct tern_replay *replay = self;
    bool wanted = passes(replay, row);
    if (wanted && replay->status.request.dry_run) {
        count(replay, row->type);
    } else if (wanted) {
        if (replay->allowed == 0 || publish_window_room(&replay->window) == 0 || !tern_amqp_may_publish(replay->link))
            return 1;
        if (send_row(replay, row, err) < 0) return -1;
        replay->allowed--;
    }
    replay->read_through = row->seq;
    return 0;
}

/* How many rows were read; fewer than a page: that is all, or no more may be sent now. */
static int read_page(struct tern_replay *replay, struct tern_error *err)
{
    int64_t before = replay->read_through, last = replay->status.last;
    int visited = tern_event_log_own(replay->reader, before, last, PAGE, take_row, replay, err);
    if (visited == 0) {
        replay->all_read = true;
        replay->read_through = last; /* only foreign rows are left up to there */
    }
    return visited;
}

/* ---- the link ---- */

static void refill(struct tern_replay *replay)
{
    int64_t now_ms = tern_monotonic_ns() / 1000000, rate = replay->status.request.rate;
    int64_t gained = (now_ms - replay->allowed_ms) * rate / 1000, most = rate * 2 * TICK_MS / 1000 + 1;
    if (gained == 0) return;
    replay->allowed = replay->allowed + gained > most ? most : replay->allowed + gained;
    replay->allowed_ms = now_ms;
}

static int on_ready(void *self, struct tern_amqp *link, struct tern_error *err)
{
    const struct tern_replay *replay = self;
    const char *queue = replay->status.request.queue;
    int declared = tern_amqp_declare_exchange(link, TERN_REPLAY_EXCHANGE, "direct", err);
    int bound = declared < 0 ? -1 : tern_amqp_bind(link, queue, TERN_REPLAY_EXCHANGE, queue, err);
    if (bound == TERN_AMQP_FORBIDDEN)
        return tern_error_set(err, "the broker's user may not bind the queue %s to %s", queue, TERN_REPLAY_EXCHANGE);
    return bound < 0 ? -1 : tern_amqp_select_confirms(link, err);
}

static int on_work(void *self, struct tern_amqp *link, struct tern_error *err)
{
    struct tern_replay *replay = self;
    int rows = PAGE;
    refill(replay);
    for (int read = 0; read < ROWS_A_TURN && rows == PAGE && !replay->all_read; read += rows)
        if ((rows = read_page(replay, err)) < 0) {
            end(replay, TERN_REPLAY_FAILED, err->text);
            return 0;
        }
    pass(replay);
    if (replay->all_read && replay->window.open == 0) end(replay, TERN_REPLAY_DONE, "");
    if (rows == PAGE && !replay->all_read) tern_amqp_wake(link);
    return 0;
}

static int on_confirmed(void *self, uint64_t sequence, bool multiple, bool acked, struct tern_error *err)
{
    struct tern_replay *replay = self;
    struct publish_window *window = &replay->window;
    if (multiple && sequence == 0) sequence = window->next - 1; /* the protocol's "all of them" */
    if (sequence >= window->next) return tern_error_set(err, "the broker confirmed what was never sent");
    for (uint64_t i = multiple || sequence < window->first ? window->first : sequence; i <= sequence; i++) {
        struct publish_slot *slot = tern_publish_window_slot(window, i);
        if (!slot->open) continue;
        if (acked) count(replay, slot->type);
        tern_publish_window_close(window, slot, acked);
    }
    tern_publish_window_pass(window);
    if (!acked) end(replay, TERN_REPLAY_FAILED, "the broker refused a message: the queue may be full");
    pass(replay);
    return 0;
}

static int on_returned(void *self, const struct tern_amqp_returned *message, struct tern_error *err)
{
    (void)message;
    (void)err;
    end(self, TERN_REPLAY_FAILED, "a message came back: the queue is gone, or is no longer bound");
    return 0;
}

static void on_lost(void *self, const char *why)
{
    end(self, TERN_REPLAY_FAILED, why);
}

/* ---- the threads ---- */

/* The link does its work after frames, and once a second: the rate wants it more often. */
static void *tick(void *argument)
{
    struct tern_replay *replay = argument;
    tern_sync_lock(&replay->sync);
    while (!replay->link_ended) {
        (void)tern_sync_wait_until(&replay->sync, tern_deadline(TICK_MS));
        if (!replay->link_ended) tern_amqp_wake(replay->link);
    }
    tern_sync_unlock(&replay->sync);
    return NULL;
}

static void publish_all(struct tern_replay *replay)
{
    char name[TERN_NAME_SIZE + 8];
    struct tern_error err = {0};
    struct tern_amqp *made;
    pthread_t ticker;
    struct tern_amqp_settings link = replay->settings.link;
    const struct tern_amqp_owner owner = {.ready = on_ready,
                                          .lost = on_lost,
                                          .confirmed = on_confirmed,
                                          .returned = on_returned,
                                          .work = on_work,
                                          .self = replay};
    (void)snprintf(name, sizeof name, "%s-replay", replay->settings.service);
    link.connection_name = name;
    link.body_max = 0;
    if (tern_amqp_create(&link, &owner, &made, &err) < 0) {
        end(replay, TERN_REPLAY_FAILED, err.text);
        return;
    }
    tern_sync_lock(&replay->sync);
    replay->link = made;
    bool stopping = replay->stopping;
    tern_sync_unlock(&replay->sync);
    tern_publish_window_init(&replay->window, WINDOW);
    bool ticks = tern_thread_start(&ticker, "replay-tick", 0, tick, replay) == 0;
    if (!stopping) tern_amqp_run(made);
    tern_sync_lock(&replay->sync);
    replay->link = NULL;
    replay->link_ended = true;
    tern_sync_broadcast(&replay->sync);
    tern_sync_unlock(&replay->sync);
    if (ticks) pthread_join(ticker, NULL);
    tern_amqp_destroy(made);
    tern_publish_window_fini(&replay->window);
}

static void count_all(struct tern_replay *replay)
{
    struct tern_error err = {0};
    while (!replay->all_read && !is_stopping(replay))
        if (read_page(replay, &err) < 0) {
            end(replay, TERN_REPLAY_FAILED, err.text);
            return;
        }
    tern_sync_lock(&replay->sync);
    replay->status.position = replay->read_through;
    tern_sync_unlock(&replay->sync);
    end(replay, replay->all_read ? TERN_REPLAY_DONE : TERN_REPLAY_STOPPED, "");
}

static void *replay_thread(void *argument)
{
    struct tern_replay *replay = argument;
    struct tern_replay_status status;
    if (replay->status.request.dry_run)
        count_all(replay);
    else
        publish_all(replay);
    end(replay, TERN_REPLAY_STOPPED, "");
    tern_db_close(replay->reader);
    replay->reader = NULL;
    tern_replay_status(replay, &status);
    tern_log_info(replay->settings.log, status.state == TERN_REPLAY_FAILED ? "a replay failed" : "a replay has ended",
                  TERN_STR("queue", status.request.queue), TERN_INT("events", status.published),
                  TERN_INT("position", status.position), TERN_STR("err", status.fault));
    return NULL;
}

/* ---- beginning ---- */

int tern_replay_types(const struct tern_replay_settings *settings, const char *names, uint32_t *ret_types,
                      struct tern_error *err)
{
    const struct tern_catalogue *catalogue = settings->catalogue;
    uint32_t types = 0;
    for (const char *at = names; *at;) {
        char name[TERN_TYPE_SIZE];
        size_t length = strcspn(at, ",");
        (void)snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), at);
        const struct tern_event_type *type = tern_catalogue_find(catalogue, name);
        if (!type || strcmp(type->producer, settings->service) != 0)
            return tern_error_set(err, "%s publishes no event \"%s\"", settings->service, name);
        types |= UINT32_C(1) << (type - catalogue->types);
        at += length + (at[length] == ',');
    }
    *ret_types = types;
    return 0;
}

static bool is_of_the_catalogue(const struct tern_catalogue *catalogue, const char *queue)
{
    for (const char *const *service = catalogue->services; *service; service++)
        if (strcmp(*service, queue) == 0) return true;
    return false;
}

/* Where it begins and ends. An inbox of the suite remembers TERN_REPUBLISH_MOST_MS for certain. */
static int find_range(struct tern_replay *replay, const struct tern_replay_request *request,
                      struct tern_replay_status *status, struct tern_error *err)
{
    struct tern_outbox_state outbox;
    int64_t after = request->from > 0 ? request->from - 1 : 0, remembered = 0;
    if (tern_outbox_state(replay->reader, &outbox, err) < 0 ||
        (request->from == 0 &&
         tern_event_log_since(replay->reader, request->since_ms, outbox.last_seq, &after, err) < 0) ||
        tern_event_log_window(replay->reader, TERN_REPUBLISH_MOST_MS, 0, outbox.last_seq, &remembered, err) < 0)
        return -1;
    if (after < remembered && is_of_the_catalogue(replay->settings.catalogue, request->queue))
        return tern_error_set(err,
                              "%s may have forgotten events before number %" PRId64
                              " of the log, which would take effect twice: begin there",
                              request->queue, remembered + 1);
    status->first = after + 1;
    status->position = after;
    status->last = outbox.last_seq;
    return 0;
}

static int open_replay(struct tern_replay *replay, const struct tern_replay_request *request, struct tern_error *err)
{
    struct tern_replay_status status = {.state = TERN_REPLAY_RUNS, .request = *request};
    if (request->queue[0] == '\0') return tern_error_set(err, "a replay goes to a queue: name one");
    if (tern_db_open_reader(replay->settings.database_url, &replay->reader, err) < 0) return -1;
    if (find_range(replay, request, &status, err) < 0) {
        tern_db_close(replay->reader);
        replay->reader = NULL;
        return -1;
    }
    tern_sync_lock(&replay->sync);
    replay->status = status;
    replay->stopping = replay->link_ended = false;
    tern_sync_unlock(&replay->sync);
    replay->read_through = status.position;
    replay->all_read = false;
    replay->allowed = 0;
    replay->allowed_ms = tern_monotonic_ns() / 1000000;
    return 0;
}

/* The turn is held. */
static void join(struct tern_replay *replay)
{
    if (replay->joinable) pthread_join(replay->thread, NULL);
    replay->joinable = false;
}

/* The turn is held. */
static int begin(struct tern_replay *replay, const struct tern_replay_request *request, struct tern_error *err)
{
    struct tern_replay_status before;
    tern_replay_status(replay, &before);
    if (before.state == TERN_REPLAY_RUNS) return 1;
    join(replay); /* the thread of the last one */
    if (open_replay(replay, request, err) < 0) return -1;
    tern_log_info(replay->settings.log, "a replay begins", TERN_STR("queue", request->queue),
                  TERN_INT("from", replay->status.first), TERN_INT("through", replay->status.last));
    int error = tern_thread_start(&replay->thread, "replay", STACK_BYTES, replay_thread, replay);
    if (error) {
        end(replay, TERN_REPLAY_FAILED, "the thread could not be started");
        return tern_error_set(err, "the replay's thread could not be started (error %d)", error);
    }
    replay->joinable = true;
    return 0;
}

int tern_replay_begin(struct tern_replay *replay, const struct tern_replay_request *request, struct tern_error *err)
{
    tern_sync_lock(&replay->turn);
    int begun = begin(replay, request, err);
    tern_sync_unlock(&replay->turn);
    return begun;
}

void tern_replay_status(struct tern_replay *replay, struct tern_replay_status *ret_status)
{
    tern_sync_lock(&replay->sync);
    *ret_status = replay->status;
    tern_sync_unlock(&replay->sync);
}

void tern_replay_stop(struct tern_replay *replay)
{
    tern_sync_lock(&replay->turn);
    tern_sync_lock(&replay->sync);
    replay->stopping = true;
    if (replay->link) tern_amqp_stop(replay->link);
    tern_sync_unlock(&replay->sync);
    join(replay);
    tern_sync_unlock(&replay->turn);
}
