/* test_links.h - for tests of one link alone: the state of the links with a queue that no writer empties, and a log in memory. */
#ifndef TERN_TEST_LINKS_H
#define TERN_TEST_LINKS_H

#include "common/work/links.h"

struct test_links {
    struct tern_work_queue queue;
    struct tern_links links;
    struct tern_log *log;
    int log_fd;
};

/* `clock` NULL: the system's. */
void test_links_open(struct test_links *test, const struct tern_clock *clock);
/* The queue must be empty. */
void test_links_close(struct test_links *test);
/* How often this stands in what was logged so far. Any thread. */
int test_links_times_logged(const struct test_links *test, const char *text);

#endif
