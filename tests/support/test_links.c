/* test_links.c - the real links object, and what it logs. */
#include "test_links.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/log_setup.h"
#include "tern_test.h"

enum { LOG_MAX = 64 * 1024 };

void test_links_open(struct test_links *test, const struct tern_clock *clock)
{
    if (!clock) clock = &tern_clock_system;
    test->log_fd = memfd_create("log", MFD_CLOEXEC);
    test->log = tern_log_create("links", TERN_LOG_DEBUG, TERN_LOG_LOGFMT, test->log_fd, clock);
    tern_work_init(&test->queue, clock);
    tern_links_init(&test->links, &test->queue, test->log, NULL);
}

void test_links_close(struct test_links *test)
{
    tern_links_fini(&test->links);
    tern_work_fini(&test->queue);
    tern_log_destroy(test->log);
    (void)close(test->log_fd);
}

int test_links_times_logged(const struct test_links *test, const char *text)
{
    char lines[LOG_MAX + 1] = "";
    int times = 0;
    assert_true(pread(test->log_fd, lines, LOG_MAX, 0) >= 0);
    for (const char *at = lines; (at = strstr(at, text)); at++)
        times++;
    return times;
}
