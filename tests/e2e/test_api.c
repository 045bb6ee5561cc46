/* test_api.c - b: the real order-service's door, with nobody behind it: what it refuses, with which sentence, and
 * that nothing of what it refuses is stored; what it accepts once, however often it is asked. */
#include "suite.h"
#include "tern_test.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tern/base.h"

static struct suite suite;

static int open_suite(void **state)
{
    static const char *const settings[] = {"LOG_LEVEL=debug", NULL};
    (void)state;
    suite_open(&suite, settings);
    suite_start(&suite, SUITE_ORDER, NULL);
    suite_await_ready(&suite, SUITE_ORDER);
    suite_await_ready(&suite, SUITE_ORDER);
    return 0;
}

static int close_suite(void **state)
{
    (void)state;
    suite_close(&suite);
    return 0;
}

/* ---- asking ---- */

static void post(const char *headers, const char *body, struct raw_answer *answer)
{
    suite_ask(&suite, SUITE_ORDER, "POST", "/orders", headers, body, answer);
}

static void get(const char *path, const char *headers, struct raw_answer *answer)
{
    suite_ask(&suite, SUITE_ORDER, "GET", path, headers, "", answer);
}

static int64_t rows_of(const char *table)
{
    char sql[64];
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    return suite_store_number(&suite, SUITE_ORDER, sql);
}

/* Everything that an accepted order would have added to. */
static int64_t stored(void)
{
    return rows_of("orders") + rows_of("event_log") + rows_of("idempotent_answers");
}

/* A problem of this status that says in a sentence what is wrong, and where when `pointer` is given. */
static void expect_problem(struct raw_answer *answer, int status, const char *pointer, const char *about)
{
    char wanted[96], text[256];
    if (answer->status != status)
        fail_msg("%s: answered %d instead of %d: %s", about, answer->status, status, answer->body);
    if (strncmp(raw_answer_header(answer, "Content-Type"), "application/problem+json", 24) != 0)
        fail_msg("%s: the answer is no problem+json", about);
    (void)snprintf(wanted, sizeof wanted, "\"status\":%d,", status);
    suite_member(answer->body, "detail", text, sizeof text);
    if (!strstr(answer->body, wanted) || strlen(text) < 10) fail_msg("%s: says too little: %s", about, answer->body);
    suite_member(answer->body, "title", text, sizeof text);
    (void)snprintf(wanted, sizeof wanted, "\"error\":\"%.64s\"", text);
    if (!text[0] || !strstr(answer->body, wanted)) fail_msg("%s: error is not the title: %s", about, answer->body);
    (void)snprintf(wanted, sizeof wanted, "{\"pointer\":\"%s\",\"detail\":\"", pointer ? pointer : "");
    if (pointer && !strstr(answer->body, wanted)) fail_msg("%s: no fault at %s in %s", about, pointer, answer->body);
    raw_answer_fini(answer);
}

/* ---- bodies ---- */

#define LINE          "{\"productId\":\"P-1\",\"quantity\":1,\"price\":1.00}"
#define ORDER_OF(...) "{\"customerId\":\"c-1\",\"items\":[" __VA_ARGS__ "]}"
#define GOOD          ORDER_OF(LINE)
#define WITH(member)  "{\"customerId\":\"c-1\",\"items\":[" LINE "]," member "}"
#define PRICE(text)   ORDER_OF("{\"productId\":\"P-1\",\"quantity\":1,\"price\":" text "}")
#define COUNT(text)   ORDER_OF("{\"productId\":\"P-1\",\"quantity\":" text ",\"price\":1}")
#define PRODUCT(text) ORDER_OF("{\"productId\":" text ",\"quantity\":1,\"price\":1}")
#define TEN           "0123456789"
#define SIXTY_FIVE    TEN TEN TEN TEN TEN TEN "01234"

static const char *const no_json[] = {
    "{",
    "}",
    "]",
    "nonsense",
    "{}{}",
    "{} x",
    GOOD GOOD,
    GOOD ",",
    "{\"customerId\":\"c-1\",\"items\":[" LINE "]",
    "{\"customerId\":\"c-1\",\"items\":[" LINE "",
    "{\"customerId\":\"c-1\",\"items\":[" LINE ",]}",
    "{\"customerId\":\"c-1\",\"items\":[" LINE "],}",
    "{'customerId':'c-1','items':[" LINE "]}",
    "{customerId:\"c-1\",\"items\":[" LINE "]}",
    "{\"customerId\" \"c-1\",\"items\":[" LINE "]}",
    "{\"customerId\":\"c-1\" \"items\":[" LINE "]}",
    "/* hello */" GOOD,
    GOOD " // hello",
    "\xef\xbb\xbf" GOOD,
    "\f" GOOD,
    "{\"customerId\":\"c-1\",\"customerId\":\"c-2\",\"items\":[" LINE "]}",
    ORDER_OF("{\"productId\":\"P-1\",\"quantity\":1,\"quantity\":2,\"price\":1}"),
    "{\"customerId\":\"c-1,\"items\":[" LINE "]}",
    "{\"customerId\":\"c\\x31\",\"items\":[" LINE "]}",
    "{\"customerId\":\"c\\u00zz\",\"items\":[" LINE "]}",
    "{\"customerId\":\"c\\u0000\",\"items\":[" LINE "]}",
    "{\"customerId\":\"c\\ud800\",\"items\":[" LINE "]}",
    "{\"customerId\":\"c\\udc00\\ud800\",\"items\":[" LINE "]}",
    "{\"customerId\":\"c\t1\",\"items\":[" LINE "]}",
    "{\"customerId\":\"c\n1\",\"items\":[" LINE "]}",
    "{\"customerId\":\"c\xff\",\"items\":[" LINE "]}",
    "{\"customerId\":\"c\xc0\xaf\",\"items\":[" LINE "]}",
    "{\"customerId\":\"c\xed\xa0\x80\",\"items\":[" LINE "]}",
    "{\"customerId\":\"c\xf4\x90\x80\x80\",\"items\":[" LINE "]}",
    PRICE("01"),
    PRICE("1."),
    PRICE(".5"),
    PRICE("+1"),
    PRICE("-"),
    PRICE("1e"),
    PRICE("0x10"),
    PRICE("NaN"),
    PRICE("Infinity"),
    PRICE("-Infinity"),
    PRICE("1,5"),
    PRICE("True"),
    WITH("\"deep\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
};

struct wrong {
    const char *body, *pointer;
};

static const struct wrong wrong_content[] = {
    {"[]",                                                                          "#"                     },
    {"null",                                                                        "#"                     },
    {"42",                                                                          "#"                     },
    {"\"order\"",                                                                   "#"                     },
    {"{}",                                                                          "#/customerId"          },
    {"{}",                                                                          "#/items"               },
    {"{\"items\":[" LINE "]}",                                                      "#/customerId"          },
    {"{\"customerId\":\"c-1\"}",                                                    "#/items"               },
    {"{\"customerId\":42,\"items\":[" LINE "]}",                                    "#/customerId"          },
    {"{\"customerId\":null,\"items\":[" LINE "]}",                                  "#/customerId"          },
    {"{\"customerId\":\"\",\"items\":[" LINE "]}",                                  "#/customerId"          },
    {"{\"customerId\":\"a b\",\"items\":[" LINE "]}",                               "#/customerId"          },
    {"{\"customerId\":\"a/b\",\"items\":[" LINE "]}",                               "#/customerId"          },
    {"{\"customerId\":\"\xc3\xa4\",\"items\":[" LINE "]}",                          "#/customerId"          },
    {"{\"customerId\":\"" SIXTY_FIVE "\",\"items\":[" LINE "]}",                    "#/customerId"          },
    {"{\"CustomerId\":\"c-1\",\"items\":[" LINE "]}",                               "#/CustomerId"          },
    {"{\"customerId\":\"c-1\",\"items\":{}}",                                       "#/items"               },
    {"{\"customerId\":\"c-1\",\"items\":\"all\"}",                                  "#/items"               },
    {"{\"customerId\":\"c-1\",\"items\":null}",                                     "#/items"               },
    {ORDER_OF(""),                                                                  "#/items"               },
    {ORDER_OF("1"),                                                                 "#/items/0"             },
    {ORDER_OF(LINE ",null"),                                                        "#/items/1"             },
    {ORDER_OF(LINE ",[]"),                                                          "#/items/1"             },
    {ORDER_OF("{}"),                                                                "#/items/0/productId"   },
    {ORDER_OF("{}"),                                                                "#/items/0/quantity"    },
    {ORDER_OF("{}"),                                                                "#/items/0/price"       },
    {ORDER_OF("{\"productId\":\"P-1\",\"quantity\":1,\"price\":1,\"discount\":9}"), "#/items/0/discount"    },
    {PRODUCT("7"),                                                                  "#/items/0/productId"   },
    {PRODUCT("\"\""),                                                               "#/items/0/productId"   },
    {PRODUCT("\"P 1\""),                                                            "#/items/0/productId"   },
    {PRODUCT("\"P;DROP\""),                                                         "#/items/0/productId"   },
    {PRODUCT("\"" SIXTY_FIVE "\""),                                                 "#/items/0/productId"   },
    {COUNT("0"),                                                                    "#/items/0/quantity"    },
    {COUNT("-1"),                                                                   "#/items/0/quantity"    },
    {COUNT("10001"),                                                                "#/items/0/quantity"    },
    {COUNT("1.5"),                                                                  "#/items/0/quantity"    },
    {COUNT("9223372036854775807"),                                                  "#/items/0/quantity"    },
    {COUNT("9223372036854775808"),                                                  "#/items/0/quantity"    },
    {COUNT("1e2"),                                                                  "#/items/0/quantity"    },
    {COUNT("2147483649"),                                                           "#/items/0/quantity"    },
    {COUNT("\"1\""),                                                                "#/items/0/quantity"    },
    {COUNT("true"),                                                                 "#/items/0/quantity"    },
    {COUNT("null"),                                                                 "#/items/0/quantity"    },
    {COUNT("[1]"),                                                                  "#/items/0/quantity"    },
    {PRICE("-0.01"),                                                                "#/items/0/price"       },
    {PRICE("1.001"),                                                                "#/items/0/price"       },
    {PRICE("0.999"),                                                                "#/items/0/price"       },
    {PRICE("1000000.01"),                                                           "#/items/0/price"       },
    {PRICE("1e2"),                                                                  "#/items/0/price"       },
    {PRICE("1.5E+400"),                                                             "#/items/0/price"       },
    {PRICE("99999999999999999999999999"),                                           "#/items/0/price"       },
    {PRICE("92233720368547758.08"),                                                 "#/items/0/price"       },
    {PRICE("\"1.00\""),                                                             "#/items/0/price"       },
    {PRICE("null"),                                                                 "#/items/0/price"       },
    {WITH("\"coupon\":\"X\""),                                                      "#/coupon"              },
    {WITH("\"orderId\":\"ORD-1\""),                                                 "#/orderId"             },
    {WITH("\"a/b~c\":1"),                                                           "#/a~1b~0c"             },
    {WITH("\"status\":\"PAID\""),                                                   "#/status"              },
    {WITH("\"totalAmount\":0"),                                                     "#/totalAmount"         },
    {WITH("\"currency\":\"usd\""),                                                  "#/currency"            },
    {WITH("\"currency\":\"EURO\""),                                                 "#/currency"            },
    {WITH("\"currency\":\"U5D\""),                                                  "#/currency"            },
    {WITH("\"currency\":978"),                                                      "#/currency"            },
    {WITH("\"currency\":\"XXX\""),                                                  "#/currency"            },
    {WITH("\"currency\":\"JPY\""),                                                  "#/currency"            },
    {WITH("\"currency\":\"KWD\""),                                                  "#/currency"            },
    {WITH("\"currency\":\"ABC\""),                                                  "#/currency"            },
    {WITH("\"paymentToken\":\"4111 1111-1111 1111\""),                              "#/paymentToken"        },
    {WITH("\"paymentToken\":\"4111.1111.1111.1111\""),                              "#/paymentToken"        },
    {"{\"customerId\":\"4111111111111111\",\"items\":[" LINE "]}",                  "#/customerId"          },
    {WITH("\"customer\":\"Ann\""),                                                  "#/customer"            },
    {WITH("\"customer\":{\"email\":\"nobody\"}"),                                   "#/customer/email"      },
    {WITH("\"customer\":{\"email\":\"a@b\\r\\nBcc: c@d\"}"),                        "#/customer/email"      },
    {WITH("\"customer\":{\"email\":\"a@b@c\"}"),                                    "#/customer/email"      },
    {WITH("\"customer\":{\"email\":\"a@b,c@d\"}"),                                  "#/customer/email"      },
    {WITH("\"customer\":{\"email\":\"a@b,c\"}"),                                    "#/customer/email"      },
    {WITH("\"customer\":{\"email\":\"<a@b>\"}"),                                    "#/customer/email"      },
    {WITH("\"customer\":{\"phone\":12}"),                                           "#/customer/phone"      },
    {WITH("\"customer\":{\"age\":12}"),                                             "#/customer/age"        },
    {WITH("\"shippingAddress\":{\"city\":\"" SIXTY_FIVE "\"}"),                     "#/shippingAddress/city"},
    {WITH("\"shippingAddress\":[]"),                                                "#/shippingAddress"     },
    {WITH("\"paymentToken\":\"" SIXTY_FIVE SIXTY_FIVE "\""),                        "#/paymentToken"        },
};

static void test_broken_json(void **state)
{
    int64_t before = stored();
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(no_json); i++) {
        struct raw_answer answer;
        post("", no_json[i], &answer);
        if (!strstr(answer.body, "\"title\":\"Malformed JSON\"")) fail_msg("%s: %s", no_json[i], answer.body);
        expect_problem(&answer, 400, NULL, no_json[i]);
    }
    assert_int_equal(stored(), before);
}

static void test_wrong_content(void **state)
{
    int64_t before = stored();
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(wrong_content); i++) {
        struct raw_answer answer;
        post("", wrong_content[i].body, &answer);
        expect_problem(&answer, 400, wrong_content[i].pointer, wrong_content[i].body);
    }
    assert_int_equal(stored(), before);
}

/* An order of so many lines, each of the dearest kind. */
static void write_lines(char *body, size_t size, int lines)
{
    int length = snprintf(body, size, "{\"customerId\":\"c-1\",\"items\":[");
    for (int i = 0; i < lines; i++)
        length += snprintf(body + length, size - (size_t)length,
                           "%s{\"productId\":\"P-%d\",\"quantity\":10000,\"price\":1000000.00}", i ? "," : "", i);
    (void)snprintf(body + length, size - (size_t)length, "]}");
}

static void test_lines(void **state)
{
    static char body[16384];
    struct raw_answer answer;
    int64_t before = stored();
    char total[64];
    (void)state;
    write_lines(body, sizeof body, 101);
    post("", body, &answer);
    expect_problem(&answer, 400, "#/items", "101 lines");
    assert_int_equal(stored(), before);
    write_lines(body, sizeof body, 100);
    post("", body, &answer);
    assert_int_equal(answer.status, 201);
    suite_member(answer.body, "totalAmount", total, sizeof total);
    assert_string_equal(total, "1000000000000.00");
    raw_answer_fini(&answer);
}

/* ---- heads ---- */

#define POST_HEAD(lines) "POST /orders HTTP/1.1\r\nHost: localhost\r\n" lines "\r\n"
#define JSON_HEAD(lines) POST_HEAD("Content-Type: application/json\r\n" lines)

struct head {
    int status;
    const char *says, *text;
};

static const struct head heads[] = {
    {400, "an empty body",                        JSON_HEAD("Content-Length: 0\r\n")                                                        },
    {411, "no body at all",                       JSON_HEAD("")                                                                             },
    {415, "no content type",                      POST_HEAD("Content-Length: 2\r\n") "{}"                                                   },
    {415, "text",                                 POST_HEAD("Content-Type: text/plain\r\nContent-Length: 2\r\n") "{}"                       },
    {415, "a form",                               POST_HEAD("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n") "{}"},
    {415, "another charset",                      POST_HEAD("Content-Type: application/json; charset=latin1\r\nContent-Length: 2\r\n") "{}" },
    {415, "a compressed body",                    JSON_HEAD("Content-Encoding: gzip\r\nContent-Length: 2\r\n") "{}"                         },
    {413, "a body said to be huge",               JSON_HEAD("Content-Length: 99999999999\r\n")                                              },
    {400, "two Content-Lengths",                  JSON_HEAD("Content-Length: 2\r\nContent-Length: 3\r\n") "{}"                              },
    {400, "the same Content-Length twice",        JSON_HEAD("Content-Length: 2\r\nContent-Length: 2\r\n") "{}"                              },
    {400, "Content-Length and Transfer-Encoding",
     JSON_HEAD("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n") "2\r\n{}\r\n0\r\n\r\n"                                                },
    {400, "an unknown Transfer-Encoding",         JSON_HEAD("Transfer-Encoding: xchunked\r\n") "2\r\n{}\r\n0\r\n\r\n"                       },
    {400, "two Hosts",                            JSON_HEAD("Host: elsewhere\r\nContent-Length: 2\r\n") "{}"                                },
    {400, "no Host",                              "GET /orders HTTP/1.1\r\n\r\n"                                                            },
    {400, "a NUL in the path",                    "GET /orders/ORD-1%00 HTTP/1.1\r\nHost: localhost\r\n\r\n"                                },
    {400, "a broken escape in the path",          "GET /orders/ORD-%zz HTTP/1.1\r\nHost: localhost\r\n\r\n"                                 },
    {400, "a path that climbs",                   "GET /orders/../livez HTTP/1.1\r\nHost: localhost\r\n\r\n"                                },
    {400, "a blank before the colon",             "GET /orders HTTP/1.1\r\nHost: localhost\r\nX-Thing : 1\r\n\r\n"                          },
    {400, "a folded header",                      "GET /orders HTTP/1.1\r\nHost: localhost\r\nX-Thing: 1\r\n 2\r\n\r\n"                     },
    {400, "an unknown query",                     "GET /orders?colour=red HTTP/1.1\r\nHost: localhost\r\n\r\n"                              },
    {400, "a limit of none",                      "GET /orders?limit=0 HTTP/1.1\r\nHost: localhost\r\n\r\n"                                 },
    {400, "a limit that is too high",             "GET /orders?limit=201 HTTP/1.1\r\nHost: localhost\r\n\r\n"                               },
    {400, "a limit below zero",                   "GET /orders?limit=-1 HTTP/1.1\r\nHost: localhost\r\n\r\n"                                },
    {400, "a limit that is no number",            "GET /orders?limit=2x HTTP/1.1\r\nHost: localhost\r\n\r\n"                                },
    {404, "an unknown order",                     "GET /orders/ORD-UNKNOWN HTTP/1.1\r\nHost: localhost\r\n\r\n"                             },
    {404, "the events of an unknown order",       "GET /orders/ORD-UNKNOWN/events HTTP/1.1\r\nHost: localhost\r\n\r\n"                      },
    {404, "a cancel of an unknown order",         "POST /orders/ORD-UNKNOWN/cancel HTTP/1.1\r\nHost: localhost\r\n\r\n"                     },
    {400, "an order of another alphabet",         "GET /orders/%C3%A4 HTTP/1.1\r\nHost: localhost\r\n\r\n"                                  },
    {404, "an id that no order has",              "GET /orders/ORD%201 HTTP/1.1\r\nHost: localhost\r\n\r\n"                                 },
    {404, "an unknown path",                      "GET /order HTTP/1.1\r\nHost: localhost\r\n\r\n"                                          },
    {405, "an order deleted",                     "DELETE /orders/ORD-1 HTTP/1.1\r\nHost: localhost\r\n\r\n"                                },
    {405, "all orders replaced",                  "PUT /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"                    },
    {405, "a cancel that is read",                "GET /orders/ORD-1/cancel HTTP/1.1\r\nHost: localhost\r\n\r\n"                            },
};

static void test_heads(void **state)
{
    int64_t before = stored();
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(heads); i++) {
        struct raw_answer answer;
        raw_http_ask(suite.port[SUITE_ORDER], heads[i].text, &answer);
        expect_problem(&answer, heads[i].status, NULL, heads[i].says);
    }
    assert_int_equal(stored(), before);
}

/* libmicrohttpd itself answers these, with a page of its own. */
static void test_heads_below_us(void **state)
{
    static const char *const lists[] = {JSON_HEAD("Content-Length: 2, 2\r\n") "{}", JSON_HEAD("Content-Length: -2\r\n"),
                                        JSON_HEAD("Content-Length: two\r\n")};
    int64_t before = stored();
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(lists); i++) {
        struct raw_answer answer;
        raw_http_ask(suite.port[SUITE_ORDER], lists[i], &answer);
        assert_int_equal(answer.status, 400);
        raw_answer_fini(&answer);
    }
    assert_int_equal(stored(), before);
}

static void test_large_body(void **state)
{
    static char body[65 * 1024 + 1];
    struct raw_answer answer;
    int64_t before = stored();
    (void)state;
    memset(body, ' ', sizeof body - 1);
    memcpy(body, GOOD, strlen(GOOD));
    post("", body, &answer);
    expect_problem(&answer, 413, NULL, "65 KiB");
    assert_int_equal(stored(), before);
    body[64 * 1024] = '\0';
    post("", body, &answer);
    assert_int_equal(answer.status, 201);
    raw_answer_fini(&answer);
}

static void test_allow(void **state)
{
    struct raw_answer answer;
    (void)state;
    suite_ask(&suite, SUITE_ORDER, "DELETE", "/orders", "", "", &answer);
    const char *allow = raw_answer_header(&answer, "Allow");
    assert_non_null(strstr(allow, "GET"));
    assert_non_null(strstr(allow, "HEAD"));
    assert_non_null(strstr(allow, "POST"));
    assert_null(strstr(allow, "DELETE"));
    expect_problem(&answer, 405, NULL, "DELETE /orders");
}

static void test_bad_headers(void **state)
{
    static char long_key[300] = "Idempotency-Key: ";
    static const char *const bad[] = {
        "Idempotency-Key: \r\n",
        "Idempotency-Key: \"\"\r\n",
        "Idempotency-Key: \"half\r\n",
        "Idempotency-Key: half\"\r\n",
        "Idempotency-Key: two words\r\n",
        "Idempotency-Key: \"two words\"\r\n",
        "Idempotency-Key: caf\xc3\xa9\r\n",
        "Idempotency-Key: one\r\nIdempotency-Key: two\r\n",
        long_key,
    };
    int64_t before = stored();
    (void)state;
    memset(long_key + strlen("Idempotency-Key: "), 'k', 256);
    (void)strcpy(long_key + strlen("Idempotency-Key: ") + 256, "\r\n");
    for (size_t i = 0; i < TERN_COUNT(bad); i++) {
        struct raw_answer answer;
        post(bad[i], GOOD, &answer);
        expect_problem(&answer, 400, NULL, bad[i]);
    }
    assert_int_equal(stored(), before);
}

/* ---- one key, one order ---- */

/* Posts; the order's id goes to `id` (may be NULL). */
static void post_good(const char *headers, const char *body, bool replayed, char *text, size_t size)
{
    struct raw_answer answer;
    post(headers, body, &answer);
    if (answer.status != 201) fail_msg("answered %d: %s", answer.status, answer.body);
    assert_string_equal(raw_answer_header(&answer, "Idempotency-Replayed"), replayed ? "true" : "");
    assert_non_null(strstr(raw_answer_header(&answer, "Location"), "/orders/ORD-"));
    assert_string_equal(raw_answer_header(&answer, "ETag"), "\"1\"");
    (void)snprintf(text, size, "%s", answer.body);
    raw_answer_fini(&answer);
}

static void test_key(void **state)
{
    char first[512], again[512];
    struct raw_answer answer;
    (void)state;
    post("Idempotency-Key: key-1\r\n", "{}", &answer);
    expect_problem(&answer, 400, "#/items", "a bad body uses up no key");
    post_good("Idempotency-Key: key-1\r\n", GOOD, false, first, sizeof first);
    int64_t before = stored();
    post_good("Idempotency-Key: key-1\r\n", GOOD, true, again, sizeof again);
    assert_string_equal(first, again);
    post_good("Idempotency-Key: \"key-1\"\r\n", GOOD, true, again, sizeof again);
    assert_string_equal(first, again);
    post_good("Idempotency-Key: key-1\r\n", " {\"items\" : [ " LINE " ] , \"customerId\" : \"c-1\"} ", true, again,
              sizeof again);
    assert_string_equal(first, again);
    post("Idempotency-Key: key-1\r\n", COUNT("2"), &answer);
    expect_problem(&answer, 422, NULL, "another body");
    assert_int_equal(stored(), before);
    post_good("Idempotency-Key: KEY-1\r\n", GOOD, false, again, sizeof again);
    assert_string_not_equal(first, again);
}

static void test_key_after_kill(void **state)
{
    char first[512], again[512];
    (void)state;
    post_good("Idempotency-Key: \"quoted-\\\"key\\\"\"\r\n", GOOD, false, first, sizeof first);
    suite_signal(&suite, SUITE_ORDER, SIGKILL);
    assert_int_equal(suite_await_end(&suite, SUITE_ORDER, 30), 128 + SIGKILL);
    suite_start(&suite, SUITE_ORDER, NULL);
    suite_await_ready(&suite, SUITE_ORDER);
    post_good("Idempotency-Key: \"quoted-\\\"key\\\"\"\r\n", GOOD, true, again, sizeof again);
    assert_string_equal(first, again);
}

enum { AT_ONCE = 50 };

static void *post_shared(void *argument)
{
    struct raw_answer *answer = argument;
    post("Idempotency-Key: shared\r\n", GOOD, answer);
    return NULL;
}

static void test_key_in_parallel(void **state)
{
    static struct raw_answer answers[AT_ONCE];
    pthread_t threads[AT_ONCE];
    int64_t before = rows_of("orders");
    int fresh = 0;
    (void)state;
    for (int i = 0; i < AT_ONCE; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_shared, &answers[i]), 0);
    for (int i = 0; i < AT_ONCE; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < AT_ONCE; i++) {
        assert_int_equal(answers[i].status, 201);
        assert_string_equal(answers[i].body, answers[0].body);
        fresh += raw_answer_header(&answers[i], "Idempotency-Replayed")[0] == '\0';
    }
    for (int i = 0; i < AT_ONCE; i++)
        raw_answer_fini(&answers[i]);
    assert_int_equal(fresh, 1);
    assert_int_equal(rows_of("orders"), before + 1);
}

/* ---- reading ---- */

static void place_one(const char *headers, char id[64])
{
    char text[512];
    post_good(headers, GOOD, false, text, sizeof text);
    suite_member(text, "orderId", id, 64);
}

static void test_correlation(void **state)
{
    char id[64], path[96], seen[64];
    struct raw_answer answer;
    (void)state;
    place_one("X-Correlation-Id: 6B3A0D2E-5F43-4C0E-8F0B-3F6F1B1F0001\r\n", id);
    (void)snprintf(path, sizeof path, "/orders/%s", id);
    get(path, "", &answer);
    suite_member(answer.body, "correlationId", seen, sizeof seen);
    assert_string_equal(seen, "6b3a0d2e-5f43-4c0e-8f0b-3f6f1b1f0001");
    raw_answer_fini(&answer);
}

/* The correlation id of an order that is placed with this header. */
static void correlate(const char *header, char seen[64])
{
    char text[512];
    post_good(header, GOOD, false, text, sizeof text);
    suite_member(text, "correlationId", seen, 64);
}

static void test_correlation_by_name(void **state)
{
    char first[64], second[64], other[64], made[64], again[64];
    (void)state;
    correlate("X-Correlation-Id: shop/basket 42\r\n", first);
    correlate("X-Correlation-Id: shop/basket 42\r\n", second);
    correlate("X-Correlation-Id: 6b3a0d2e-5f43-4c0e-8f0b-3f6f1b1f000g\r\n", other);
    correlate("X-Correlation-Id: \r\n", made);
    correlate("", again);
    assert_string_equal(first, "d0e32b8f-c274-52ec-81e3-04a15922011c");
    assert_string_equal(second, first);
    assert_string_not_equal(other, first);
    assert_int_equal(other[14], '5');
    assert_int_equal(made[14], '7');
    assert_string_not_equal(made, again);
}

static void expect_read(const char *path, const char *headers, int status, const char *etag)
{
    struct raw_answer answer;
    get(path, headers, &answer);
    assert_int_equal(answer.status, status);
    assert_string_equal(raw_answer_header(&answer, "ETag"), etag);
    assert_true(status != 304 || answer.length == 0);
    raw_answer_fini(&answer);
}

static void expect_cancel(const char *path, const char *headers, int status, const char *etag)
{
    struct raw_answer answer;
    suite_ask(&suite, SUITE_ORDER, "POST", path, headers, "", &answer);
    assert_int_equal(answer.status, status);
    assert_string_equal(raw_answer_header(&answer, "ETag"), etag);
    raw_answer_fini(&answer);
}

static void test_etags(void **state)
{
    char id[64], path[96], cancel[96];
    (void)state;
    place_one("", id);
    (void)snprintf(path, sizeof path, "/orders/%s", id);
    (void)snprintf(cancel, sizeof cancel, "/orders/%s/cancel", id);
    expect_read(path, "", 200, "\"1\"");
    expect_read(path, "If-None-Match: \"1\"\r\n", 304, "\"1\"");
    expect_read(path, "If-None-Match: W/\"1\"\r\n", 304, "\"1\"");
    expect_read(path, "If-None-Match: \"7\", \"1\"\r\n", 304, "\"1\"");
    expect_read(path, "If-None-Match: *\r\n", 304, "\"1\"");
    expect_read(path, "If-None-Match: \"2\"\r\n", 200, "\"1\"");
    expect_cancel(cancel, "If-Match: \"2\"\r\n", 412, "\"1\"");
    expect_cancel(cancel, "If-Match: W/\"1\"\r\n", 412, "\"1\"");
    expect_read(path, "", 200, "\"1\"");
    expect_cancel(cancel, "If-Match: \"1\"\r\n", 202, "\"3\""); /* OrderUpdated, OrderCancelled */
    expect_read(path, "If-None-Match: \"1\"\r\n", 200, "\"3\"");
}

static void test_head(void **state)
{
    char id[64], text[256], length[32];
    struct raw_answer answer;
    (void)state;
    place_one("", id);
    (void)snprintf(text, sizeof text, "/orders/%s", id);
    get(text, "", &answer);
    (void)snprintf(length, sizeof length, "%s", raw_answer_header(&answer, "Content-Length"));
    raw_answer_fini(&answer);
    (void)snprintf(text, sizeof text, "HEAD /orders/%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", id);
    int fd = raw_http_open(suite.port[SUITE_ORDER]);
    assert_true(raw_http_send_text(fd, text));
    raw_http_read(fd, true, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(raw_answer_header(&answer, "Content-Length"), length);
    assert_string_equal(raw_answer_header(&answer, "ETag"), "\"1\"");
    assert_true(read(fd, text, sizeof text) == 0);
    close(fd);
    raw_answer_fini(&answer);
}

static void test_list(void **state)
{
    char older[64], newer[64];
    struct raw_answer answer;
    (void)state;
    place_one("", older);
    place_one("", newer);
    get("/orders?limit=2", "", &answer);
    assert_int_equal(answer.status, 200);
    const char *first = strstr(answer.body, newer), *second = strstr(answer.body, older);
    assert_true(first != NULL && second != NULL && first < second);
    raw_answer_fini(&answer);
    get("/orders?limit=1", "", &answer);
    assert_non_null(strstr(answer.body, newer));
    assert_null(strstr(answer.body, older));
    raw_answer_fini(&answer);
}

static void test_chunks(void **state)
{
    struct raw_answer answer;
    char text[512];
    (void)state;
    (void)snprintf(text, sizeof text,
                   JSON_HEAD("Connection: close\r\nTransfer-Encoding: chunked\r\n") "%zx\r\n%s\r\n0\r\n\r\n",
                   strlen(GOOD), GOOD);
    raw_http_ask(suite.port[SUITE_ORDER], text, &answer);
    assert_int_equal(answer.status, 201);
    raw_answer_fini(&answer);
}

/* ---- who may change the stock ---- */

static void put_stock(const char *headers, int status)
{
    struct raw_answer answer;
    suite_ask(&suite, SUITE_INVENTORY, "PUT", "/inventory/PROD-900", headers, "{\"quantity\":3}", &answer);
    if (status < 400)
        assert_int_equal(answer.status, status);
    else
        expect_problem(&answer, status, NULL, headers);
    raw_answer_fini(&answer);
}

static void restart_inventory(const char *extra)
{
    if (suite.pid[SUITE_INVENTORY]) {
        suite_signal(&suite, SUITE_INVENTORY, SIGTERM);
        assert_int_equal(suite_await_end(&suite, SUITE_INVENTORY, 30), 0);
    }
    suite_start(&suite, SUITE_INVENTORY, extra);
    suite_await_ready(&suite, SUITE_INVENTORY);
}

static void test_admin(void **state)
{
    static const char sql[] = "SELECT count(*) FROM product WHERE product_id = 'PROD-900'";
    struct raw_answer answer;
    (void)state;
    restart_inventory("ADMIN_TOKEN=the-token-of-the-test");
    put_stock("", 401);
    put_stock("Authorization: Bearer wrong\r\n", 401);
    put_stock("Authorization: Bearer the-token-of-the-tes\r\n", 401);
    put_stock("Authorization: Basic dGhlLXRva2VuLW9mLXRoZS10ZXN0\r\n", 401);
    assert_int_equal(suite_store_number(&suite, SUITE_INVENTORY, sql), 0);
    put_stock("Authorization: Bearer the-token-of-the-test\r\n", 201);
    assert_int_equal(suite_log_lines(&suite, SUITE_INVENTORY, "the-token-of-the-test"), 0);
    suite_ask(&suite, SUITE_INVENTORY, "GET", "/inventory/PROD-900", "", "", &answer);
    assert_int_equal(answer.status, 200);
    raw_answer_fini(&answer);
}

static const char *token_path(void)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/inventory.db.token", suite.folder);
    return path;
}

static void expect_admin(const char *headers, int status)
{
    struct raw_answer answer;
    suite_ask(&suite, SUITE_INVENTORY, "GET", "/admin/parked", headers, "", &answer);
    assert_int_equal(answer.status, status);
    raw_answer_fini(&answer);
}

/* What comes through a proxy on this machine with its default settings looks like this to the daemon. */
#define FORWARDED "X-Real-IP: 203.0.113.9\r\nX-Forwarded-For: 203.0.113.9\r\n"

static void test_made_token(void **state)
{
    struct stat file;
    char first[sizeof suite.bearer[0]], token[sizeof suite.bearer[0]];
    (void)state;
    assert_int_equal(access(token_path(), F_OK), -1); /* the test before has set one */
    restart_inventory(NULL);
    assert_int_equal(lstat(token_path(), &file), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    assert_int_equal(file.st_size, 43 + 1); /* 256 bits */
    strcpy(first, suite_bearer(&suite, SUITE_INVENTORY));
    (void)snprintf(token, sizeof token, "%.43s", first + strlen("Authorization: Bearer "));
    assert_int_equal(suite_log_lines(&suite, SUITE_INVENTORY, token), 0);
    assert_true(suite_log_lines(&suite, SUITE_INVENTORY, token_path()) > 0);
    put_stock("", 401);
    put_stock(FORWARDED, 401);
    put_stock("Origin: http://localhost\r\n", 401);
    expect_admin("", 401);
    expect_admin(FORWARDED, 401);
    put_stock(first, 200);
    expect_admin(first, 200);
    restart_inventory(NULL);
    assert_string_equal(suite_bearer(&suite, SUITE_INVENTORY), first); /* made once */
    expect_admin(first, 200);
}

static void expect_token_warned(bool warned)
{
    struct raw_answer answer;
    suite_ask(&suite, SUITE_INVENTORY, "GET", "/readyz", "", "", &answer);
    assert_true((strstr(answer.body, "\"adminToken\":{\"status\":\"warn\"") != NULL) == warned);
    raw_answer_fini(&answer);
}

/* Each would make the admin calls somebody else's: they are closed, the log says which file it was, and all else works. */
static void test_unusable_tokens(void **state)
{
    static const struct {
        const char *make, *says;
    } tokens[] = {
        {"chmod 640 $T",                           "can be read or changed by others"},
        {"chmod 602 $T",                           "can be read or changed by others"},
        {"mv $T aside && ln -s aside $T",          "is a symbolic link"              },
        {"rm $T && ln -s nowhere $T",              "is a symbolic link"              },
        {"rm $T && (umask 077 && : >$T)",          "is empty"                        },
        {"rm $T && (umask 077 && echo short >$T)", "holds no token"                  },
        {"rm $T && (umask 077 && seq 100 >$T)",    "holds no token"                  },
        {"rm $T && (umask 077 && mkfifo $T)",      "is no regular file"              },
    };
    char command[1024];
    (void)state;
    int reloads = suite_log_lines(&suite, SUITE_INVENTORY, "settings reloaded");
    for (size_t i = 0; i < TERN_COUNT(tokens); i++) {
        suite_signal(&suite, SUITE_INVENTORY, SIGTERM);
        assert_int_equal(suite_await_end(&suite, SUITE_INVENTORY, 30), 0);
        (void)snprintf(command, sizeof command, "T=inventory.db.token; cd %s && %s", suite.folder, tokens[i].make);
        assert_int_equal(system(command), 0);
        suite_start(&suite, SUITE_INVENTORY, NULL);
        suite_await_log(&suite, SUITE_INVENTORY, "the admin token must not be used", (int)i + 1);
        if (suite_log_lines(&suite, SUITE_INVENTORY, tokens[i].says) == 0) fail_msg("not told: %s", tokens[i].make);
        expect_admin("Authorization: Bearer 0123456789abcdef0123456789abcdef\r\n", 403);
        expect_token_warned(true);
        (void)unlink(token_path()); /* mended: without the file a new token is made */
        suite_signal(&suite, SUITE_INVENTORY, SIGHUP);
        suite_await_log(&suite, SUITE_INVENTORY, "settings reloaded", ++reloads);
        expect_admin(suite_bearer(&suite, SUITE_INVENTORY), 200);
        expect_token_warned(false);
    }
}

/* ---- who holds the connections ---- */

enum { PER_ADDRESS = 64 };

/* A proxy keeps as many connections open as one address may have; its health probe comes on one more. */
static void test_probe_beside_idle_connections(void **state)
{
    static const char livez[] = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    int fds[PER_ADDRESS];
    struct raw_answer answer;
    (void)state;
    for (int i = 0; i < PER_ADDRESS; i++) {
        fds[i] = raw_http_open(suite.port[SUITE_ORDER]);
        assert_true(raw_http_send_text(fds[i], livez));
        raw_http_read(fds[i], false, &answer);
        assert_int_equal(answer.status, 200);
        raw_answer_fini(&answer);
    }
    suite_ask(&suite, SUITE_ORDER, "GET", "/livez", "", "", &answer);
    assert_int_equal(answer.status, 200);
    raw_answer_fini(&answer);
    for (int i = 0; i < PER_ADDRESS; i++)
        close(fds[i]);
    suite_await_metric(&suite, SUITE_ORDER, "http_connections_replaced_total", 1);
    assert_int_equal(suite_log_lines(&suite, SUITE_ORDER, "HTTP connections refused"), 0);
}

/* Connections of which each has a request under way make no room: that is counted, and told once. */
static void test_refused_connections(void **state)
{
    enum { NEWCOMERS = 10 };
    int fds[PER_ADDRESS], last;
    (void)state;
    for (int i = 0; i < PER_ADDRESS; i++) {
        struct raw_answer answer;
        fds[i] = raw_http_open(suite.port[SUITE_ORDER]);
        assert_true(raw_http_send_text(fds[i], "POST /orders HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                                               "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"));
        raw_http_read(fds[i], false, &answer);
        assert_int_equal(answer.status, 100);
        raw_answer_fini(&answer);
    }
    for (int i = 0; i < NEWCOMERS; i++) {
        last = raw_http_open(suite.port[SUITE_ORDER]);
        assert_true(raw_http_ends(last, 10000));
        close(last);
    }
    for (int i = 0; i < PER_ADDRESS; i++)
        close(fds[i]);
    suite_await_metric(&suite, SUITE_ORDER, "http_connections_refused_total{limit=\"address\"}", NEWCOMERS);
    suite_await_log(&suite, SUITE_ORDER, "HTTP connections refused", 1);
}

#define TEST(function, sentence)             \
    {                                        \
        sentence, function, NULL, NULL, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_broken_json, "what is no JSON is refused with a sentence, and nothing is stored"),
        TEST(test_wrong_content, "what is wrong in an order is named by its place, and nothing is stored"),
        TEST(test_lines, "a hundred lines at the highest price are an order, a hundred and one are not"),
        TEST(test_heads, "each head that must not pass is refused with its own status"),
        TEST(test_heads_below_us, "a Content-Length that is no number is refused before anybody reads on"),
        TEST(test_large_body, "64 KiB are taken, 65 are not"),
        TEST(test_allow, "a method that is not taken is answered with those that are"),
        TEST(test_bad_headers, "a key or a correlation id that is none is refused"),
        TEST(test_key, "a key brings the first answer again, byte by byte, and never a second order"),
        TEST(test_key_after_kill, "a key is known after a kill -9"),
        TEST(test_key_in_parallel, "fifty requests at once with one key are one order"),
        TEST(test_correlation, "a correlation id that was given goes with the order"),
        TEST(test_correlation_by_name, "any text names a conversation, the same text the same one"),
        TEST(test_etags, "an order's version guards reading and cancelling"),
        TEST(test_head, "HEAD says what GET would, without the body"),
        TEST(test_list, "orders are listed newest first, as many as asked for"),
        TEST(test_chunks, "a body in chunks is a body"),
        TEST(test_probe_beside_idle_connections,
             "a health probe is answered beside 64 idle connections of its address"),
        TEST(test_refused_connections, "a connection that finds no room is counted and told"),
        TEST(test_admin, "stock is changed with the token only"),
        TEST(test_made_token, "without a token set one is made, and no address is trusted"),
        TEST(test_unusable_tokens, "a file with a token that others know, or that is none, refuses the start"),
    };
    return cmocka_run_group_tests_name("the door", tests, open_suite, close_suite);
}
