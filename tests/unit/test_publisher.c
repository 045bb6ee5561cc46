/* test_publisher.c - the publisher against a fake broker. */
#include "common/base/metrics_page.h"
#include "common/outbox/backlog.h"
#include "common/outbox/publish_progress.h"
#include "common/outbox/publisher.h"
#include "common/store/store.h"
#include "common/work/fatal.h"
#include "fake_broker.h"
#include "folder.h"
#include "tern_test.h"
#include "test_links.h"
#include "wait_for.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct tern_migration tern_core_migrations[];

static const char *const payment_hears[] = {"payment-service", NULL};
static const char *const nobody[] = {NULL};
static const struct tern_event_type types[] = {
    {"OrderPlaced", "1.0", "order-service", payment_hears, NULL},
    {"OrderNoted",  "1.0", "order-service", nobody,        NULL},
};
static const char *const services[] = {"payment-service", NULL};
static const struct tern_catalogue catalogue = {"events", "events.dead", types, TERN_COUNT(types), services, NULL};

/* ---- a lane with a store and a fake broker --------------------------------------------------------------------- */

enum { SEEN_MAX = 1024 };

struct lane {
    char folder[TEST_FOLDER_SIZE], url[128];
    struct tern_db *db, *reader;
    struct fake_broker *broker;
    struct tern_publisher *publisher;
    struct tern_metrics *metrics;
    struct test_links links;
    pthread_mutex_t mutex;
    /* Under the mutex. */
    struct publish_progress *progress; /* with the last news */
    bool news;
    int broken;
    char seen[SEEN_MAX][40]; /* message ids as the broker saw them */
    int seen_count;
    bool seen_mandatory[SEEN_MAX], seen_nudge[SEEN_MAX];
    int go; /* scripts wait for it */
    int beats;
    /* The test's thread. */
    int64_t confirmed_through, confirmed, releases;
    char holds[2048]; /* "3:return 4:behind " */
    unsigned window;
    int64_t retry_base_ms;
    bool records;  /* progress goes into the store */
    bool all_held; /* every row comes back once: the mark may pass only what was told to be held */
    bool told[SEEN_MAX];
    struct tern_clock clock;
    atomic_int_fast64_t ahead_ms;
    atomic_int_fast64_t back_ms; /* the wall clock alone */
    int64_t told_ms;             /* when the row that came back last is tried again */
    /* What the broker forgot. Under the mutex. */
    struct tern_queue_news *asked; /* the publisher waits for an answer */
    int answer;
    /* The test's thread. */
    bool remembers;
    int64_t append_ms, window_ms; /* online time of the next row; how much of the log is republished */
    int refuse;                   /* so many news are not taken */
    int probe_ms;
};

static int64_t clock_wall(void *self)
{
    struct lane *lane = self;
    return tern_now(&tern_clock_system) + atomic_load(&lane->ahead_ms) - atomic_load(&lane->back_ms);
}

static int64_t clock_steady(void *self)
{
    struct lane *lane = self;
    return tern_steady(&tern_clock_system) + atomic_load(&lane->ahead_ms);
}

/* ---- in place of the library's: what the publisher tells the writer ---- */

static struct lane *told_lane; /* the one that runs */

void tern_backlog_report(struct tern_backlog *backlog, struct publish_progress *progress)
{
    struct lane *lane = told_lane;
    (void)backlog;
    TEST_NOTE(&lane->mutex, lane->news = true; lane->progress = progress);
}

/* What the broker has is to be remembered. The store is the test thread's: it answers in take(). */
enum tern_command_result tern_work_command(struct tern_work_queue *queue, tern_command *run, void *argument,
                                           const struct tern_conversation *conversation, struct tern_error *err)
{
    struct lane *lane = told_lane;
    int64_t until_ms = tern_steady(&tern_clock_system) + TEST_WAIT_MS;
    bool waits = true;
    (void)run;
    (void)conversation;
    assert_ptr_equal(queue, &lane->links.queue);
    TEST_NOTE(&lane->mutex, lane->asked = argument);
    while (waits && tern_steady(&tern_clock_system) < until_ms) {
        test_pause();
        TEST_NOTE(&lane->mutex, waits = lane->asked != NULL);
    }
    if (!waits && lane->answer == 0) return TERN_COMMITTED;
    (void)tern_error_set(err, "not now");
    return TERN_UNAVAILABLE;
}

void tern_fatal(struct tern_fatal *fatal, const struct tern_error *err)
{
    struct lane *lane = told_lane;
    (void)fatal;
    assert_int_equal(err->fault, TERN_FAULT_BROKEN);
    TEST_NOTE(&lane->mutex, lane->broken++);
}

/* How often it was connected, also in vain. */
static uint64_t connects(const struct lane *lane)
{
    return tern_publisher_state(lane->publisher).connects;
}

#define MUST(call)                                           \
    do {                                                     \
        struct tern_error err;                               \
        if ((call) < 0) fail_msg("%s: %s", #call, err.text); \
    } while (0)

static void lane_open_store(struct lane *lane)
{
    test_folder_make("publisher", lane->folder);
    (void)snprintf(lane->url, sizeof lane->url, "sqlite:%s/p.db", lane->folder);
    MUST(tern_db_open(lane->url, &lane->db, &err));
    MUST(tern_db_migrate(lane->db, "core", tern_core_migrations, &err));
    MUST(tern_db_open_reader(lane->url, &lane->reader, &err));
    (void)pthread_mutex_init(&lane->mutex, NULL);
    lane->clock = (struct tern_clock){clock_wall, clock_steady, lane};
    lane->metrics = tern_metrics_create(NULL);
    test_links_open(&lane->links, &lane->clock);
}

/* Appends an event of ours (or a taken one) and returns its seq. The event id is "e<seq>". */
static int64_t append(struct lane *lane, const char *subject, const char *type, enum tern_origin origin)
{
    struct tern_event event = {0};
    int64_t seq = 0, version = 0, next = 0;
    static const char last[] = "SELECT coalesce(max(seq), 0) + 1 FROM event_log";
    MUST(tern_db_get_int(lane->db, last, TERN_DB_NO_ARGS, &next, &err));
    (void)snprintf(event.event_id, sizeof event.event_id, "e%lld", (long long)next);
    (void)snprintf(event.type, sizeof event.type, "%s", type);
    (void)snprintf(event.subject, sizeof event.subject, "%s", subject);
    (void)snprintf(event.correlation_id, sizeof event.correlation_id, "c");
    MUST(tern_db_begin(lane->db, &err));
    const struct tern_log_time at = {.wall_ms = 1000, .online_ms = lane->append_ms > 0 ? lane->append_ms : 1000};
    MUST(tern_event_log_append(lane->db, &event, origin, "{\"a\":1}", 7, at, &seq, &version, &err));
    MUST(tern_db_commit(lane->db, &err));
    assert_int_equal(seq, next);
    return seq;
}

static int64_t place(struct lane *lane, const char *subject)
{
    return append(lane, subject, "OrderPlaced", TERN_ORIGIN_OWN);
}

static void lane_start_publisher(struct lane *lane)
{
    struct tern_publisher_settings settings = {
        .link = {.url = fake_broker_url(lane->broker),
                 .clock = &lane->clock,
                 .limits = {.heartbeat_s = 60,
                            .rpc_ms = 5000,
                            .backoff_min_ms = 20,
                            .backoff_max_ms = 50,
                            .probe_ms = lane->probe_ms}},
        .service = "order-service",
        .queue_type = "quorum",
        .window = lane->window > 0 ? lane->window : 256,
        .catalogue = &catalogue,
        .reader = lane->reader,
        .retry_base_ms = lane->retry_base_ms > 0 ? lane->retry_base_ms : 40,
        .links = &lane->links.links,
        .queue = lane->remembers ? &lane->links.queue : NULL,
        .metrics = lane->metrics,
    };
    told_lane = lane;
    MUST(tern_outbox_state(lane->db, &settings.start, &err));
    MUST(tern_publisher_create(&settings, &lane->publisher, &err));
    MUST(tern_publisher_start(lane->publisher, &err));
}

static void lane_start(struct lane *lane, fake_script *const *scripts, size_t count)
{
    lane->broker = fake_broker_start(scripts, count, lane);
    lane_start_publisher(lane);
}

#define LANE_START(lane, ...)                      \
    fake_script *const scripts_[] = {__VA_ARGS__}; \
    lane_start((lane), scripts_, TERN_COUNT(scripts_))

static void lane_stop_publisher(struct lane *lane)
{
    tern_publisher_stop(lane->publisher);
    tern_publisher_destroy(lane->publisher);
    fake_broker_stop(lane->broker);
}

static void lane_stop(struct lane *lane)
{
    lane_stop_publisher(lane);
    test_links_close(&lane->links);
    tern_metrics_destroy(lane->metrics);
    tern_db_close(lane->reader);
    tern_db_close(lane->db);
    (void)pthread_mutex_destroy(&lane->mutex);
    test_folder_remove(lane->folder);
}

static void note_holds(struct lane *lane, const struct tern_publish_progress *progress)
{
    for (size_t i = 0; i < progress->return_count; i++) {
        const struct tern_publish_return *hold = &progress->returns[i];
        size_t length = strlen(lane->holds);
        if (hold->next_try_ms == 0) lane->releases++;
        if (hold->next_try_ms != 0) lane->told_ms = hold->next_try_ms;
        if (hold->seq < SEEN_MAX) lane->told[hold->seq] = true;
        (void)snprintf(lane->holds + length, sizeof lane->holds - length, "%lld:%s ", (long long)hold->seq,
                       hold->next_try_ms == 0 ? "released" : hold->reason);
    }
}

static void answer_news(struct lane *lane)
{
    struct tern_queue_news *news = NULL;
    TEST_NOTE(&lane->mutex, news = lane->asked);
    if (news == NULL) return;
    lane->answer = lane->refuse-- > 0 ? -1 : 0;
    if (lane->answer == 0) {
        MUST(tern_db_begin(lane->db, &err));
        int64_t window_ms = lane->window_ms > 0 ? lane->window_ms : 3600000;
        MUST(tern_queue_markers_record(lane->db, news, window_ms, lane->append_ms, &err));
        MUST(tern_db_commit(lane->db, &err));
    }
    TEST_NOTE(&lane->mutex, lane->asked = NULL);
}

/* What the runtime's writer does. */
static bool take(struct lane *lane)
{
    struct tern_publish_progress progress;
    bool news;
    answer_news(lane);
    TEST_NOTE(&lane->mutex, news = lane->news; lane->news = false);
    if (!news || !tern_publish_progress_take(lane->progress, &progress)) return false;
    assert_true(progress.confirmed_through >= lane->confirmed_through);
    lane->confirmed_through = progress.confirmed_through;
    lane->confirmed += progress.confirmed;
    note_holds(lane, &progress);
    for (int64_t seq = 1; lane->all_held && seq <= lane->confirmed_through; seq++)
        assert_true(lane->told[seq]);
    if (lane->records) {
        MUST(tern_db_begin(lane->db, &err));
        MUST(tern_publish_progress_record(lane->db, &progress, &err));
        MUST(tern_db_commit(lane->db, &err));
    }
    return true;
}

/* Takes progress until the condition on what was taken holds. */
#define TAKE_UNTIL(lane, condition)                                                                      \
    do {                                                                                                 \
        int64_t until_ = tern_steady(&tern_clock_system) + TEST_WAIT_MS;                                 \
        while (!(condition) && tern_steady(&tern_clock_system) < until_)                                 \
            if (!take(lane)) test_pause();                                                               \
        if (!(condition))                                                                                \
            fail_msg("not in time: %s (mark %lld, confirmed %lld, holds %s)", #condition,                \
                     (long long)(lane)->confirmed_through, (long long)(lane)->confirmed, (lane)->holds); \
    } while (0)

/* ---- scripts ------------------------------------------------------------------------------------------------- */

/* The next publication: written down, its body taken. False when there is none. */
static bool next_publication(struct fake_session *session, struct lane *lane, int timeout_ms)
{
    struct fake_frame frame;
    char id[40];
    do
        if (!fake_next(session, &frame, timeout_ms)) return false;
    while (frame.method != FAKE_PUBLISH);
    bool mandatory = (frame.payload[frame.length - 1] & 1U) != 0;
    if (!fake_next(session, &frame, timeout_ms) || frame.type != 2) return false;
    fake_message_id(&frame, id, sizeof id);
    bool nudge = memmem(frame.payload, frame.length, "x-tern-nudge", strlen("x-tern-nudge")) != NULL;
    if (fake_number(frame.payload + 4, 8) > 0 && !fake_next(session, &frame, timeout_ms)) return false;
    TEST_NOTE(&lane->mutex, {
        if (lane->seen_count < SEEN_MAX) {
            (void)snprintf(lane->seen[lane->seen_count], sizeof lane->seen[0], "%s", id);
            lane->seen_nudge[lane->seen_count] = nudge;
            lane->seen_mandatory[lane->seen_count++] = mandatory;
        }
    });
    return true;
}

/* How many publications the broker saw. */
static int seen(struct lane *lane)
{
    int count;
    TEST_NOTE(&lane->mutex, count = lane->seen_count);
    return count;
}

static bool script_waits_for_go(struct fake_session *session, struct lane *lane, int go)
{
    int now = 0;
    do
        TEST_NOTE(&lane->mutex, now = lane->go);
    while (now < go && fake_stay_silent(session, 1));
    return now >= go;
}

static void confirm_each(struct fake_session *session, void *self)
{
    uint64_t sequence = 0;
    if (!fake_login(session, NULL, NULL)) return;
    while (next_publication(session, self, -1))
        fake_confirm(session, ++sequence, false, true);
}

static void committed(struct lane *lane, int64_t seq)
{
    tern_publisher_committed(lane->publisher, seq);
}

static void rows_go_out_in_order_and_count_when_confirmed(void **state)
{
    (void)state;
    struct lane lane = {0};
    lane_open_store(&lane);
    (void)place(&lane, "A");
    (void)append(&lane, "A", "PaymentDone", TERN_ORIGIN_FOREIGN);
    (void)append(&lane, "A", "OrderNoted", TERN_ORIGIN_OWN);
    LANE_START(&lane, confirm_each);
    TAKE_UNTIL(&lane, lane.confirmed_through == 3);
    int64_t last = place(&lane, "B");
    committed(&lane, last);
    TAKE_UNTIL(&lane, lane.confirmed_through == last);
    assert_int_equal(lane.confirmed, 3);
    TEST_WAIT(&lane.mutex, lane.seen_count == 3);
    assert_string_equal(lane.seen[0], "e1");
    assert_string_equal(lane.seen[1], "e3");
    assert_string_equal(lane.seen[2], "e4");
    assert_true(lane.seen_mandatory[0]);
    assert_false(lane.seen_mandatory[1]); /* nobody hears it: no return wanted */
    assert_string_equal(lane.holds, "");
    lane_stop(&lane);
}

static void confirm_out_of_order(struct fake_session *session, void *self)
{
    struct lane *lane = self;
    if (!fake_login(session, NULL, NULL)) return;
    for (int i = 0; i < 5; i++)
        if (!next_publication(session, lane, TEST_WAIT_MS)) return;
    fake_confirm(session, 2, false, true);
    fake_confirm(session, 5, false, true);
    if (!script_waits_for_go(session, lane, 1)) return;
    fake_confirm(session, 1, false, true);
    if (!script_waits_for_go(session, lane, 2)) return;
    fake_confirm(session, 4, true, true);
    fake_until_gone(session);
}

static void the_mark_never_passes_an_unconfirmed_row(void **state)
{
    (void)state;
    struct lane lane = {0};
    lane_open_store(&lane);
    for (int i = 0; i < 5; i++)
        (void)place(&lane, "A");
    LANE_START(&lane, confirm_out_of_order);
    TEST_WAIT(&lane.mutex, lane.seen_count == 5);
    TEST_NOTE(&lane.mutex, lane.go = 1);
    TAKE_UNTIL(&lane, lane.confirmed_through == 2);
    assert_int_equal(lane.confirmed, 2);
    TEST_NOTE(&lane.mutex, lane.go = 2);
    TAKE_UNTIL(&lane, lane.confirmed_through == 5);
    assert_int_equal(lane.confirmed, 5);
    lane_stop(&lane);
}

static void confirm_on_go(struct fake_session *session, void *self)
{
    struct lane *lane = self;
    if (!fake_login(session, NULL, NULL)) return;
    for (int i = 0; i < 4; i++)
        if (!next_publication(session, lane, TEST_WAIT_MS)) return;
    bool more = next_publication(session, lane, 200); /* there must be none: the window is full */
    TEST_NOTE(&lane->mutex, lane->go = more ? 99 : 1);
    fake_confirm(session, 4, true, true);
    for (uint64_t sequence = 5; next_publication(session, lane, -1); sequence++)
        fake_confirm(session, sequence, false, true);
}

static void no_more_than_the_window_is_under_way(void **state)
{
    (void)state;
    struct lane lane = {.window = 4};
    lane_open_store(&lane);
    for (int i = 0; i < 10; i++)
        (void)place(&lane, "A");
    LANE_START(&lane, confirm_on_go);
    TAKE_UNTIL(&lane, lane.confirmed_through == 10);
    assert_int_equal(lane.go, 1);
    assert_int_equal(lane.confirmed, 10);
    lane_stop(&lane);
}

static void return_then_confirm(struct fake_session *session, void *self)
{
    struct lane *lane = self;
    if (!fake_login(session, NULL, NULL)) return;
    for (int i = 0; i < 3; i++)
        if (!next_publication(session, lane, TEST_WAIT_MS)) return;
    fake_return(session, "e1");
    fake_confirm(session, 3, true, true);
    for (uint64_t sequence = 4; next_publication(session, lane, -1); sequence++)
        fake_confirm(session, sequence, false, true);
}

static void a_returned_row_is_held_and_its_subject_behind_it(void **state)
{
    (void)state;
    struct lane lane = {.records = true};
    lane_open_store(&lane);
    (void)place(&lane, "A");
    (void)place(&lane, "B");
    (void)place(&lane, "C");
    LANE_START(&lane, return_then_confirm);
    TAKE_UNTIL(&lane, lane.confirmed_through == 3);
    assert_int_equal(strncmp(lane.holds, "1:return ", 9), 0);
    int64_t last = place(&lane, "A");
    committed(&lane, last);
    TAKE_UNTIL(&lane, lane.confirmed == 4);
    assert_int_equal(lane.confirmed_through, last);
    TEST_WAIT(&lane.mutex, lane.seen_count == 5);
    assert_string_equal(lane.seen[3], "e1"); /* again, and before the later one of its subject */
    assert_string_equal(lane.seen[4], "e4");
    TAKE_UNTIL(&lane, lane.releases >= 1);
    struct tern_outbox_state outbox = {0};
    MUST(tern_outbox_state(lane.db, &outbox, &err));
    assert_int_equal(outbox.pending, 0);
    lane_stop(&lane);
}

static void nack_twice(struct fake_session *session, void *self)
{
    struct lane *lane = self;
    if (!fake_login(session, NULL, NULL)) return;
    for (uint64_t sequence = 1; next_publication(session, lane, -1); sequence++)
        fake_confirm(session, sequence, false, sequence > 2);
}

static void a_nacked_row_is_tried_again_until_it_is_confirmed(void **state)
{
    (void)state;
    struct lane lane = {.records = true};
    lane_open_store(&lane);
    (void)place(&lane, "A");
    LANE_START(&lane, nack_twice);
    TAKE_UNTIL(&lane, lane.releases == 1);
    assert_string_equal(lane.holds, "1:nack 1:nack 1:released ");
    assert_int_equal(lane.confirmed_through, 1);
    assert_int_equal(lane.confirmed, 1);
    assert_int_equal(lane.seen_count, 3);
    lane_stop(&lane);
}

static void nack_all(struct fake_session *session, void *self)
{
    struct lane *lane = self;
    if (!fake_login(session, NULL, NULL)) return;
    for (uint64_t sequence = 1; next_publication(session, lane, -1); sequence++)
        fake_confirm(session, sequence, false, false);
}

static void a_broker_that_refuses_on_and_on_is_asked_on_a_new_connection(void **state)
{
    (void)state;
    struct lane lane = {.records = true, .retry_base_ms = 1};
    lane_open_store(&lane);
    lane.broker = fake_broker_start((fake_script *const[]){nack_all, confirm_each}, 2, &lane);
    lane_start_publisher(&lane);
    committed(&lane, place(&lane, "A"));
    for (int64_t ahead_ms = 25000; ahead_ms <= 75000; ahead_ms += 25000) { /* more than a minute, no silence in it */
        lane.told_ms = 0;
        TAKE_UNTIL(&lane, lane.told_ms != 0);
        atomic_store(&lane.ahead_ms, ahead_ms);
        TAKE_UNTIL(&lane, (tern_publisher_stalled_ms(lane.publisher) >= 30000) == (ahead_ms > 30000));
    }
    TAKE_UNTIL(&lane, lane.releases == 1);
    TAKE_UNTIL(&lane, tern_publisher_stalled_ms(lane.publisher) == 0);
    assert_int_equal(connects(&lane), 2);
    lane_stop(&lane);
}

static void take_three_and_go(struct fake_session *session, void *self)
{
    struct lane *lane = self;
    if (!fake_login(session, NULL, NULL)) return;
    for (int i = 0; i < 3; i++)
        if (!next_publication(session, lane, TEST_WAIT_MS)) return;
    fake_confirm(session, 1, false, true);
    fake_confirm(session, 3, false, true);
    fake_close_connection(session, 320, "CONNECTION_FORCED - bye");
    fake_until_gone(session);
}

static void unknown_confirms_are_sent_again_after_a_lost_connection(void **state)
{
    (void)state;
    struct lane lane = {0};
    lane_open_store(&lane);
    for (int i = 0; i < 3; i++)
        (void)place(&lane, "A");
    LANE_START(&lane, take_three_and_go, confirm_each);
    TAKE_UNTIL(&lane, lane.confirmed_through == 3);
    assert_int_equal(lane.confirmed, 3); /* each once */
    assert_int_equal(connects(&lane), 2);
    assert_int_equal(test_links_times_logged(&lane.links, "320 CONNECTION_FORCED - bye"), 1);
    assert_int_equal(lane.seen_count, 5);
    assert_string_equal(lane.seen[3], "e2");
    assert_string_equal(lane.seen[4], "e3");
    lane_stop(&lane);
}

static void confirm_nothing(struct fake_session *session, void *self)
{
    if (!fake_login(session, NULL, NULL)) return;
    while (next_publication(session, self, -1))
        ;
}

static void a_confirm_that_takes_too_long_is_a_lost_connection(void **state)
{
    (void)state;
    struct lane lane = {0};
    lane_open_store(&lane);
    (void)place(&lane, "A");
    LANE_START(&lane, confirm_nothing, confirm_each);
    TEST_WAIT(&lane.mutex, lane.seen_count == 1);
    atomic_store(&lane.ahead_ms, 31000);
    TAKE_UNTIL(&lane, lane.confirmed_through == 1);
    assert_int_equal(connects(&lane), 2);
    assert_int_equal(test_links_times_logged(&lane.links, "has not confirmed an event for 30 s"), 1);
    lane_stop(&lane);
}

static void a_broker_that_confirms_nothing_on_any_connection_is_told_of(void **state)
{
    (void)state;
    struct lane lane = {0};
    lane_open_store(&lane);
    (void)place(&lane, "A");
    LANE_START(&lane, confirm_nothing, confirm_nothing, confirm_each);
    TEST_WAIT(&lane.mutex, lane.seen_count == 1);
    assert_int_equal(tern_publisher_stalled_ms(lane.publisher), 0);
    atomic_store(&lane.ahead_ms, 31000);
    TAKE_UNTIL(&lane, tern_publisher_stalled_ms(lane.publisher) >= 30000);
    TEST_WAIT(&lane.mutex, lane.seen_count == 2); /* the new connection is no reason to be silent about it */
    atomic_store(&lane.ahead_ms, 62000);
    TAKE_UNTIL(&lane, lane.confirmed_through == 1 && tern_publisher_stalled_ms(lane.publisher) == 0);
    assert_int_equal(connects(&lane), 3);
    lane_stop(&lane);
}

static void confirm_the_unknown(struct fake_session *session, void *self)
{
    if (!fake_login(session, NULL, NULL) || !next_publication(session, self, TEST_WAIT_MS)) return;
    fake_confirm(session, 77, false, true);
    fake_until_gone(session);
}

/* An alarm: the broker lives, and answers nothing. */
static void block_until_go(struct fake_session *session, void *self)
{
    struct lane *lane = self;
    int go = 0;
    if (!fake_login(session, NULL, NULL) || !next_publication(session, lane, 5000)) return;
    fake_blocked(session, true);
    while (go == 0 && fake_stay_silent(session, 5)) {
        fake_heartbeat(session);
        TEST_NOTE(&lane->mutex, go = lane->go; lane->beats++);
    }
    fake_blocked(session, false);
    fake_confirm(session, 1, false, true);
    for (uint64_t sequence = 2; next_publication(session, lane, -1); sequence++)
        fake_confirm(session, sequence, false, true);
}

static void a_broker_that_blocks_for_minutes_is_waited_for(void **state)
{
    (void)state;
    struct lane lane = {0};
    lane_open_store(&lane);
    (void)place(&lane, "A");
    LANE_START(&lane, block_until_go);
    TEST_WAIT(&lane.mutex, atomic_load(&lane.links.links.blocked));
    int64_t last = place(&lane, "B");
    committed(&lane, last);
    for (int i = 0; i < 15; i++) { /* ten minutes */
        int beats = 0;
        TEST_NOTE(&lane.mutex, beats = lane.beats);
        TEST_WAIT(&lane.mutex, lane.beats >= beats + 4);
        atomic_fetch_add(&lane.ahead_ms, 40000);
    }
    assert_int_equal(connects(&lane), 1);
    assert_int_equal(lane.seen_count, 1);
    assert_int_equal(tern_publisher_stalled_ms(lane.publisher), 0); /* it has said so itself */
    TEST_NOTE(&lane.mutex, lane.go = 1);
    TAKE_UNTIL(&lane, lane.confirmed_through == last);
    assert_int_equal(lane.seen_count, 2); /* what was under way was not sent again */
    assert_int_equal(connects(&lane), 1);
    lane_stop(&lane);
}

static void a_confirm_of_what_was_never_sent_starts_over(void **state)
{
    (void)state;
    struct lane lane = {0};
    lane_open_store(&lane);
    (void)place(&lane, "A");
    LANE_START(&lane, confirm_the_unknown, confirm_each);
    TAKE_UNTIL(&lane, lane.confirmed_through == 1);
    assert_int_equal(connects(&lane), 2);
    lane_stop(&lane);
}

/* Returns everything that it sees the first time. */
static void return_all_once(struct fake_session *session, void *self)
{
    struct lane *lane = self;
    char id[40] = "";
    if (!fake_login(session, NULL, NULL)) return;
    for (uint64_t sequence = 1; next_publication(session, lane, -1); sequence++) {
        int times = 0;
        TEST_NOTE(&lane->mutex, {
            memcpy(id, lane->seen[lane->seen_count - 1], sizeof id);
            for (int i = 0; i < lane->seen_count; i++)
                times += strcmp(lane->seen[i], id) == 0 ? 1 : 0;
        });
        if (times == 1) fake_return(session, id);
        fake_confirm(session, sequence, false, true);
    }
}

static void more_returns_than_slots_wait_until_they_are_taken(void **state)
{
    (void)state;
    enum { ROWS = 200 };
    struct lane lane = {.window = 150, .records = true, .all_held = true};
    char subject[16];
    lane_open_store(&lane);
    for (int i = 0; i < ROWS; i++) {
        (void)snprintf(subject, sizeof subject, "S%d", i);
        (void)place(&lane, subject);
    }
    LANE_START(&lane, return_all_once);
    TEST_WAIT(&lane.mutex, lane.seen_count >= 150);
    TAKE_UNTIL(&lane, lane.confirmed == ROWS && lane.releases == ROWS);
    assert_int_equal(lane.confirmed_through, ROWS);
    struct tern_outbox_state outbox = {0};
    struct tern_outbox_returned held;
    MUST(tern_outbox_state(lane.db, &outbox, &err));
    assert_int_equal(outbox.pending, 0);
    struct tern_error err;
    assert_int_equal(tern_outbox_returned(lane.db, &held, 1, &err), 0);
    lane_stop(&lane);
}

static void held_rows_of_an_earlier_run_are_sent_when_due(void **state)
{
    (void)state;
    struct lane lane = {.records = true};
    lane_open_store(&lane);
    for (int i = 0; i < 4; i++)
        (void)place(&lane, i == 3 ? "B" : "A");
    MUST(tern_db_begin(lane.db, &err));
    MUST(tern_outbox_return(lane.db, 1, "A", "return", 1, &err));
    MUST(tern_outbox_return(lane.db, 3, "A", "behind", 1, &err));
    MUST(tern_outbox_advance(lane.db, 1, &err));
    MUST(tern_db_commit(lane.db, &err));
    LANE_START(&lane, confirm_each);
    TAKE_UNTIL(&lane, lane.confirmed == 4 && lane.releases == 3);
    assert_int_equal(lane.confirmed_through, 4);
    TEST_WAIT(&lane.mutex, lane.seen_count == 4);
    assert_string_equal(lane.seen[0], "e1");
    int second = 0, third = 0;
    for (int i = 0; i < 4; i++) {
        if (strcmp(lane.seen[i], "e2") == 0) second = i;
        if (strcmp(lane.seen[i], "e3") == 0) third = i;
    }
    assert_true(second > 0 && third > second); /* order within the subject */
    lane_stop(&lane);
}

static void nack_once(struct fake_session *session, void *self)
{
    uint64_t sequence = 0;
    if (!fake_login(session, NULL, NULL) || !next_publication(session, self, TEST_WAIT_MS)) return;
    fake_confirm(session, ++sequence, false, false);
    while (next_publication(session, self, -1))
        fake_confirm(session, ++sequence, false, true);
}

static void a_clock_set_back_makes_no_held_row_wait(void **state)
{
    const int64_t hour_ms = 3600000;
    (void)state;
    struct lane lane = {.records = true, .retry_base_ms = 300};
    lane_open_store(&lane);
    (void)place(&lane, "A");
    LANE_START(&lane, nack_once);
    TAKE_UNTIL(&lane, lane.told_ms != 0);
    int64_t wait_ms = lane.told_ms - tern_now(&tern_clock_system);
    assert_true(wait_ms < 400 && wait_ms > -TEST_WAIT_MS); /* for the store it is a time of the wall clock */
    atomic_store(&lane.back_ms, hour_ms);
    TAKE_UNTIL(&lane, lane.releases == 1);
    lane_stop(&lane);
}

static void a_clock_set_back_before_the_start_makes_no_held_row_wait_longer_than_a_back_off(void **state)
{
    (void)state;
    struct lane lane = {0};
    lane_open_store(&lane);
    (void)place(&lane, "A");
    int64_t far_ms = tern_now(&tern_clock_system) + INT64_C(3600000);
    MUST(tern_db_begin(lane.db, &err));
    MUST(tern_outbox_return(lane.db, 1, "A", "nack", far_ms, &err));
    MUST(tern_outbox_advance(lane.db, 1, &err));
    MUST(tern_db_commit(lane.db, &err));
    LANE_START(&lane, confirm_each);
    TEST_WAIT(&lane.mutex, atomic_load(&lane.links.links.up[TERN_LINK_PUBLISHER]));
    atomic_store(&lane.ahead_ms, 376000); /* a back-off later */
    committed(&lane, 1);
    TAKE_UNTIL(&lane, lane.releases == 1);
    lane_stop(&lane);
}

static void a_reader_that_saw_a_failing_disk_is_told_of(void **state)
{
    (void)state;
    struct lane lane = {0};
    lane_open_store(&lane);
    lane.broker = fake_broker_start((fake_script *const[]){confirm_each, confirm_each}, 2, &lane);
    (void)place(&lane, "A");
    tern_db_fail_at(lane.reader, 3, TERN_FAULT_BROKEN); /* two calls ask for what is held */
    lane_start_publisher(&lane);
    TEST_WAIT(&lane.mutex, lane.broken == 1);
    lane_stop(&lane);
}

static void never_let_in(struct fake_session *session, void *self)
{
    (void)self;
    (void)fake_refuse_login(session);
}

static void a_flush_waits_for_the_last_confirm(void **state)
{
    (void)state;
    struct lane lane = {0};
    lane_open_store(&lane);
    LANE_START(&lane, confirm_each);
    TEST_WAIT(&lane.mutex, tern_publisher_state(lane.publisher).connected);
    int64_t last = 0;
    for (int i = 0; i < 20; i++)
        last = place(&lane, "A");
    committed(&lane, last);
    tern_publisher_flush(lane.publisher, 10000);
    TEST_WAIT(&lane.mutex, lane.seen_count == 20); /* already so: a flush comes back with the last confirm */
    TAKE_UNTIL(&lane, lane.confirmed_through == last);
    lane_stop(&lane);
}

static void a_flush_without_a_broker_does_not_wait(void **state)
{
    (void)state;
    struct lane lane = {0};
    lane_open_store(&lane);
    (void)place(&lane, "A");
    LANE_START(&lane, never_let_in);
    TEST_WAIT(&lane.mutex, test_links_times_logged(&lane.links, "err=") >= 1);
    int64_t began_ms = tern_steady(&tern_clock_system);
    tern_publisher_flush(lane.publisher, 60000);
    assert_in_range(tern_steady(&tern_clock_system) - began_ms, 0, TEST_WAIT_MS);
    lane_stop(&lane);
}

static void a_flush_ends_at_its_time(void **state)
{
    (void)state;
    struct lane lane = {0};
    lane_open_store(&lane);
    (void)place(&lane, "A");
    LANE_START(&lane, confirm_nothing);
    TEST_WAIT(&lane.mutex, lane.seen_count == 1);
    int64_t began_ms = tern_steady(&tern_clock_system);
    tern_publisher_flush(lane.publisher, 200);
    assert_in_range(tern_steady(&tern_clock_system) - began_ms, 190, TEST_WAIT_MS);
    lane_stop(&lane);
}

static void what_happened_can_be_read_from_the_metrics(void **state)
{
    (void)state;
    struct lane lane = {0};
    struct tern_text page = {0};
    lane_open_store(&lane);
    (void)place(&lane, "A");
    LANE_START(&lane, nack_twice);
    TAKE_UNTIL(&lane, lane.confirmed == 1);
    tern_metrics_print(lane.metrics, &page);
    assert_non_null(strstr(page.bytes, "tern_messages_published_total{type=\"OrderPlaced\"} 1"));
    assert_non_null(strstr(page.bytes, "tern_publish_failures_total{reason=\"nack\"} 2"));
    assert_non_null(strstr(page.bytes, "tern_amqp_connected{link=\"publisher\"} 1"));
    tern_text_fini(&page);
    lane_stop(&lane);
}

/* ---- saying again -------------------------------------------------------------------------------------------- */

static void say_again(struct lane *lane, int64_t seq)
{
    MUST(tern_db_begin(lane->db, &err));
    MUST(tern_outbox_request_add(lane->db, seq, false, &err));
    MUST(tern_db_commit(lane->db, &err));
    if (lane->publisher != NULL) tern_publisher_asked(lane->publisher);
}

static int64_t still_to_say(const struct lane *lane)
{
    static const char count[] = "SELECT count(*) FROM republish_request";
    int64_t rows = -1;
    MUST(tern_db_get_int(lane->db, count, TERN_DB_NO_ARGS, &rows, &err));
    return rows;
}

static void a_confirmed_row_is_said_again_flagged_and_leaves_the_list_when_confirmed(void **state)
{
    (void)state;
    struct lane lane = {.records = true};
    lane_open_store(&lane);
    (void)place(&lane, "A");
    (void)place(&lane, "B");
    LANE_START(&lane, confirm_each);
    TAKE_UNTIL(&lane, lane.confirmed_through == 2);
    say_again(&lane, 1);
    TAKE_UNTIL(&lane, still_to_say(&lane) == 0);
    say_again(&lane, 1); /* and once more */
    TAKE_UNTIL(&lane, still_to_say(&lane) == 0);
    TEST_WAIT(&lane.mutex, lane.seen_count == 4);
    assert_string_equal(lane.seen[2], "e1");
    assert_string_equal(lane.seen[3], "e1");
    assert_false(lane.seen_nudge[0]);
    assert_true(lane.seen_nudge[2]);
    assert_true(lane.seen_mandatory[2]);
    assert_int_equal(lane.confirmed_through, 2);
    assert_int_equal(lane.confirmed, 2); /* it was counted when it was new */
    lane_stop(&lane);
}

static void what_an_earlier_run_was_asked_for_is_said_again_after_the_start(void **state)
{
    (void)state;
    struct lane lane = {.records = true};
    lane_open_store(&lane);
    for (int i = 0; i < 3; i++)
        (void)place(&lane, "A");
    MUST(tern_outbox_advance(lane.db, 3, &err));
    say_again(&lane, 3);
    say_again(&lane, 2);
    LANE_START(&lane, confirm_each);
    TAKE_UNTIL(&lane, still_to_say(&lane) == 0);
    assert_int_equal(lane.seen_count, 2);
    assert_string_equal(lane.seen[0], "e3"); /* in the order of asking */
    assert_string_equal(lane.seen[1], "e2");
    lane_stop(&lane);
}

static void nack_the_first(struct fake_session *session, void *self)
{
    uint64_t sequence = 0;
    if (!fake_login(session, NULL, NULL)) return;
    while (next_publication(session, self, -1)) {
        sequence++;
        fake_confirm(session, sequence, false, sequence > 1);
    }
}

static void what_is_said_again_and_refused_is_said_later_without_holding_up_the_new(void **state)
{
    (void)state;
    struct lane lane = {.records = true, .retry_base_ms = 500};
    lane_open_store(&lane);
    (void)place(&lane, "A");
    MUST(tern_outbox_advance(lane.db, 1, &err));
    say_again(&lane, 1);
    LANE_START(&lane, nack_the_first);
    TEST_WAIT(&lane.mutex, lane.seen_count == 1);
    int64_t last = place(&lane, "A");
    committed(&lane, last);
    TAKE_UNTIL(&lane, lane.confirmed_through == last);
    assert_string_equal(lane.holds, "");
    assert_int_equal(still_to_say(&lane), 1);
    TAKE_UNTIL(&lane, still_to_say(&lane) == 0);
    assert_string_equal(lane.seen[1], "e2");
    assert_string_equal(lane.seen[2], "e1");
    lane_stop(&lane);
}

static void go_silent_after_one(struct fake_session *session, void *self)
{
    if (!fake_login(session, NULL, NULL)) return;
    (void)next_publication(session, self, TEST_WAIT_MS); /* and the connection ends, without a confirm */
}

static void what_was_said_again_into_a_lost_connection_is_said_on_the_next(void **state)
{
    (void)state;
    struct lane lane = {.records = true};
    lane_open_store(&lane);
    (void)place(&lane, "A");
    MUST(tern_outbox_advance(lane.db, 1, &err));
    say_again(&lane, 1);
    LANE_START(&lane, go_silent_after_one, confirm_each);
    TAKE_UNTIL(&lane, still_to_say(&lane) == 0);
    assert_int_equal(lane.seen_count, 2);
    lane_stop(&lane);
}

static void what_is_held_is_not_overtaken_by_being_said_again(void **state)
{
    (void)state;
    struct lane lane = {.records = true};
    lane_open_store(&lane);
    (void)place(&lane, "A");
    (void)place(&lane, "A");
    MUST(tern_outbox_advance(lane.db, 2, &err));
    MUST(tern_outbox_return(lane.db, 1, "A", "return", tern_now(&tern_clock_system) + 3600000, &err));
    MUST(tern_outbox_return(lane.db, 2, "A", "behind", 0, &err));
    say_again(&lane, 2);
    LANE_START(&lane, confirm_each);
    TAKE_UNTIL(&lane, still_to_say(&lane) == 0); /* it goes out by itself, in its order */
    TEST_NOTE(&lane.mutex, assert_true(lane.seen_count == 0 || strcmp(lane.seen[0], "e1") == 0));
    lane_stop(&lane);
}

/* ---- a broker that forgot ------------------------------------------------------------------------------------ */

static int64_t number(const struct lane *lane, const char *sql)
{
    int64_t value = -1;
    MUST(tern_db_get_int(lane->db, sql, TERN_DB_NO_ARGS, &value, &err));
    return value;
}

static bool is_noted(const struct lane *lane)
{
    return number(lane, "SELECT count(*) FROM queue_marker") == 1;
}

static bool all_said(const struct lane *lane)
{
    return number(lane, "SELECT count(*) FROM republish_range") == 0;
}

/* Four rows that the broker has confirmed; nobody hears the third one. */
static void lane_open_with_log(struct lane *lane, bool noted)
{
    static const char *const types_of_rows[] = {"OrderPlaced", "OrderPlaced", "OrderNoted", "OrderPlaced"};
    static const char *const queue[] = {"payment-service"};
    struct tern_queue_news news = {.count = noted ? 1 : 0, .queues = {queue[0]}};
    lane->remembers = lane->records = true;
    lane_open_store(lane);
    for (size_t i = 0; i < TERN_COUNT(types_of_rows); i++) {
        lane->append_ms = 1000 * (int64_t)(i + 1);
        (void)append(lane, "A", types_of_rows[i], TERN_ORIGIN_OWN);
    }
    MUST(tern_outbox_advance(lane->db, 4, &err));
    MUST(tern_queue_markers_record(lane->db, &news, 0, 0, &err));
}

static void forget_and_confirm(struct fake_session *session, void *self)
{
    uint64_t sequence = 0;
    if (!fake_login(session, NULL, NULL)) return;
    fake_forget(session, true);
    while (next_publication(session, self, -1))
        fake_confirm(session, ++sequence, false, true);
}

static void a_first_start_makes_its_markers_and_says_nothing_again(void **state)
{
    (void)state;
    struct lane lane = {0};
    lane_open_with_log(&lane, false);
    LANE_START(&lane, forget_and_confirm);
    TAKE_UNTIL(&lane, is_noted(&lane));
    int64_t last = place(&lane, "B");
    committed(&lane, last);
    TAKE_UNTIL(&lane, lane.confirmed_through == last);
    assert_int_equal(lane.seen_count, 1);
    assert_false(lane.seen_nudge[0]);
    assert_int_equal(fake_broker_markers(lane.broker), 1);
    assert_true(all_said(&lane));
    lane_stop(&lane);
}

static void a_broker_that_has_the_marker_hears_nothing_again(void **state)
{
    (void)state;
    struct lane lane = {0};
    lane_open_with_log(&lane, true);
    LANE_START(&lane, confirm_each);
    int64_t last = place(&lane, "B");
    committed(&lane, last);
    TAKE_UNTIL(&lane, lane.confirmed_through == last);
    assert_int_equal(lane.seen_count, 1);
    assert_int_equal(fake_broker_markers(lane.broker), 0);
    lane_stop(&lane);
}

static void a_broker_that_forgot_hears_the_recent_log_again(void **state)
{
    (void)state;
    struct lane lane = {.window_ms = 2000};
    struct tern_text page = {0};
    lane_open_with_log(&lane, true);
    LANE_START(&lane, forget_and_confirm);
    TAKE_UNTIL(&lane,
               is_noted(&lane) && number(&lane, "SELECT count(*) FROM republish_range") == 0 && seen(&lane) >= 2);
    assert_int_equal(lane.seen_count, 2); /* not the first, which is too old, nor what nobody hears */
    assert_string_equal(lane.seen[0], "e2");
    assert_string_equal(lane.seen[1], "e4");
    assert_true(lane.seen_nudge[0] && lane.seen_nudge[1]);
    assert_int_equal(lane.confirmed, 0); /* they were counted when they were new */
    assert_int_equal(fake_broker_markers(lane.broker), 1);
    tern_metrics_print(lane.metrics, &page);
    assert_non_null(strstr(page.bytes, "tern_queues_lost_total 1"));
    tern_text_fini(&page);
    lane_stop(&lane);
}

static void the_marker_stays_away_until_the_loss_is_on_disk(void **state)
{
    (void)state;
    struct lane lane = {.refuse = 2};
    lane_open_with_log(&lane, true);
    LANE_START(&lane, forget_and_confirm);
    TAKE_UNTIL(&lane, lane.refuse <= 0);
    TAKE_UNTIL(&lane, all_said(&lane) && is_noted(&lane) && seen(&lane) >= 3);
    assert_int_equal(lane.seen_count, 3);
    assert_int_equal(connects(&lane), 3);
    assert_int_equal(fake_broker_markers(lane.broker), 1);
    lane_stop(&lane);
}

/* Confirms one, and then nothing, until the connection ends. */
static void forget_and_confirm_one(struct fake_session *session, void *self)
{
    if (!fake_login(session, NULL, NULL)) return;
    fake_forget(session, true);
    if (!next_publication(session, self, -1)) return;
    fake_confirm(session, 1, false, true);
    (void)script_waits_for_go(session, self, 1);
}

static void what_was_said_again_before_a_crash_is_not_begun_anew(void **state)
{
    (void)state;
    struct lane lane = {0};
    lane_open_with_log(&lane, true);
    LANE_START(&lane, forget_and_confirm_one);
    TAKE_UNTIL(&lane, number(&lane, "SELECT after_seq FROM republish_range") == 1);
    TEST_NOTE(&lane.mutex, lane.go = 1);
    lane_stop_publisher(&lane);
    lane.seen_count = 0;
    fake_script *const scripts[] = {confirm_each}; /* this broker has the marker */
    lane_start(&lane, scripts, 1);
    TAKE_UNTIL(&lane, all_said(&lane));
    assert_int_equal(lane.seen_count, 2);
    assert_string_equal(lane.seen[0], "e2");
    assert_string_equal(lane.seen[1], "e4");
    lane_stop(&lane);
}

static void what_was_not_confirmed_when_the_connection_was_lost_is_said_on_the_next(void **state)
{
    (void)state;
    struct lane lane = {.go = 1};
    lane_open_with_log(&lane, true);
    LANE_START(&lane, forget_and_confirm_one, confirm_each);
    TAKE_UNTIL(&lane, all_said(&lane) && is_noted(&lane) && connects(&lane) == 2);
    bool seen_last = false;
    TEST_NOTE(&lane.mutex, for (int i = 0; i < lane.seen_count; i++) seen_last |= strcmp(lane.seen[i], "e4") == 0);
    assert_true(seen_last);
    lane_stop(&lane);
}

/* The marker vanishes while the connection lives: the next probe is answered with a closed channel. */
static void confirm_then_forget(struct fake_session *session, void *self)
{
    uint64_t sequence = 0;
    struct lane *lane = self;
    if (!fake_login(session, NULL, NULL)) return;
    while (sequence < 1 && next_publication(session, lane, -1))
        fake_confirm(session, ++sequence, false, true);
    fake_forget(session, true);
    fake_until_gone(session);
}

static void a_queue_that_is_deleted_while_connected_is_noticed_by_the_probe(void **state)
{
    (void)state;
    struct lane lane = {.probe_ms = 50};
    lane_open_with_log(&lane, true);
    LANE_START(&lane, confirm_then_forget, forget_and_confirm);
    int64_t last = place(&lane, "B");
    committed(&lane, last);
    TAKE_UNTIL(&lane, seen(&lane) == 1 + 4 && all_said(&lane));
    assert_string_equal(lane.seen[4], "e5"); /* it was confirmed into the queue that is gone */
    assert_true(lane.seen_nudge[4]);
    lane_stop(&lane);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_go_out_in_order_and_count_when_confirmed),
        cmocka_unit_test(the_mark_never_passes_an_unconfirmed_row),
        cmocka_unit_test(no_more_than_the_window_is_under_way),
        cmocka_unit_test(a_returned_row_is_held_and_its_subject_behind_it),
        cmocka_unit_test(a_nacked_row_is_tried_again_until_it_is_confirmed),
        cmocka_unit_test(a_broker_that_refuses_on_and_on_is_asked_on_a_new_connection),
        cmocka_unit_test(unknown_confirms_are_sent_again_after_a_lost_connection),
        cmocka_unit_test(a_confirm_that_takes_too_long_is_a_lost_connection),
        cmocka_unit_test(a_broker_that_confirms_nothing_on_any_connection_is_told_of),
        cmocka_unit_test(a_broker_that_blocks_for_minutes_is_waited_for),
        cmocka_unit_test(a_confirm_of_what_was_never_sent_starts_over),
        cmocka_unit_test(more_returns_than_slots_wait_until_they_are_taken),
        cmocka_unit_test(held_rows_of_an_earlier_run_are_sent_when_due),
        cmocka_unit_test(a_clock_set_back_makes_no_held_row_wait),
        cmocka_unit_test(a_clock_set_back_before_the_start_makes_no_held_row_wait_longer_than_a_back_off),
        cmocka_unit_test(a_reader_that_saw_a_failing_disk_is_told_of),
        cmocka_unit_test(a_flush_waits_for_the_last_confirm),
        cmocka_unit_test(a_flush_without_a_broker_does_not_wait),
        cmocka_unit_test(a_flush_ends_at_its_time),
        cmocka_unit_test(what_happened_can_be_read_from_the_metrics),
        cmocka_unit_test(a_confirmed_row_is_said_again_flagged_and_leaves_the_list_when_confirmed),
        cmocka_unit_test(what_an_earlier_run_was_asked_for_is_said_again_after_the_start),
        cmocka_unit_test(what_is_said_again_and_refused_is_said_later_without_holding_up_the_new),
        cmocka_unit_test(what_was_said_again_into_a_lost_connection_is_said_on_the_next),
        cmocka_unit_test(what_is_held_is_not_overtaken_by_being_said_again),
        cmocka_unit_test(a_first_start_makes_its_markers_and_says_nothing_again),
        cmocka_unit_test(a_broker_that_has_the_marker_hears_nothing_again),
        cmocka_unit_test(a_broker_that_forgot_hears_the_recent_log_again),
        cmocka_unit_test(the_marker_stays_away_until_the_loss_is_on_disk),
        cmocka_unit_test(what_was_said_again_before_a_crash_is_not_begun_anew),
        cmocka_unit_test(what_was_not_confirmed_when_the_connection_was_lost_is_said_on_the_next),
        cmocka_unit_test(a_queue_that_is_deleted_while_connected_is_noticed_by_the_probe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
