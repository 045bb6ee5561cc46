/* test_channel.c - the simulated channel: the line in the log is the message. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/log_setup.h"
#include "services/notification/channel.h"
#include "tern_test.h"

enum { LOG_MAX = 4096 };

static const struct channel_letter letter = {.type = "PAYMENT_FAILURE",
                                             .order_id = "ORD-1",
                                             .recipient = "ann@example.com",
                                             .title = "Payment failed",
                                             .text = "It did not go through.",
                                             .key = "7:EMAIL"};

/* What the channel of `method` writes. */
static void send_by(const char *method, char line[LOG_MAX])
{
    struct tern_error err = {0};
    int fd = memfd_create("log", MFD_CLOEXEC);
    struct tern_log *log =
        tern_log_create("notification-service", TERN_LOG_INFO, TERN_LOG_LOGFMT, fd, &tern_clock_system);
    struct channel channel = channel_to_log(method, log);
    assert_string_equal(channel.method, method);
    assert_int_equal(channel.send(channel.self, &letter, &err), 0);
    memset(line, 0, LOG_MAX);
    assert_true(pread(fd, line, LOG_MAX - 1, 0) > 0);
    tern_log_destroy(log);
    (void)close(fd);
}

static void a_mail_is_one_line_with_everything_that_is_in_it(void **state)
{
    char line[LOG_MAX];
    (void)state;
    send_by(SHOP_METHOD_EMAIL, line);
    assert_non_null(strstr(line, "msg=\"mail sent (simulated)\" orderId=ORD-1 notificationType=PAYMENT_FAILURE"
                                 " to=ann@example.com title=\"Payment failed\" text=\"It did not go through.\"\n"));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void an_sms_has_no_title(void **state)
{
    char line[LOG_MAX];
    (void)state;
    send_by(SHOP_METHOD_SMS, line);
    assert_non_null(strstr(line, "msg=\"SMS sent (simulated)\" orderId=ORD-1 notificationType=PAYMENT_FAILURE"
                                 " to=ann@example.com text=\"It did not go through.\"\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_is_one_line_with_everything_that_is_in_it),
        cmocka_unit_test(an_sms_has_no_title),
    };
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
