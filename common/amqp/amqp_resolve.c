/* amqp_resolve.c - resolves a name on a thread of its own, because getaddrinfo(3) has no deadline.
 *
 * A link has one question under way at most. Link and thread own it together, and the last of them frees it: so the
 * link may give up, or be destroyed, before the answer. A numeric address needs no question. Never waits longer than
 * the RPC limit. Why this is no library: docs/adr/0015. */
#include "amqp_link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STACK_BYTES = 256 * 1024 };

struct tern_amqp_question {
    atomic_int owners;    /* 2: link and thread; the last one frees it */
    atomic_bool answered; /* `status` and `addresses` are valid */
    int done_fd;          /* eventfd: answered */
    int status;           /* of getaddrinfo(3) */
    struct tern_amqp_addresses addresses;
    char host[]; /* the name; NUL-terminated */
};

/* One of the owners needs it no more. */
static void let_go(struct tern_amqp_question *question)
{
    if (atomic_fetch_sub(&question->owners, 1) > 1) return;
    (void)close(question->done_fd);
    free(question);
}

/* The thread. It sets `answered` before it rings, so that a woken link finds the answer. */
static void *ask(void *argument)
{
    struct tern_amqp_question *question = argument;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    const uint64_t one = 1;
    struct addrinfo *list = NULL;
    question->status = getaddrinfo(question->host, NULL, &hints, &list);
    struct tern_amqp_addresses *addresses = &question->addresses;
    const struct addrinfo *one_of = question->status == 0 ? list : NULL;
    for (; one_of && addresses->count < TERN_AMQP_ADDRESSES_MAX; one_of = one_of->ai_next)
        if (getnameinfo(one_of->ai_addr, one_of->ai_addrlen, addresses->text[addresses->count], TERN_AMQP_ADDRESS_SIZE,
                        NULL, 0, NI_NUMERICHOST) == 0)
            addresses->count++;
    if (question->status == 0) freeaddrinfo(list);
    atomic_store(&question->answered, true);
    (void)!write(question->done_fd, &one, sizeof one);
    let_go(question);
    return NULL;
}

/* Starts a thread that asks, the second owner of the question. NULL: out of descriptors or threads. */
static struct tern_amqp_question *new_question(const char *host, struct tern_error *err)
{
    size_t length = strlen(host);
    struct tern_amqp_question *question = tern_alloc(sizeof *question + length + 1);
    memcpy(question->host, host, length);
    question->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_store(&question->owners, 2);
    pthread_t thread;
    int failed =
        question->done_fd < 0 ? errno : tern_thread_start(&thread, "amqp-resolver", STACK_BYTES, ask, question);
    if (question->done_fd >= 0 && failed == 0) {
        (void)pthread_detach(thread);
        return question;
    }
    tern_error_set(err, "the address of the broker \"%.80s\" cannot be asked for: %s", host, strerror(failed));
    if (question->done_fd >= 0) (void)close(question->done_fd);
    free(question);
    return NULL;
}

/* Waits for the answer, the deadline or a stop. A wake that is read here is not lost: a new connection begins with
 * work. */
static void await_answer(struct tern_amqp *link, const struct tern_amqp_question *question)
{
    struct pollfd fds[2] = {
        {.fd = question->done_fd, .events = POLLIN},
        {.fd = link->wake_fd,     .events = POLLIN}
    };
    int64_t left_ms = link->settings.limits.rpc_ms;
    int64_t until_ms = tern_steady(&tern_clock_system) + left_ms;
    while (!atomic_load(&question->answered) && !atomic_load(&link->stopping) && left_ms > 0) {
        uint64_t count;
        if (poll(fds, 2, (int)left_ms) > 0 && fds[1].revents != 0) (void)!read(link->wake_fd, &count, sizeof count);
        left_ms = until_ms - tern_steady(&tern_clock_system);
    }
}

/* A question that was too slow for one attempt stays under way, and its answer serves the next attempt. */
int tern_amqp_link_resolve(struct tern_amqp *link, struct tern_amqp_addresses *ret_addresses, struct tern_error *err)
{
    const char *host = link->address.host;
    unsigned char numeric[16];
    if (inet_pton(AF_INET, host, numeric) == 1 || inet_pton(AF_INET6, host, numeric) == 1) {
        ret_addresses->count = 1;
        tern_copy_whole(ret_addresses->text[0], TERN_AMQP_ADDRESS_SIZE, host);
        return 0;
    }
    if (!link->question) link->question = new_question(host, err);
    if (!link->question) return -1;
    await_answer(link, link->question);
    if (!atomic_load(&link->question->answered))
        return tern_error_set(err, "the address of the broker \"%.100s\" is not known yet: no answer in time", host);
    int status = link->question->status;
    *ret_addresses = link->question->addresses;
    tern_amqp_link_forget_question(link);
    if (status != 0 || ret_addresses->count == 0)
        return tern_error_set(err, "the broker's host \"%.100s\" is not known: %s", host,
                              status != 0 ? gai_strerror(status) : "it has no address");
    return 0;
}

void tern_amqp_link_forget_question(struct tern_amqp *link)
{
    if (link->question) let_go(link->question);
    link->question = NULL;
}
