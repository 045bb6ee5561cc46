/* load.c - places orders as fast as the door takes them, and waits until the last of them is ready for shipment.
 *
 *     load PORT ORDERS CONNECTIONS [door]
 *
 * One thread, keep-alive connections, one request under way on each. Prints one line:
 *     accepted=N refused=N door_per_s=R p50_ms=T p99_ms=T through_per_s=R
 * door_per_s: from the first request to the last 201. through_per_s: from the first request to the moment when
 * order-service has counted the last order READY_FOR_SHIPMENT (not with "door"). */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tern/base.h"

enum { ANSWER_MAX = 4096, PAGE_MAX = 256 * 1024, PATIENCE_S = 180 };

struct connection {
    int fd;
    double sent_s;
    char answer[ANSWER_MAX];
    size_t length;
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int open_connection(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    TERN_ASSERT(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0,
                "order-service can be reached");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* ---- the door ---- */

static char request[1024];
static size_t request_length;

static void write_request(void)
{
    static const char body[] = "{\"customerId\":\"customer-7\",\"items\":[{\"productId\":\"PROD-101\",\"quantity\":1,"
                               "\"price\":59.90},{\"productId\":\"PROD-103\",\"quantity\":2,\"price\":9.95}],"
                               "\"paymentToken\":\"tok_ok\"}";
    int length = snprintf(request, sizeof request,
                          "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                          "Content-Length: %zu\r\n\r\n%s",
                          sizeof body - 1, body);
    request_length = (size_t)length;
}

static void send_request(struct connection *connection)
{
    connection->length = 0;
    connection->sent_s = now_s();
    ssize_t sent = send(connection->fd, request, request_length, MSG_NOSIGNAL);
    TERN_ASSERT(sent == (ssize_t)request_length, "a request fits into the socket's buffer");
}

/* The status of a whole answer, 0 while it is not whole. */
static int whole_answer(const struct connection *connection)
{
    const char *end = strstr(connection->answer, "\r\n\r\n");
    const char *length = end ? strcasestr(connection->answer, "\r\nContent-Length: ") : NULL;
    if (!length || length > end) return 0;
    size_t whole = (size_t)(end + 4 - connection->answer) + strtoul(length + 18, NULL, 10);
    return connection->length >= whole ? (int)strtol(connection->answer + 9, NULL, 10) : 0;
}

static int receive(struct connection *connection)
{
    ssize_t got = recv(connection->fd, connection->answer + connection->length, ANSWER_MAX - 1 - connection->length, 0);
    TERN_ASSERT(got > 0, "order-service keeps the connection while it has answers to give");
    connection->length += (size_t)got;
    connection->answer[connection->length] = '\0';
    return whole_answer(connection);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct door {
    int accepted, refused;
    double begun_s, seconds, *latencies;
};

static void run_door(int port, int orders, int connections, struct door *door)
{
    struct connection *all = tern_alloc((size_t)connections * sizeof *all);
    int poller = epoll_create1(0), begun = 0, ended = 0;
    door->latencies = tern_alloc((size_t)orders * sizeof *door->latencies);
    for (int i = 0; i < connections; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        all[i].fd = open_connection(port);
        epoll_ctl(poller, EPOLL_CTL_ADD, all[i].fd, &event);
    }
    door->begun_s = now_s();
    for (; begun < connections && begun < orders; begun++)
        send_request(&all[begun]);
    while (ended < orders) {
        struct epoll_event events[64];
        int ready = epoll_wait(poller, events, 64, 1000);
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            int status = receive(connection);
            if (status == 0) continue;
            door->latencies[ended++] = now_s() - connection->sent_s;
            if (status == 201)
                door->accepted++;
            else
                door->refused++;
            if (begun < orders) {
                send_request(connection);
                begun++;
            }
        }
    }
    door->seconds = now_s() - door->begun_s;
    for (int i = 0; i < connections; i++)
        close(all[i].fd);
    close(poller);
    free(all);
    qsort(door->latencies, (size_t)orders, sizeof *door->latencies, by_size);
}

/* ---- until the last is ready ---- */

/* READY_FOR_SHIPMENT as order-service counts it on its metrics page; -1 when it does not answer. */
static long count_ready(int port, char *page)
{
    static const char ask[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    int fd = open_connection(port);
    size_t length = 0;
    ssize_t got;
    if (send(fd, ask, sizeof ask - 1, MSG_NOSIGNAL) < 0) return -1;
    while ((got = recv(fd, page + length, PAGE_MAX - 1 - length, 0)) > 0)
        length += (size_t)got;
    close(fd);
    page[length] = '\0';
    const char *row = strstr(page, "tern_orders_total{status=\"READY_FOR_SHIPMENT\"} ");
    return row ? strtol(strchr(row, ' ') + 1, NULL, 10) : 0;
}

static void await_ready(int port, long wanted)
{
    char *page = tern_alloc(PAGE_MAX);
    double until = now_s() + PATIENCE_S;
    while (count_ready(port, page) < wanted) {
        TERN_ASSERT(now_s() < until, "every order gets ready within the bench's patience");
        (void)poll(NULL, 0, 20);
    }
    free(page);
}

static int number(const char *text)
{
    long value = strtol(text, NULL, 10);
    TERN_ASSERT(value > 0 && value < 100000000, "port, orders and connections are positive numbers");
    return (int)value;
}

int main(int argc, char **argv)
{
    TERN_ASSERT(argc >= 4, "usage: load PORT ORDERS CONNECTIONS [door]");
    int port = number(argv[1]), orders = number(argv[2]), connections = number(argv[3]);
    char *page = tern_alloc(PAGE_MAX);
    long before = count_ready(port, page);
    struct door door = {0};
    free(page);
    write_request();
    run_door(port, orders, connections, &door);
    printf("accepted=%d refused=%d door_per_s=%.0f p50_ms=%.2f p99_ms=%.2f", door.accepted, door.refused,
           orders / door.seconds, door.latencies[orders / 2] * 1000, door.latencies[orders - 1 - orders / 100] * 1000);
    free(door.latencies);
    if (argc == 4) {
        await_ready(port, before + door.accepted);
        printf(" through_per_s=%.0f", door.accepted / (now_s() - door.begun_s));
    }
    printf("\n");
    return door.refused == 0 ? 0 : 1;
}
