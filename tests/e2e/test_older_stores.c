/* test_older_stores.c - os: stores that an older version made open, and go on where they were.
 *
 * tests/stores/<version>/ holds the four stores of that version's own daemons, and what they answered about them then.
 * With "make FOLDER" this program makes such stores with the daemons in TERN_SUITE_BIN (tests/stores/make.sh does). */
#include "suite.h"
#include "suite_bus.h"
#include "tern_test.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shop/events.h"
#include "tern/db.h"
#include "tern/json.h"

extern const struct tern_migration tern_core_migrations[], order_migrations[], payment_migrations[],
    inventory_migrations[], notification_migrations[];

enum { STOCK = 355, PATIENCE_S = 30, ANSWER_MAX = 65536 };

#define ORDER(customer, product, quantity, token)                                                       \
    "{\"customerId\":\"" customer "\",\"items\":[{\"productId\":\"" product "\",\"quantity\":" quantity \
    ",\"price\":19.99}],\"customer\":{\"email\":\"" customer "@example.com\"},\"paymentToken\":\"" token "\"}"

/* One order for each way that an order can take, and two that are on their way when the stores are closed. */
static const struct older_order {
    const char *key, *body;
    const char *left;  /* the status in which the older version leaves it */
    const char *final; /* and the one in which it must end */
} older_orders[] = {
    {"older-ready",       ORDER("anna", "PROD-101", "2",  "tok_ok"),       "READY_FOR_SHIPMENT", "READY_FOR_SHIPMENT"},
    {"older-declined",    ORDER("bert", "PROD-102", "1",  "tok_declined"), "PAYMENT_FAILED",     "PAYMENT_FAILED"    },
    {"older-out",         ORDER("cleo", "PROD-105", "26", "tok_ok"),       "CANCELLED",          "CANCELLED"         },
    {"older-cancelled",   ORDER("dora", "PROD-103", "3",  "tok_ok"),       "CANCELLED",          "CANCELLED"         },
    {"older-waiting",     ORDER("emil", "PROD-104", "4",  "tok_ok"),       "CREATED",            "READY_FOR_SHIPMENT"},
    {"older-unpublished", ORDER("finn", "PROD-101", "5",  "tok_ok"),       "CREATED",            "READY_FOR_SHIPMENT"},
};
enum { CANCELLED = 3, WAITING = 4, UNPUBLISHED = 5, ORDERS = TERN_COUNT(older_orders) };

static const char *const settings[] = {"PAYMENT_DELAY_MS=0", "PAYMENT_SUCCESS_RATE=1", "RETRY_BACKOFF_MS=20", NULL};
static struct suite suite;

/* ---- what both do ------------------------------------------------------------------------------------------------ */

/* The order of its key, placed now or before. */
static void place(const struct older_order *order, bool placed_before, char order_id[TERN_ID_SIZE])
{
    struct raw_answer answer;
    char header[64];
    (void)snprintf(header, sizeof header, "Idempotency-Key: %s\r\n", order->key);
    suite_ask(&suite, SUITE_ORDER, "POST", "/orders", header, order->body, &answer);
    if (answer.status != 201 || placed_before != (strstr(answer.text, "Idempotency-Replayed: true") != NULL))
        fail_msg("%s: %s", order->key, answer.text);
    suite_member(answer.body, "orderId", order_id, TERN_ID_SIZE);
    raw_answer_fini(&answer);
}

/* The only parked message of order-service; "" while there is none. */
static bool find_parked(void *event_id)
{
    struct raw_answer answer;
    suite_ask(&suite, SUITE_ORDER, "GET", "/admin/parked", suite_bearer(&suite, SUITE_ORDER), "", &answer);
    suite_member(answer.body, "eventId", event_id, TERN_UUID_SIZE);
    raw_answer_fini(&answer);
    return ((const char *)event_id)[0] != '\0';
}

/* ---- making them ------------------------------------------------------------------------------------------------- */

/* About an order that was never placed; only order-service consumes it. */
static void park_one(void)
{
#define PARKED_ID "0190d3a4-1111-7aaa-8bbb-0123456789ab"
    static const char voided[] =
        "{\"eventId\":\"" PARKED_ID "\",\"eventType\":\"PaymentVoided\",\"timestamp\":\"2026-11-30T10:00:00.000Z\","
        "\"producer\":\"payment-service\",\"version\":\"1.0\","
        "\"correlationId\":\"0190d3a4-2222-7aaa-8bbb-0123456789ab\",\"subject\":\"ORD-NOBODYS\",\"data\":{"
        "\"orderId\":\"ORD-NOBODYS\",\"customerId\":\"nobody\",\"voidedAt\":\"2026-11-30T10:00:00.000Z\"}}";
    char event_id[TERN_UUID_SIZE];
    struct suite_bus *bus = suite_bus_open(suite.broker.url, false);
    suite_bus_publish(bus, "payment.voided", "PaymentVoided", PARKED_ID, voided, sizeof voided - 1);
    suite_bus_close(bus);
    assert_true(suite_wait(PATIENCE_S, find_parked, event_id));
}

static void end(enum suite_daemon daemon)
{
    suite_signal(&suite, daemon, SIGTERM);
    assert_int_equal(suite_await_end(&suite, daemon, PATIENCE_S), 0);
}

/* One line for each question: {"daemon":..,"path":..,"answer":..}. */
static void note_answer(FILE *out, enum suite_daemon daemon, const char *path)
{
    struct raw_answer answer;
    suite_ask(&suite, daemon, "GET", path, "", "", &answer);
    assert_int_equal(answer.status, 200);
    answer.body[strcspn(answer.body, "\n")] = '\0';
    (void)fprintf(out, "{\"daemon\":%d,\"path\":\"%s\",\"answer\":%s}\n", (int)daemon, path, answer.body);
    raw_answer_fini(&answer);
}

static void note_order(FILE *out, const char *order_id)
{
    char path[512];
    (void)snprintf(path, sizeof path, "/orders/%s", order_id);
    note_answer(out, SUITE_ORDER, path);
    (void)snprintf(path, sizeof path, "/orders/%s/events", order_id);
    note_answer(out, SUITE_ORDER, path);
    (void)snprintf(path, sizeof path, "/payments/%s", order_id);
    note_answer(out, SUITE_PAYMENT, path);
    (void)snprintf(path, sizeof path, "/notifications?orderId=%s", order_id);
    note_answer(out, SUITE_NOTIFICATION, path);
}

/* When this returns, all has arrived everywhere. */
static void await_notified(const char *order_id, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "/notifications?orderId=%s", order_id);
    suite_await_answer(&suite, SUITE_NOTIFICATION, path, 200, text);
}

static int make(const char *folder)
{
    char order_ids[ORDERS][TERN_ID_SIZE], text[640];
    struct raw_answer answer;
    (void)snprintf(text, sizeof text, "%s/answers.jsonl", folder);
    FILE *out = fopen(text, "we");
    assert_non_null(out);
    suite_open(&suite, settings);
    suite_start_all(&suite);
    for (size_t i = 0; i < WAITING; i++) {
        place(&older_orders[i], false, order_ids[i]);
        if (i == CANCELLED) {
            suite_await_status(&suite, order_ids[i], "READY_FOR_SHIPMENT");
            (void)snprintf(text, sizeof text, "/orders/%s/cancel", order_ids[i]);
            suite_ask(&suite, SUITE_ORDER, "POST", text, "", "{\"reason\":\"changed my mind\"}", &answer);
            raw_answer_fini(&answer);
        }
        suite_await_status(&suite, order_ids[i], older_orders[i].left);
        await_notified(order_ids[i], older_orders[i].left[0] == 'C' ? "REFUND_CONFIRMATION" : "title");
    }
    park_one();
    for (size_t i = 0; i < WAITING; i++)
        note_order(out, order_ids[i]);
    note_answer(out, SUITE_INVENTORY, "/inventory/PROD-103");
    end(SUITE_PAYMENT);
    place(&older_orders[WAITING], false, order_ids[WAITING]);
    await_notified(order_ids[WAITING], "ORDER_CONFIRMATION");
    for (int daemon = SUITE_INVENTORY; daemon < SUITE_DAEMONS; daemon++)
        end((enum suite_daemon)daemon);
    real_broker_end(&suite.broker);
    place(&older_orders[UNPUBLISHED], false, order_ids[UNPUBLISHED]);
    end(SUITE_ORDER);
    for (int daemon = 0; daemon < SUITE_DAEMONS; daemon++) {
        const char *name = suite_name((enum suite_daemon)daemon);
        (void)snprintf(text, sizeof text, "cp %s/%s.db %s/%s.db", suite.folder, name, folder, name);
        assert_int_equal(system(text), 0);
    }
    suite_close(&suite);
    return fclose(out);
}

/* ---- opening them ------------------------------------------------------------------------------------------------ */

/* Whether `now` says all that `then` said. A newer version may add members to an object. */
static bool says_all(const struct cJSON *then, const struct cJSON *now)
{
    if (tern_json_is_object(then)) {
        for (const struct cJSON *member = tern_json_first(then); member; member = tern_json_next(member))
            if (!says_all(member, tern_json_member(now, tern_json_name(member)))) return false;
        return tern_json_is_object(now);
    }
    if (tern_json_is_array(then)) {
        const struct cJSON *other = tern_json_first(now);
        for (const struct cJSON *one = tern_json_first(then); one;
             one = tern_json_next(one), other = tern_json_next(other))
            if (!other || !says_all(one, other)) return false;
        return tern_json_is_array(now) && !other;
    }
    struct tern_text left = {0}, right = {0};
    tern_json_print(then, &left);
    if (now) tern_json_print(now, &right);
    bool same = now && strcmp(left.bytes, right.bytes) == 0;
    tern_text_fini(&left);
    tern_text_fini(&right);
    return same;
}

static void ask_as_then(const char *line)
{
    struct tern_error err;
    struct raw_answer answer;
    int64_t daemon;
    struct cJSON *then = tern_json_parse(line, strcspn(line, "\n"), ANSWER_MAX, &err);
    if (!then) fail_msg("%s", err.text);
    const char *path = tern_json_string(tern_json_member(then, "path"));
    assert_int_equal(tern_json_integer(tern_json_member(then, "daemon"), 0, SUITE_DAEMONS - 1, &daemon, &err), 0);
    suite_ask(&suite, (enum suite_daemon)daemon, "GET", path, "", "", &answer);
    struct cJSON *now = tern_json_parse(answer.body, answer.length, ANSWER_MAX, &err);
    if (!says_all(tern_json_member(then, "answer"), now)) fail_msg("%s\nis now\n%s", line, answer.text);
    tern_json_destroy(now);
    tern_json_destroy(then);
    raw_answer_fini(&answer);
}

static void answers_are_as_then(const char *version)
{
    static char line[ANSWER_MAX];
    char path[512];
    int lines = 0;
    (void)snprintf(path, sizeof path, "%s/tests/stores/%s/answers.jsonl", TERN_SOURCE_DIR, version);
    FILE *in = fopen(path, "re");
    assert_non_null(in);
    for (; fgets(line, sizeof line, in); lines++)
        ask_as_then(line);
    assert_true(lines > 0);
    (void)fclose(in);
}

static void retry_and_discard_the_parked_message(void)
{
    struct raw_answer answer;
    char event_id[TERN_UUID_SIZE], path[128];
    const char *bearer = suite_bearer(&suite, SUITE_ORDER);
    assert_true(find_parked(event_id));
    (void)snprintf(path, sizeof path, "/admin/parked/%s/retry", event_id);
    suite_ask(&suite, SUITE_ORDER, "POST", path, bearer, "", &answer);
    assert_int_equal(answer.status, 202);
    raw_answer_fini(&answer);
    suite_await_log(&suite, SUITE_ORDER, "ORD-NOBODYS, which was never placed here", 1);
    (void)snprintf(path, sizeof path, "/admin/parked/%s", event_id);
    suite_ask(&suite, SUITE_ORDER, "DELETE", path, bearer, "", &answer);
    assert_int_equal(answer.status, 204);
    raw_answer_fini(&answer);
}

/* Every step of the schemas that the daemons of now have. */
static void assert_newest_schema(enum suite_daemon daemon)
{
    const struct tern_migration *const own[SUITE_DAEMONS] = {order_migrations, payment_migrations, inventory_migrations,
                                                             notification_migrations};
    int64_t steps = 0;
    for (const struct tern_migration *step = tern_core_migrations; step->sql; step++)
        steps++;
    for (const struct tern_migration *step = own[daemon]; step->sql; step++)
        steps++;
    assert_int_equal(suite_store_number(&suite, daemon, "SELECT count(*) FROM schema_migration"), steps);
}

/* While it serves, and when it is stopped: what the older version wrote and what its log folds to are the same. The figures
 * of /stats, which the older version did not have, count its orders too. */
static void read_models_are_made_anew(const char *version)
{
    struct raw_answer answer;
    char command[512];
    suite_ask(&suite, SUITE_ORDER, "POST", "/admin/projections/rebuild", suite_bearer(&suite, SUITE_ORDER), "{}",
              &answer);
    assert_int_equal(answer.status, 202);
    raw_answer_fini(&answer);
    suite_await_log(&suite, SUITE_ORDER, "a projection was rebuilt", 2);
    answers_are_as_then(version);
    suite_await_answer(&suite, SUITE_ORDER, "/stats", 200, "\"behind\":0}");
    suite_await_answer(&suite, SUITE_ORDER, "/stats", 200,
                       "\"status\":\"READY_FOR_SHIPMENT\",\"currency\":\"USD\",\"orders\":4,");
    suite_signal(&suite, SUITE_ORDER, SIGTERM);
    assert_int_equal(suite_await_end(&suite, SUITE_ORDER, PATIENCE_S), 0);
    (void)snprintf(command, sizeof command,
                   "DATABASE_URL=sqlite:%s/order.db '%s/order-service' --rebuild-projections > %s/rebuilt",
                   suite.folder, TERN_BIN_DIR, suite.folder);
    assert_int_equal(system(command), 0);
    (void)snprintf(command, sizeof command,
                   "grep -Ec '^order(s|_stats): rebuilt from [0-9]+ events' %s/rebuilt >/dev/null", suite.folder);
    assert_int_equal(system(command), 0);
    suite_start(&suite, SUITE_ORDER, "ORDER_PLACED_VERSION=2.0");
    answers_are_as_then(version);
}

/* The newest version of an event, beside those of the older one in the same stores. */
static void the_newest_order_placed_goes_its_way(void)
{
    char order_id[TERN_ID_SIZE], path[128];
    suite_place(&suite, "tok_ok", "[{\"productId\":\"PROD-103\",\"quantity\":1,\"price\":7}]", order_id);
    suite_await_status(&suite, order_id, "READY_FOR_SHIPMENT");
    (void)snprintf(path, sizeof path, "/orders/%s/events?limit=1", order_id);
    suite_await_answer(&suite, SUITE_ORDER, path, 200, "\"unitPrice\":{\"amount\":7.00,\"currency\":\"USD\"}");
    (void)snprintf(path, sizeof path, "/orders/%s?version=1", order_id);
    suite_await_answer(&suite, SUITE_ORDER, path, 200, "\"quantity\":1,\"price\":7.00}");
}

/* Opens a version's stores on an empty broker: what was in its queues is gone, and must come from the stores. */
static void open_stores(const char *version)
{
    char command[1024], order_id[TERN_ID_SIZE];
    suite_open(&suite, settings);
    for (int daemon = 0; daemon < SUITE_DAEMONS; daemon++) {
        const char *name = suite_name((enum suite_daemon)daemon);
        (void)snprintf(command, sizeof command, "gzip -dc '%s/tests/stores/%s/%s.db.gz' > '%s/%s.db'", TERN_SOURCE_DIR,
                       version, name, suite.folder, name);
        assert_int_equal(system(command), 0);
    }
    suite_start_all(&suite);
    answers_are_as_then(version);
    suite_await_answer(&suite, SUITE_ORDER, "/orders?productId=PROD-103", 200, "\"customerId\":\"dora\"");
    suite_await_answer(&suite, SUITE_ORDER, "/orders?customerId=bert&status=PAYMENT_FAILED", 200, "\"bert\"");
    retry_and_discard_the_parked_message();
    for (size_t i = 0; i < ORDERS; i++) {
        place(&older_orders[i], true, order_id);
        suite_await_status(&suite, order_id, older_orders[i].final);
    }
    suite_place(&suite, "tok_ok", "[{\"productId\":\"PROD-102\",\"quantity\":1,\"price\":5}]", order_id);
    suite_await_status(&suite, order_id, "READY_FOR_SHIPMENT");
    suite_await_rest(&suite);
    answers_are_as_then(version);
    read_models_are_made_anew(version);
    the_newest_order_placed_goes_its_way();
    suite_await_rest(&suite);
    suite_check_books(&suite, ORDERS + 2, STOCK);
    for (int daemon = 0; daemon < SUITE_DAEMONS; daemon++) {
        assert_newest_schema((enum suite_daemon)daemon);
        assert_int_equal(
            suite_store_number(&suite, (enum suite_daemon)daemon,
                               "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),
            0);
    }
    suite_close(&suite);
}

static void stores_of_every_version_kept_here_open_and_go_on_where_they_were(void **state)
{
    int versions = 0;
    DIR *folder = opendir(TERN_SOURCE_DIR "/tests/stores");
    (void)state;
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
        open_stores(entry->d_name);
        versions++;
    }
    (void)closedir(folder);
    assert_true(versions > 0);
}

static const char *target;

static void make_stores(void **state)
{
    (void)state;
    assert_int_equal(make(target), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_of_every_version_kept_here_open_and_go_on_where_they_were),
    };
    const struct CMUnitTest making[] = {cmocka_unit_test(make_stores)};
    target = argc == 3 && strcmp(argv[1], "make") == 0 ? argv[2] : NULL;
    return target ? cmocka_run_group_tests_name("make", making, NULL, NULL)
                  : cmocka_run_group_tests_name("os", tests, NULL, NULL);
}
