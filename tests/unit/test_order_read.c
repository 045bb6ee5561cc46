/* test_order_read.c - questions about orders over HTTP: pages, the past, events, history, products. */
#include <stdio.h>
#include <string.h>

#include "order_api.h"
#include "wait_for.h"

/* Places an order, lets the clock move, and cancels it: OrderPlaced, OrderUpdated and OrderCancelled, versions 1 to 3. */
static void place_and_cancel(char order_id[TERN_ID_SIZE])
{
    char time[TERN_TIME_SIZE];
    struct raw_answer answer;
    int64_t created_ms;

    order_api_place(order_id);
    order_api_ask(&answer, "GET", order_api_path(order_id, ""), "", NULL);
    order_api_member(answer.body, "createdAt", time, sizeof time);
    raw_answer_fini(&answer);
    assert_int_equal(tern_time_parse(time, &created_ms, NULL), 0);
    while (tern_now(&tern_clock_system) <= created_ms) {
    }
    order_api_answers("POST", order_api_path(order_id, "/cancel"), "", "{\"reason\":\"too late\"}", 202, "CANCELLING");
}

/* ---- the past -------------------------------------------------------------------------------------------------- */

static void an_order_is_shown_as_it_was_at_a_version(void **state)
{
    char order_id[TERN_ID_SIZE];

    (void)state;
    place_and_cancel(order_id);
    order_api_answers("GET", order_api_path(order_id, "?version=1"), "", NULL, 200, "\"status\":\"CREATED\"");
    order_api_answers("GET", order_api_path(order_id, "?version=1"), "", NULL, 200, "ETag: \"1\"");
    order_api_answers("GET", order_api_path(order_id, "?version=3"), "", NULL, 200, "\"note\":\"too late\"");
    order_api_answers("GET", order_api_path(order_id, "?version=1"), "If-None-Match: \"1\"\r\n", NULL, 304, "ETag");
    order_api_answers("GET", order_api_path(order_id, "?version=4"), "", NULL, 404, "has the versions 1 to 3.");
    order_api_answers("GET", order_api_path(order_id, "?version=0"), "", NULL, 404, "has the versions 1 to 3.");
    order_api_answers("GET", "/orders/ORD-1?version=1", "", NULL, 404, "There is no order ORD-1.");
}

static void an_order_is_shown_as_it_was_at_a_time_and_not_before_its_birth(void **state)
{
    struct raw_answer answer;
    char order_id[TERN_ID_SIZE], created[TERN_TIME_SIZE], updated[TERN_TIME_SIZE], query[64];

    (void)state;
    place_and_cancel(order_id);
    order_api_ask(&answer, "GET", order_api_path(order_id, ""), "", NULL);
    order_api_member(answer.body, "createdAt", created, sizeof created);
    order_api_member(answer.body, "updatedAt", updated, sizeof updated);
    raw_answer_fini(&answer);
    (void)snprintf(query, sizeof query, "?at=%s", created);
    order_api_answers("GET", order_api_path(order_id, query), "", NULL, 200, "\"status\":\"CREATED\"");
    (void)snprintf(query, sizeof query, "?at=%s", updated);
    order_api_answers("GET", order_api_path(order_id, query), "", NULL, 200, "\"status\":\"CANCELLING\"");
    order_api_answers("GET", order_api_path(order_id, "?at=0s"), "", NULL, 200, "\"status\":\"CANCELLING\"");
    order_api_answers("GET", order_api_path(order_id, "?at=1h"), "", NULL, 404, created);
    order_api_answers("GET", order_api_path(order_id, "?at=2020-01-01T00:00:00Z"), "", NULL, 404, "was placed at");
}

static void a_question_about_the_past_that_means_nothing_is_refused_by_name(void **state)
{
    static const struct {
        const char *query, *sentence;
    } wrong[] = {
        {"?version=",                    "version must be a whole number."                        },
        {"?version=-1",                  "version must be a whole number."                        },
        {"?version=1.0",                 "version must be a whole number."                        },
        {"?version=9999999999999999999", "version must be a whole number."                        },
        {"?at=",                         "at must be a time like"                                 },
        {"?at=2026-11-30T10:00:00",      "at must be a time like"                                 },
        {"?at=yesterday",                "at must be a time like"                                 },
        {"?at=2026-02-30T10:00:00Z",     "at must be a time like"                                 },
        {"?at=9999-01-01T00:00:00Z",     "at must be a time that has passed: it is in the future."},
        {"?at=1h&version=1",             "at must be left out when version is given."             },
        {"?when=1h",                     "The query argument when is not known here."             },
        {"/events?after=x",              "after must be a whole number."                          },
        {"/events?limit=0",              "limit must be a whole number of 1 to 200."              },
        {"/events?limit=201",            "limit must be a whole number of 1 to 200."              },
        {"/history?version=1",           "The query argument version is not known here."          },
    };
    char order_id[TERN_ID_SIZE];

    (void)state;
    order_api_place(order_id);
    for (size_t i = 0; i < TERN_COUNT(wrong); i++)
        order_api_answers("GET", order_api_path(order_id, wrong[i].query), "", NULL, 400, wrong[i].sentence);
}

/* ---- figures --------------------------------------------------------------------------------------------------- */

static bool figures_are_current(void)
{
    struct tern_projection_progress progress;
    assert_true(tern_app_projection(order_api_app(), "order_stats", &progress));
    return progress.behind == 0;
}

static void stats_count_orders_and_value_by_status_and_day(void **state)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static const char zloty[] =
        "{\"customerId\":\"C\",\"currency\":\"PLN\",\"items\":[{\"productId\":\"P\",\"quantity\":2,"
        "\"price\":9.99}]}";
    struct raw_answer answer;
    char order_id[TERN_ID_SIZE], day[TERN_TIME_SIZE], expected[128];

    (void)state;
    tern_time_format(tern_now(&tern_clock_system), day);
    day[10] = '\0';
    order_api_answers("POST", "/orders", "", zloty, 201, "");
    order_api_ask(&answer, "POST", "/orders", "", zloty);
    order_api_member(answer.body, "orderId", order_id, sizeof order_id);
    raw_answer_fini(&answer);
    order_api_answers("POST", order_api_path(order_id, "/cancel"), "", NULL, 202, "CANCELLING");
    TEST_WAIT(&lock, figures_are_current());
    order_api_answers("GET", "/stats", "", NULL, 200,
                      "{\"status\":\"CANCELLING\",\"currency\":\"PLN\",\"orders\":1,\"value\":19.98}");
    order_api_answers("GET", "/stats?days=1", "", NULL, 200,
                      "{\"status\":\"CREATED\",\"currency\":\"PLN\",\"orders\":1,\"value\":19.98}");
    (void)snprintf(expected, sizeof expected, "{\"day\":\"%s\",\"currency\":\"PLN\",\"orders\":2,\"value\":39.96}",
                   day);
    order_api_answers("GET", "/stats", "", NULL, 200, expected);
    order_api_answers("GET", "/stats", "", NULL, 200, "\"money\":{\"total\":[],\"byDay\":[]},\"backlog\":");
    order_api_answers("GET", "/stats", "", NULL, 200, "\"behind\":0}");
    order_api_answers("GET", "/stats?days=0", "", NULL, 400, "days must be a whole number of 1 to 366.");
    order_api_answers("GET", "/stats?day=1", "", NULL, 400, "The query argument day is not known here.");
}

/* ---- schemas --------------------------------------------------------------------------------------------------- */

static void the_schema_of_each_event_and_version_can_be_had(void **state)
{
    (void)state;
    order_api_answers(
        "GET", "/schemas", "", NULL, 200,
        "{\"eventType\":\"OrderPlaced\",\"version\":\"2.0\",\"newest\":true,\"href\":\"/schemas/OrderPlaced/2.0\"},"
        "{\"eventType\":\"OrderPlaced\",\"version\":\"1.0\",\"newest\":false,");
    order_api_answers("GET", "/schemas/OrderPlaced/2.0", "", NULL, 200, "Content-Type: application/schema+json");
    order_api_answers("GET", "/schemas/OrderPlaced/1.0", "", NULL, 200, "\"title\":\t\"OrderPlaced 1.0\"");
    order_api_answers("GET", "/schemas/OrderPlaced/3.0", "", NULL, 404, "OrderPlaced has the schemas 2.0 and 1.0.");
    order_api_answers("GET", "/schemas/OrderShipped/1.0", "", NULL, 404, "There is no such event: see GET /schemas.");
    order_api_answers("GET", "/schemas?type=OrderPlaced", "", NULL, 400, "The query argument type is not known here.");
}

/* ---- events and history ---------------------------------------------------------------------------------------- */

static void events_come_in_pages_with_a_link_to_the_next(void **state)
{
    struct raw_answer answer;
    char order_id[TERN_ID_SIZE], link[160];

    (void)state;
    place_and_cancel(order_id);
    order_api_ask(&answer, "GET", order_api_path(order_id, "/events?limit=2"), "", NULL);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "\"OrderUpdated\""));
    assert_null(strstr(answer.body, "\"OrderCancelled\""));
    assert_non_null(strstr(answer.body, "],\"nextAfter\":2}"));
    (void)snprintf(link, sizeof link, "</orders/%s/events?after=2&limit=2>; rel=\"next\"", order_id);
    assert_string_equal(raw_answer_header(&answer, "Link"), link);
    raw_answer_fini(&answer);
    order_api_ask(&answer, "GET", order_api_path(order_id, "/events?after=2&limit=2"), "", NULL);
    assert_non_null(strstr(answer.body, "\"OrderCancelled\""));
    assert_null(strstr(answer.body, "\"OrderUpdated\""));
    assert_null(strstr(answer.body, "nextAfter"));
    assert_string_equal(raw_answer_header(&answer, "Link"), "");
    raw_answer_fini(&answer);
    order_api_answers("GET", order_api_path(order_id, "/events?after=3"), "", NULL, 200, "\"events\":[]}");
    order_api_answers("GET", "/orders/ORD-1/events?after=3", "", NULL, 404, "There is no order ORD-1.");
}

static void history_says_what_each_event_changed(void **state)
{
    struct raw_answer answer;
    char order_id[TERN_ID_SIZE];

    (void)state;
    place_and_cancel(order_id);
    order_api_ask(&answer, "GET", order_api_path(order_id, "/history"), "", NULL);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "\"history\":[{\"version\":1,\"at\":\""));
    assert_non_null(strstr(answer.body, "\"eventType\":\"OrderPlaced\",\"producer\":\"order-service\",\"changed\":{"));
    assert_non_null(strstr(answer.body, "\"totalAmount\":[null,19.98]"));
    assert_non_null(strstr(answer.body, "\"eventType\":\"OrderUpdated\",\"producer\":\"order-service\","
                                        "\"changed\":{\"status\":[\"CREATED\",\"CANCELLING\"]}}"));
    assert_non_null(strstr(answer.body, "\"changed\":{\"reason\":[null,\"CUSTOMER_REQUEST\"],"
                                        "\"note\":[null,\"too late\"]}}]}"));
    raw_answer_fini(&answer);
    order_api_answers("GET", "/orders/ORD-1/history", "", NULL, 404, "There is no order ORD-1.");
}

/* ---- lists ----------------------------------------------------------------------------------------------------- */

static void place_for(const char *customer, const char *product, char order_id[TERN_ID_SIZE])
{
    struct raw_answer answer;
    char body[160];

    (void)snprintf(body, sizeof body,
                   "{\"customerId\":\"%s\",\"items\":[{\"productId\":\"%s\",\"quantity\":2,\"price\":9.99}]}", customer,
                   product);
    order_api_ask(&answer, "POST", "/orders", "", body);
    assert_int_equal(answer.status, 201);
    order_api_member(answer.body, "orderId", order_id, TERN_ID_SIZE);
    raw_answer_fini(&answer);
}

static void the_link_of_a_page_leads_to_the_next_until_the_last(void **state)
{
    struct raw_answer answer;
    char ids[3][TERN_ID_SIZE], path[512];

    (void)state;
    for (size_t i = 0; i < TERN_COUNT(ids); i++)
        place_for("Pager", "PAGED", ids[i]);
    strcpy(path, "/orders?customerId=Pager&createdAfter=1h&limit=1");
    for (size_t i = TERN_COUNT(ids); i-- > 0;) {
        order_api_ask(&answer, "GET", path, "", NULL);
        assert_int_equal(answer.status, 200);
        assert_non_null(strstr(answer.body, ids[i]));
        const char *link = raw_answer_header(&answer, "Link");
        if (i == 0) {
            assert_string_equal(link, "");
            assert_non_null(strstr(answer.body, "],\"nextCursor\":null}"));
        } else {
            assert_non_null(strstr(link, ">; rel=\"next\""));
            (void)snprintf(path, sizeof path, "%.*s", (int)strcspn(link + 1, ">"), link + 1);
            place_for("Pager", "PAGED", (char[TERN_ID_SIZE]){0}); /* arrives meanwhile, and moves no page */
        }
        raw_answer_fini(&answer);
    }
}

static void orders_are_found_by_customer_product_status_and_what_they_wait_for(void **state)
{
    struct raw_answer answer;
    char order_id[TERN_ID_SIZE];

    (void)state;
    place_for("Finder", "FOUND", order_id);
    order_api_answers("GET", "/orders?productId=FOUND", "", NULL, 200, order_id);
    order_api_answers("GET", "/orders?customerId=Finder&productId=FOUND", "", NULL, 200, order_id);
    order_api_answers("GET", "/orders?customerId=Finder&productId=OTHER", "", NULL, 200, "\"orders\":[],");
    order_api_answers("GET", "/orders?customerId=Finder&waitingFor=payment", "", NULL, 200, order_id);
    order_api_answers("GET", "/orders?customerId=Finder&waitingFor=stock", "", NULL, 200, "\"orders\":[],");
    order_api_answers("POST", order_api_path(order_id, "/cancel"), "", "{}", 202, "CANCELLING");
    order_api_answers("GET", "/orders?status=CANCELLING", "", NULL, 200, order_id);
    order_api_answers("GET", "/orders?waitingFor=release&limit=200", "", NULL, 200, order_id);
    order_api_answers("GET", "/orders?waitingFor=refund&limit=200", "", NULL, 200, order_id);
    order_api_ask(&answer, "GET", "/orders?status=CREATED&customerId=Finder", "", NULL);
    assert_null(strstr(answer.body, order_id));
    raw_answer_fini(&answer);
    order_api_answers("GET", "/orders?customerId=Finder&createdBefore=1h", "", NULL, 200, "\"orders\":[],");
}

static void a_filter_or_cursor_that_means_nothing_is_refused_by_name(void **state)
{
    struct raw_answer answer;
    char cursor[128], path[256];

    (void)state;
    order_api_answers("GET", "/orders?status=paid", "", NULL, 400, "status must be CREATED, PAID,");
    order_api_answers("GET", "/orders?customerId=a%20b", "", NULL, 400, "customerId must be 1 to 64 characters");
    order_api_answers("GET", "/orders?productId=", "", NULL, 400, "productId must be 1 to 64 characters");
    order_api_answers("GET", "/orders?createdAfter=2026-11-30", "", NULL, 400, "createdAfter must be a time like");
    order_api_answers("GET", "/orders?createdBefore=9999-01-01T00:00:00Z", "", NULL, 400,
                      "createdBefore must be a time");
    order_api_answers("GET", "/orders?waitingFor=rain", "", NULL, 400, "waitingFor must be payment, stock, refund");
    order_api_answers("GET", "/orders?cursor=x", "", NULL, 400, "cursor must be one that an answer to the same");
    order_api_answers("GET", "/orders?cursor=", "", NULL, 400, "cursor must be");
    order_api_answers("GET", "/orders?Status=PAID", "", NULL, 400, "The query argument Status is not known here.");

    order_api_place((char[TERN_ID_SIZE]){0});
    order_api_place((char[TERN_ID_SIZE]){0});
    order_api_ask(&answer, "GET", "/orders?limit=1", "", NULL);
    order_api_member(answer.body, "nextCursor", cursor, sizeof cursor);
    raw_answer_fini(&answer);
    (void)snprintf(path, sizeof path, "/orders?limit=2&cursor=%s", cursor);
    order_api_answers("GET", path, "", NULL, 200, "{\"orders\":[{"); /* a page may have another size */
    (void)snprintf(path, sizeof path, "/orders?status=CREATED&cursor=%s", cursor);
    order_api_answers("GET", path, "", NULL, 400, "cursor must be one that an answer to the same query gave.");
    cursor[3] = cursor[3] == '0' ? '1' : '0';
    (void)snprintf(path, sizeof path, "/orders?cursor=%s", cursor);
    order_api_answers("GET", path, "", NULL, 400, "cursor must be one that an answer to the same query gave.");
}

static void products_are_a_list_that_can_be_empty(void **state)
{
    (void)state;
    order_api_answers("GET", "/products", "", NULL, 200, "{\"products\":[]}");
    order_api_answers("GET", "/products?limit=1", "", NULL, 400, "The query argument limit is not known here.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_is_shown_as_it_was_at_a_version),
        cmocka_unit_test(an_order_is_shown_as_it_was_at_a_time_and_not_before_its_birth),
        cmocka_unit_test(a_question_about_the_past_that_means_nothing_is_refused_by_name),
        cmocka_unit_test(stats_count_orders_and_value_by_status_and_day),
        cmocka_unit_test(the_schema_of_each_event_and_version_can_be_had),
        cmocka_unit_test(events_come_in_pages_with_a_link_to_the_next),
        cmocka_unit_test(history_says_what_each_event_changed),
        cmocka_unit_test(the_link_of_a_page_leads_to_the_next_until_the_last),
        cmocka_unit_test(orders_are_found_by_customer_product_status_and_what_they_wait_for),
        cmocka_unit_test(a_filter_or_cursor_that_means_nothing_is_refused_by_name),
        cmocka_unit_test(products_are_a_list_that_can_be_empty),
    };
    return cmocka_run_group_tests_name("order_read", tests, order_api_start, order_api_stop);
}
