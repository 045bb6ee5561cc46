/* Whether reads stay flat while a store grows: reads_bench [folder] [orders of the small store] [orders of the large one].
 *
 * Fills two stores with orders as order-service keeps them, asks both the questions behind GET /orders/{orderId} and GET
 * /orders, each with parameters of its own every time, and prints the medians and their ratio. Writes into a folder of its
 * own below `folder` (default /tmp; about 1.1 KB for each order) and removes it. First the store
 * alone, then order-service itself over HTTP, without a broker, one request at a time on a connection that is kept. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/base/config_read.h"
#include "common/base/ids.h"
#include "common/service/app.h"
#include "common/service/settings.h"
#include "common/store/store.h"
#include "services/order/order_service.h"
#include "services/order/order_store.h"

extern const struct tern_migration tern_core_migrations[];
extern const struct tern_migration order_migrations[];

enum { BATCH = 5000, CUSTOMER_ORDERS = 20, PRODUCTS = 100, TIMES = 501, PAGE = 50 };

#define FIRST_MS INT64_C(1795000000000)

struct bench {
    char folder[512], name[600];
    int64_t orders;
    struct tern_db *db, *reader;
    struct tern_ids *ids;
    char (*order_ids)[TERN_ID_SIZE];
    struct tern_error err;
};

static void give_up(const char *why)
{
    fprintf(stderr, "reads_bench: %s\n", why);
    exit(1);
}

static int64_t any(struct bench *bench, int64_t below)
{
    return (int64_t)tern_ids_random(bench->ids, (uint64_t)below);
}

/* ---- filling ----------------------------------------------------------------------------------------------------- */

/* One millisecond after the one before; nine of ten are ready, the rest has any status. */
static int add_order(struct bench *bench, int64_t number)
{
    static const char details[] =
        "{\"items\":[{\"productId\":\"%s\",\"quantity\":1,\"price\":9.99}],"
        "\"customer\":{\"email\":\"somebody.somewhere@example.com\",\"phone\":\"+15551234567\"},"
        "\"shippingAddress\":{\"street\":\"1 Main Street\",\"city\":\"Springfield\","
        "\"state\":\"OR\",\"zipCode\":\"97475\"}}";
    struct order_state order = {.version = 5, .total_minor = 999, .currency = "USD"};
    struct shop_lines lines = {.count = 1};
    char id[TERN_SORTABLE_ID_SIZE];
    tern_ids_sortable(bench->ids, "ORD-", id);
    tern_copy_whole(order.order_id, sizeof order.order_id, id);
    (void)snprintf(order.customer_id, sizeof order.customer_id, "CUST-%lld",
                   (long long)any(bench, bench->orders / CUSTOMER_ORDERS));
    (void)snprintf(lines.at[0].product_id, sizeof lines.at[0].product_id, "PROD-%lld", (long long)any(bench, PRODUCTS));
    tern_ids_uuid(bench->ids, order.correlation_id);
    order.created_at_ms = order.updated_at_ms = FIRST_MS + number;
    order.saga.status = any(bench, 10) ? ORDER_READY_FOR_SHIPMENT : (enum order_status)any(bench, ORDER_STATUS_COUNT);
    tern_text_printf(&order.details, details, lines.at[0].product_id);
    int status = order_store_insert(bench->db, TERN_LIVE, &order, lines.at, lines.count, &bench->err);
    strcpy(bench->order_ids[number], order.order_id);
    order_fini(&order);
    return status;
}

static void fill(struct bench *bench)
{
    char url[640];
    bench->order_ids = tern_alloc((size_t)bench->orders * sizeof bench->order_ids[0]);
    (void)snprintf(url, sizeof url, "sqlite:%s", bench->name);
    if (tern_db_open(url, &bench->db, &bench->err) < 0 ||
        tern_db_migrate(bench->db, "core", tern_core_migrations, &bench->err) < 0 ||
        tern_db_migrate(bench->db, "service", order_migrations, &bench->err) < 0)
        give_up(bench->err.text);
    for (int64_t number = 0; number < bench->orders;) {
        int status = tern_db_begin(bench->db, &bench->err);
        for (int i = 0; i < BATCH && number < bench->orders && status == 0; i++, number++)
            status = add_order(bench, number);
        if (status < 0 || tern_db_commit(bench->db, &bench->err) < 0 ||
            tern_db_maintain(bench->db, false, &bench->err) < 0)
            give_up(bench->err.text);
    }
    if (tern_db_open_reader(url, &bench->reader, &bench->err) < 0) give_up(bench->err.text);
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static int print_order(void *self, const struct order_state *order, struct tern_error *err)
{
    (void)err;
    order_print(order, self);
    return 0;
}

/* A page from anywhere in the list. */
static int page(struct bench *bench, const struct order_filter *filter)
{
    struct order_page page = {.behind = {.created_at_ms = FIRST_MS + any(bench, bench->orders) + 1}, .limit = PAGE};
    struct tern_text out = {0};
    int status = order_store_list(bench->reader, filter, &page, print_order, &out, &bench->err);
    tern_text_fini(&out);
    return status;
}

#define ANY_ORDER                                                                          \
    {                                                                                      \
        .status = ORDER_STATUS_COUNT, .waits_for = SAGA_WAIT_COUNT, .before_ms = INT64_MAX \
    }

static int ask_order(struct bench *bench)
{
    struct order_state order = {0};
    int found =
        order_store_load(bench->reader, TERN_LIVE, bench->order_ids[any(bench, bench->orders)], &order, &bench->err);
    order_fini(&order);
    return found > 0 ? 0 : -1;
}

static int ask_page(struct bench *bench)
{
    const struct order_filter filter = ANY_ORDER;
    return page(bench, &filter);
}

static int ask_status(struct bench *bench)
{
    struct order_filter filter = ANY_ORDER;
    filter.status = ORDER_PAYMENT_FAILED;
    return page(bench, &filter);
}

static int ask_product(struct bench *bench)
{
    struct order_filter filter = ANY_ORDER;
    char product_id[32];
    (void)snprintf(product_id, sizeof product_id, "PROD-%lld", (long long)any(bench, PRODUCTS));
    filter.product_id = product_id;
    return page(bench, &filter);
}

/* All of one customer's. */
static int ask_customer(struct bench *bench)
{
    struct order_filter filter = ANY_ORDER;
    struct order_page all = {.behind = {.created_at_ms = INT64_MAX}, .limit = PAGE};
    struct tern_text out = {0};
    char customer_id[32];
    (void)snprintf(customer_id, sizeof customer_id, "CUST-%lld",
                   (long long)any(bench, bench->orders / CUSTOMER_ORDERS));
    filter.customer_id = customer_id;
    int status = order_store_list(bench->reader, &filter, &all, print_order, &out, &bench->err);
    tern_text_fini(&out);
    return status;
}

static const struct question {
    const char *name;
    int (*ask)(struct bench *bench);
} questions[] = {
    {"an order",                 ask_order   },
    {"a page of all orders",     ask_page    },
    {"a page of one status",     ask_status  },
    {"a page of one product",    ask_product },
    {"the orders of a customer", ask_customer},
};

static int ascending(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* Median microseconds. */
static double measure(struct bench *bench, const struct question *question)
{
    static double took[TIMES];
    for (size_t i = 0; i < TIMES; i++) {
        struct timespec begun, ended;
        clock_gettime(CLOCK_MONOTONIC, &begun);
        if (question->ask(bench) < 0) give_up(bench->err.text);
        clock_gettime(CLOCK_MONOTONIC, &ended);
        took[i] = (double)(ended.tv_sec - begun.tv_sec) * 1e6 + (double)(ended.tv_nsec - begun.tv_nsec) / 1e3;
    }
    qsort(took, TIMES, sizeof took[0], ascending);
    return took[TIMES / 2];
}

static void open_bench(struct bench *bench, const char *below, int64_t orders)
{
    *bench = (struct bench){.orders = orders, .ids = tern_ids_create(&tern_clock_system, 7)};
    (void)snprintf(bench->folder, sizeof bench->folder, "%s/tern-bench-XXXXXX", below);
    if (orders < CUSTOMER_ORDERS || !mkdtemp(bench->folder)) give_up("cannot make a folder, or too few orders");
    (void)snprintf(bench->name, sizeof bench->name, "%s/x.db", bench->folder);
    fill(bench);
}

static void close_store(struct bench *bench)
{
    tern_db_close(bench->reader);
    tern_db_close(bench->db);
}

static void remove_store(struct bench *bench)
{
    static const char *const endings[] = {"", "-wal", "-shm", ".lock", ".ballast", ".token"};
    char name[640];
    for (size_t i = 0; i < TERN_COUNT(endings); i++) {
        (void)snprintf(name, sizeof name, "%s%s", bench->name, endings[i]);
        (void)unlink(name);
    }
    (void)rmdir(bench->folder);
    tern_ids_destroy(bench->ids);
    free(bench->order_ids);
}

/* ---- over HTTP --------------------------------------------------------------------------------------------------- */

/* A page from anywhere in the list, by the time before which its orders were placed. */
static void write_before(struct bench *bench, char *path, size_t size, const char *filter)
{
    char time[TERN_TIME_SIZE];
    tern_time_format(FIRST_MS + any(bench, bench->orders) + 1, time);
    (void)snprintf(path, size, "/orders?limit=%d&createdBefore=%s%s", PAGE, time, filter);
}

static void order_path(struct bench *bench, char *path, size_t size)
{
    (void)snprintf(path, size, "/orders/%s", bench->order_ids[any(bench, bench->orders)]);
}

static void page_path(struct bench *bench, char *path, size_t size)
{
    write_before(bench, path, size, "");
}

static void status_path(struct bench *bench, char *path, size_t size)
{
    write_before(bench, path, size, "&status=PAYMENT_FAILED");
}

static void product_path(struct bench *bench, char *path, size_t size)
{
    char filter[64];
    (void)snprintf(filter, sizeof filter, "&productId=PROD-%lld", (long long)any(bench, PRODUCTS));
    write_before(bench, path, size, filter);
}

static void customer_path(struct bench *bench, char *path, size_t size)
{
    (void)snprintf(path, size, "/orders?limit=%d&customerId=CUST-%lld", PAGE,
                   (long long)any(bench, bench->orders / CUSTOMER_ORDERS));
}

/* In the order of `questions`. */
static void (*const paths[])(struct bench *bench, char *path, size_t size) = {order_path, page_path, status_path,
                                                                              product_path, customer_path};

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        give_up("order-service cannot be reached");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* One GET, answered with 200 and a body. */
static void get(int fd, const char *path)
{
    static char answer[1 << 20];
    char request[512];
    size_t length = 0, wanted = SIZE_MAX;
    int asked = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    if (send(fd, request, (size_t)asked, 0) != asked) give_up("a request was not sent");
    while (length < wanted) {
        ssize_t got = recv(fd, answer + length, sizeof answer - 1 - length, 0);
        if (got <= 0) give_up("an answer was cut off");
        length += (size_t)got;
        answer[length] = '\0';
        const char *end = strstr(answer, "\r\n\r\n"), *size = strcasestr(answer, "\r\nContent-Length: ");
        if (end && size) wanted = (size_t)(end + 4 - answer) + strtoul(size + strlen("\r\nContent-Length: "), NULL, 10);
    }
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0) give_up(answer);
}

static double measure_path(struct bench *bench, int fd, size_t question)
{
    static double took[TIMES];
    for (size_t i = 0; i < TIMES; i++) {
        struct timespec begun, ended;
        char path[256];
        paths[question](bench, path, sizeof path);
        clock_gettime(CLOCK_MONOTONIC, &begun);
        get(fd, path);
        clock_gettime(CLOCK_MONOTONIC, &ended);
        took[i] = (double)(ended.tv_sec - begun.tv_sec) * 1e6 + (double)(ended.tv_nsec - begun.tv_nsec) / 1e3;
    }
    qsort(took, TIMES, sizeof took[0], ascending);
    return took[TIMES / 2];
}

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&address, length) < 0 || getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        give_up("there is no free port");
    (void)close(fd);
    return ntohs(address.sin_port);
}

/* Medians of all questions, asked of order-service on this store. */
static void measure_http(struct bench *bench, double medians[TERN_COUNT(questions)])
{
    static struct tern_app app;
    const struct tern_config_key *const tables[] = {tern_common_settings, order_service.config, NULL};
    char url[700], port[32], broker[] = "AMQP_URL=amqp://127.0.0.1:1/", level[] = "LOG_LEVEL=error",
                             name[] = "order-service";
    char *environment[] = {url, port, broker, level, NULL}, *arguments[] = {name, NULL};
    enum tern_config_action action;
    struct tern_text faults = {0};
    bool usage;
    uint16_t number = free_port();
    (void)snprintf(url, sizeof url, "DATABASE_URL=sqlite:%s", bench->name);
    (void)snprintf(port, sizeof port, "PORT=%u", number);
    struct tern_config *config = tern_config_read(tables, 1, arguments, environment, &action, &faults, &usage);
    if (!config || tern_app_start(&app, &order_service, config, &bench->err) != 0) give_up(bench->err.text);
    int fd = connect_to(number);
    for (size_t i = 0; i < TERN_COUNT(questions); i++)
        medians[i] = measure_path(bench, fd, i);
    (void)close(fd);
    tern_app_stop(&app);
    tern_config_destroy(config);
}

int main(int argc, char **argv)
{
    static struct bench small, large;
    double few[TERN_COUNT(questions)], many[TERN_COUNT(questions)];
    const char *below = argc > 1 ? argv[1] : "/tmp";
    open_bench(&small, below, argc > 2 ? strtoll(argv[2], NULL, 10) : 10000);
    open_bench(&large, below, argc > 3 ? strtoll(argv[3], NULL, 10) : 1000000);
    printf("median of %d, in us, with %lld and %lld orders in the store\n", TIMES, (long long)small.orders,
           (long long)large.orders);
    for (size_t i = 0; i < TERN_COUNT(questions); i++) {
        few[i] = measure(&small, &questions[i]);
        many[i] = measure(&large, &questions[i]);
        printf("  %-26s %8.1f %8.1f   ratio %.2f\n", questions[i].name, few[i], many[i], many[i] / few[i]);
    }
    close_store(&small);
    close_store(&large);
    measure_http(&small, few);
    measure_http(&large, many);
    printf("the same over HTTP\n");
    for (size_t i = 0; i < TERN_COUNT(questions); i++)
        printf("  %-26s %8.1f %8.1f   ratio %.2f\n", questions[i].name, few[i], many[i], many[i] / few[i]);
    remove_store(&small);
    remove_store(&large);
    return 0;
}
