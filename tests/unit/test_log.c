/* test_log.c - one line per thing that happened: whole, escaped, parseable, and only when it is true. */
#include "tern_test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log_setup.h"
#include "tern/json.h"
#include "tern/log.h"

/* A clock that the test sets. */
static int64_t now_ms;

static int64_t held_time(void *self)
{
    (void)self;
    return now_ms;
}

static const struct tern_clock held = {held_time, held_time, NULL};

/* A log on a file without a name, and what stands in it. */
struct paper {
    int fd;
    char text[64 * 1024];
};

static int setup(void **state)
{
    static struct paper paper;
    paper.fd = memfd_create("log", MFD_CLOEXEC);
    now_ms = INT64_C(1795444200123);
    (void)unsetenv("NO_COLOR");
    (void)unsetenv("FORCE_COLOR");
    (void)unsetenv("JOURNAL_STREAM");
    (void)setenv("TERM", "xterm", 1);
    *state = &paper;
    return paper.fd < 0;
}

static int teardown(void **state)
{
    return close(((struct paper *)*state)->fd);
}

/* Everything written since the last call. */
static const char *written(struct paper *paper)
{
    ssize_t length = pread(paper->fd, paper->text, sizeof paper->text - 1, 0);
    assert_true(length >= 0);
    paper->text[length] = '\0';
    assert_int_equal(ftruncate(paper->fd, 0), 0);
    assert_int_equal(lseek(paper->fd, 0, SEEK_SET), 0);
    return paper->text;
}

static struct tern_log *open_log(struct paper *paper, enum tern_log_format format)
{
    return tern_log_create("order-service", TERN_LOG_DEBUG, format, paper->fd, &held);
}

/* ---- formats ---- */

static void a_logfmt_line_has_its_keys_in_order(void **state)
{
    struct tern_log *log = open_log(*state, TERN_LOG_LOGFMT);
    char order[] = "ORD-1";
    size_t lines = 2;
    tern_log_info(log, "order placed", TERN_STR("orderId", order), TERN_INT("lines", lines), TERN_STR("err", NULL),
                  TERN_STR("queue", ""), TERN_INT("least", INT64_MIN), TERN_INT("none", 0));
    assert_string_equal(written(*state),
                        "time=2026-11-23T14:30:00.123Z level=info service=order-service "
                        "msg=\"order placed\" orderId=ORD-1 lines=2 least=-9223372036854775808 none=0\n");
    tern_log_destroy(log);
}

static void a_json_line_has_the_same_keys(void **state)
{
    struct tern_log *log = open_log(*state, TERN_LOG_JSON);
    tern_log_warn(log, "order placed", TERN_STR("orderId", "ORD-1"), TERN_INT("lines", -2), TERN_STR("queue", ""));
    assert_string_equal(written(*state),
                        "{\"time\":\"2026-11-23T14:30:00.123Z\",\"level\":\"warn\",\"service\":"
                        "\"order-service\",\"msg\":\"order placed\",\"orderId\":\"ORD-1\",\"lines\":-2}\n");
    tern_log_destroy(log);
}

static void a_pretty_line_is_aligned_and_plain_without_a_terminal(void **state)
{
    struct tern_log *log = open_log(*state, TERN_LOG_PRETTY);
    tern_log_info(log, "order placed", TERN_STR("orderId", "ORD-1"), TERN_STR("err", "is \"out\""));
    tern_log_error(log, "gone");
    assert_string_equal(written(*state),
                        "14:30:00.123Z INFO  order-service         order placed                  orderId=ORD-1  "
                        "err=\"is \\\"out\\\"\"\n"
                        "14:30:00.123Z ERROR order-service         gone\n");
    tern_log_destroy(log);
}

static void values_are_quoted_only_where_logfmt_needs_it(void **state)
{
    static const struct {
        const char *value;
        const char *text;
    } cases[] = {
        {"plain",            "plain"                           },
        {"a/b:c,d;e@f#g'",   "a/b:c,d;e@f#g'"                  },
        {"two words",        "\"two words\""                   },
        {"a=b",              "\"a=b\""                         },
        {"\"",               "\"\\\"\""                        },
        {"back\\slash",      "\"back\\\\slash\""               },
        {"\n\r\t",           "\"\\n\\r\\t\""                   },
        {"\033[31m",         "\"\\u001b[31m\""                 },
        {"\177",             "\"\\u007f\""                     },
        {"ü€🐦",        "\"ü€🐦\""                   },
        {"\xC2\x9B",         "\"\\u009b\""                     },
        {"\xE2\x80\xAE",     "\"\\u202e\""                     },
        {"\xE2\x80\xA8",     "\"\\u2028\""                     },
        {"\xE2\x81\xA6",     "\"\\u2066\""                     },
        {"\xFF",             "\"\\ufffd\""                     },
        {"\xC3",             "\"\\ufffd\""                     },
        {"\xC3(",            "\"\\ufffd(\""                    },
        {"\xC0\xAF",         "\"\\ufffd\\ufffd\""              },
        {"\xED\xA0\x80",     "\"\\ufffd\\ufffd\\ufffd\""       },
        {"\xF4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
        {"\xE2\x82",         "\"\\ufffd\\ufffd\""              },
    };
    struct tern_log *log = open_log(*state, TERN_LOG_LOGFMT);
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        tern_log_info(log, "m", TERN_STR("err", cases[i].value));
        const char *value = strstr(written(*state), " err=");
        assert_non_null(value);
        char expected[128];
        (void)snprintf(expected, sizeof expected, " err=%s\n", cases[i].text);
        assert_string_equal(value, expected);
    }
    tern_log_destroy(log);
}

static void a_key_that_is_no_word_cannot_break_the_line(void **state)
{
    struct tern_log *log = open_log(*state, TERN_LOG_JSON);
    tern_log_info(log, "m", TERN_INT("a b=\"c\n", 1));
    assert_non_null(strstr(written(*state), "\"a_b__c_\":1}\n"));
    tern_log_destroy(log);
}

/* ---- hostile values ---- */

/* The value of the last field of a logfmt or pretty line, read back as its reader would. */
static void assert_line_is_sound(const char *line, enum tern_log_format format)
{
    size_t length = strlen(line);
    assert_true(length > 0 && line[length - 1] == '\n');
    for (size_t i = 0; i + 1 < length; i++)
        assert_true((unsigned char)line[i] >= 0x20 && line[i] != 0x7F);
    struct tern_text quoted = {0};
    struct tern_error err;
    if (format == TERN_LOG_JSON) {
        tern_text_add_bytes(&quoted, line, length - 1);
    } else { /* what stands between the quotes is a JSON string, which the strict validator judges: escapes and UTF-8 */
        const char *value = strstr(line, " err=");
        assert_non_null(value);
        value += strlen(" err=");
        if (value[0] != '"') {
            assert_null(strpbrk(value, " =\"\\"));
            return;
        }
        tern_text_add(&quoted, "[");
        tern_text_add_bytes(&quoted, value, strlen(value) - 1);
        tern_text_add(&quoted, "]");
    }
    if (tern_json_check(quoted.bytes, quoted.length, TERN_JSON_MAX_BYTES, &err) < 0) fail_msg("%s: %s", err.text, line);
    tern_text_fini(&quoted);
}

static void any_bytes_make_one_sound_line_in_every_format(void **state)
{
    uint64_t random = 3;
    for (enum tern_log_format format = TERN_LOG_PRETTY; format <= TERN_LOG_JSON; format++) {
        struct tern_log *log = open_log(*state, format);
        for (int round = 0; round < 20000; round++) {
            char value[48];
            size_t length = 1 + (random >> 33) % (sizeof value - 1);
            for (size_t i = 0; i < length; i++) {
                random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                unsigned byte = (unsigned)(random >> 40) & 0xFFU;
                if ((random >> 50) % 3 == 0)
                    byte = (unsigned char)"\xE2\x80\xA8\xF0\x9F\x90\xA6\xC2\x9B\xED\xA0\"\\\n=a"[byte % 17];
                value[i] = (char)byte;
            }
            value[length] = '\0';
            if (value[0] == '\0') continue; /* left out */
            tern_log_info(log, round % 2 ? "m" : value, TERN_STR("err", value));
            const char *line = written(*state);
            if (round % 2)
                assert_line_is_sound(line, format);
            else
                assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        }
        tern_log_destroy(log);
    }
}

static void a_value_is_cut_at_2_kb_between_characters(void **state)
{
    static const char *const characters[] = {"x", "ü", "€", "🐦", "\n", "\x01", "\xFF", "a b"};
    for (enum tern_log_format format = TERN_LOG_PRETTY; format <= TERN_LOG_JSON; format++) {
        struct tern_log *log = open_log(*state, format);
        for (size_t kind = 0; kind < TERN_COUNT(characters); kind++) {
            for (size_t shift = 0; shift < 7; shift++) {
                char value[6000];
                memset(value, '.', shift);
                value[shift] = '\0';
                for (size_t length = shift; length < 5000; length += strlen(characters[kind]))
                    strcpy(value + length, characters[kind]);
                tern_log_info(log, "m", TERN_STR("err", value));
                const char *line = written(*state);
                assert_line_is_sound(line, format);
                assert_in_range(strlen(line), 2040, 2048 + 120);
                assert_non_null(strstr(line, "...\""));
            }
        }
        tern_log_destroy(log);
    }
}

static void a_value_that_fits_is_not_cut(void **state)
{
    struct tern_log *log = open_log(*state, TERN_LOG_LOGFMT);
    char value[2046];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    tern_log_info(log, "m", TERN_STR("err", value));
    assert_null(strstr(written(*state), "..."));
    tern_log_destroy(log);
}

/* ---- levels and names ---- */

static void a_line_above_the_level_is_not_written(void **state)
{
    struct tern_log *log = tern_log_create("s", TERN_LOG_WARN, TERN_LOG_LOGFMT, ((struct paper *)*state)->fd, &held);
    tern_log_info(log, "no");
    tern_log_debug(log, "no");
    assert_string_equal(written(*state), "");
    tern_log_warn(log, "yes");
    assert_non_null(strstr(written(*state), "level=warn"));
    tern_log_set_level(log, TERN_LOG_DEBUG);
    assert_true(tern_log_enabled(log, TERN_LOG_DEBUG));
    tern_log_debug(log, "yes");
    assert_non_null(strstr(written(*state), "level=debug"));
    tern_log_set_level(log, TERN_LOG_ERROR);
    assert_false(tern_log_enabled(log, TERN_LOG_WARN));
    tern_log_destroy(log);
}

static void no_log_is_silent_everywhere(void **state)
{
    (void)state;
    tern_log_error(NULL, "x", TERN_STR("err", "y"));
    tern_log_set_level(NULL, TERN_LOG_DEBUG);
    assert_false(tern_log_enabled(NULL, TERN_LOG_ERROR));
    assert_null(tern_log_create_buffered(NULL));
    assert_int_equal(tern_log_position(NULL), 0);
    tern_log_undo(NULL, 0);
    tern_log_flush(NULL);
    tern_log_destroy(NULL);
}

static int64_t steady_ms(void)
{
    return tern_steady(&tern_clock_system);
}

/* poll(2) ignores a negative descriptor: it waits for the whole of its time. */
static void a_log_on_no_descriptor_is_silent_at_once(void **state)
{
    struct tern_log *log = tern_log_create("s", TERN_LOG_DEBUG, TERN_LOG_LOGFMT, -1, &held);
    struct tern_log *buffered = tern_log_create_buffered(log);
    int64_t since_ms = steady_ms();
    assert_false(tern_log_enabled(log, TERN_LOG_ERROR));
    for (int i = 0; i < 100; i++) {
        tern_log_error(log, "lost");
        tern_log_error(buffered, "lost");
        tern_log_flush(buffered);
    }
    assert_int_equal(tern_log_position(buffered), 0);
    assert_true(steady_ms() - since_ms < 1000);
    tern_log_destroy(buffered);
    tern_log_destroy(log);
    assert_string_equal(written(*state), "");
}

static void names_of_levels_and_formats_are_exact(void **state)
{
    (void)state;
    enum tern_log_level level = TERN_LOG_DEBUG;
    assert_int_equal(tern_log_level_parse("error", &level), 0);
    assert_int_equal(level, TERN_LOG_ERROR);
    assert_int_equal(tern_log_level_parse("warn", &level), 0);
    assert_int_equal(level, TERN_LOG_WARN);
    assert_int_equal(tern_log_level_parse("info", &level), 0);
    assert_int_equal(level, TERN_LOG_INFO);
    assert_int_equal(tern_log_level_parse("debug", &level), 0);
    assert_int_equal(level, TERN_LOG_DEBUG);
    assert_int_equal(tern_log_level_parse("INFO", &level), -1);
    assert_int_equal(tern_log_level_parse("", &level), -1);
    assert_int_equal(level, TERN_LOG_DEBUG);
    enum tern_log_format format = TERN_LOG_JSON;
    assert_int_equal(tern_log_format_parse("auto", &format), 0);
    assert_int_equal(format, TERN_LOG_AUTO);
    assert_int_equal(tern_log_format_parse("pretty", &format), 0);
    assert_int_equal(format, TERN_LOG_PRETTY);
    assert_int_equal(tern_log_format_parse("logfmt", &format), 0);
    assert_int_equal(format, TERN_LOG_LOGFMT);
    assert_int_equal(tern_log_format_parse("json", &format), 0);
    assert_int_equal(format, TERN_LOG_JSON);
    assert_int_equal(tern_log_format_parse("xml", &format), -1);
    assert_int_equal(format, TERN_LOG_JSON);
}

/* ---- terminals, colours, the journal ---- */

/* What a log of this format writes on a terminal. */
static const char *on_terminal(enum tern_log_format format)
{
    static char text[1024];
    int ends[2];
    assert_int_equal(openpty(&ends[0], &ends[1], NULL, NULL, NULL), 0);
    struct tern_log *log = tern_log_create("order-service", TERN_LOG_INFO, format, ends[1], &held);
    tern_log_info(log, "up", TERN_INT("port", 3001));
    tern_log_destroy(log);
    ssize_t length = read(ends[0], text, sizeof text - 1);
    assert_true(length > 0);
    text[length] = '\0';
    (void)close(ends[0]);
    (void)close(ends[1]);
    return text;
}

static void auto_is_pretty_and_coloured_on_a_terminal_and_logfmt_elsewhere(void **state)
{
    const char *text = on_terminal(TERN_LOG_AUTO);
    assert_non_null(strstr(text, "\033[32mINFO"));
    assert_non_null(strstr(text, "port="));
    struct tern_log *log = open_log(*state, TERN_LOG_AUTO);
    tern_log_info(log, "up");
    assert_memory_equal(written(*state), "time=", 5);
    tern_log_destroy(log);
    assert_null(strchr(on_terminal(TERN_LOG_JSON), '\033'));
    assert_null(strchr(on_terminal(TERN_LOG_LOGFMT), '\033'));
}

static void colours_follow_force_color_then_no_color_and_term(void **state)
{
    static const struct {
        const char *no_color, *force_color, *term;
        int on_terminal, on_file;
    } cases[] = {
        {NULL, NULL,    "xterm", 1, 0},
        {NULL, NULL,    NULL,    1, 0},
        {NULL, NULL,    "dumb",  0, 0},
        {"1",  NULL,    "xterm", 0, 0},
        {"",   NULL,    "xterm", 1, 0},
        {NULL, "1",     "xterm", 1, 1},
        {NULL, "1",     "dumb",  1, 1},
        {"1",  "1",     "xterm", 1, 1},
        {NULL, "0",     "xterm", 0, 0},
        {NULL, "false", "xterm", 0, 0},
        {NULL, "",      "xterm", 1, 0},
    };
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        (void)(cases[i].no_color ? setenv("NO_COLOR", cases[i].no_color, 1) : unsetenv("NO_COLOR"));
        (void)(cases[i].force_color ? setenv("FORCE_COLOR", cases[i].force_color, 1) : unsetenv("FORCE_COLOR"));
        (void)(cases[i].term ? setenv("TERM", cases[i].term, 1) : unsetenv("TERM"));
        assert_int_equal(strchr(on_terminal(TERN_LOG_PRETTY), '\033') != NULL, cases[i].on_terminal);
        struct tern_log *log = open_log(*state, TERN_LOG_PRETTY);
        tern_log_info(log, "up");
        assert_int_equal(strchr(written(*state), '\033') != NULL, cases[i].on_file);
        tern_log_destroy(log);
    }
}

static void each_service_has_its_own_colour(void **state)
{
    static const char *const services[] = {"order-service", "payment-service", "inventory-service",
                                           "notification-service"};
    char starts[TERN_COUNT(services)][64];
    (void)setenv("FORCE_COLOR", "1", 1);
    for (size_t i = 0; i < TERN_COUNT(services); i++) {
        struct tern_log *log =
            tern_log_create(services[i], TERN_LOG_INFO, TERN_LOG_PRETTY, ((struct paper *)*state)->fd, &held);
        tern_log_info(log, "up");
        const char *line = written(*state);
        const char *name = strstr(line, services[i]);
        assert_non_null(name);
        (void)snprintf(starts[i], sizeof starts[i], "%.*s", (int)(name - line), line);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(starts[i], starts[j]);
        tern_log_destroy(log);
    }
}

static void under_the_journal_a_line_opens_with_its_priority(void **state)
{
    struct stat file;
    char stream[64];
    assert_int_equal(fstat(((struct paper *)*state)->fd, &file), 0);
    (void)snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)file.st_dev, (uintmax_t)file.st_ino);
    (void)setenv("JOURNAL_STREAM", stream, 1);
    struct tern_log *log = open_log(*state, TERN_LOG_LOGFMT);
    tern_log_error(log, "e");
    tern_log_warn(log, "w");
    tern_log_info(log, "i");
    tern_log_debug(log, "d");
    const char *line = written(*state);
    static const char *const starts[] = {"<3>time=", "<4>time=", "<6>time=", "<7>time="};
    for (size_t i = 0; i < TERN_COUNT(starts); i++, line = strchr(line, '\n') + 1)
        assert_memory_equal(line, starts[i], 8);
    tern_log_destroy(log);
    (void)setenv("JOURNAL_STREAM", "1:1", 1);
    log = open_log(*state, TERN_LOG_LOGFMT);
    tern_log_info(log, "i");
    assert_memory_equal(written(*state), "time=", 5);
    tern_log_destroy(log);
}

/* ---- time, errno, threads ---- */

static void each_line_has_the_time_of_its_moment(void **state)
{
    struct tern_log *log = open_log(*state, TERN_LOG_LOGFMT);
    static const struct {
        int64_t ms;
        const char *text;
    } moments[] = {
        {1000, "time=1970-01-01T00:00:01.000Z"},
        {1000, "time=1970-01-01T00:00:01.000Z"},
        {1001, "time=1970-01-01T00:00:01.001Z"},
        {999,  "time=1970-01-01T00:00:00.999Z"},
    };
    for (size_t i = 0; i < TERN_COUNT(moments); i++) {
        now_ms = moments[i].ms;
        tern_log_info(log, "m");
        assert_memory_equal(written(*state), moments[i].text, strlen(moments[i].text));
    }
    tern_log_destroy(log);
}

static void errno_survives_a_line_also_one_that_cannot_be_written(void **state)
{
    (void)state;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);
    struct tern_log *log = tern_log_create("s", TERN_LOG_INFO, TERN_LOG_LOGFMT, full, &held);
    errno = ENOENT;
    tern_log_info(log, "lost");
    assert_int_equal(errno, ENOENT);
    tern_log_destroy(log);
    (void)close(full);
}

enum { THREADS = 4, LINES = 2000 };

/* Flushes are larger than what a pipe takes as one piece by itself. */
static void *write_many(void *log)
{
    char value[600];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    struct tern_log *buffered = tern_log_create_buffered(log);
    for (int i = 0; i < LINES; i++) {
        tern_log_info(i % 2 ? buffered : log, "line", TERN_STR("queue", value), TERN_INT("last", 1));
        if (i % 60 == 0) tern_log_flush(buffered);
    }
    tern_log_flush(buffered);
    tern_log_destroy(buffered);
    return NULL;
}

static void lines_of_threads_never_mix(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct tern_log *log = tern_log_create("s", TERN_LOG_INFO, TERN_LOG_LOGFMT, ends[1], &tern_clock_system);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, log), 0);
    FILE *lines = fdopen(ends[0], "r");
    assert_non_null(lines);
    char line[2048];
    for (int i = 0; i < THREADS * LINES; i++) {
        assert_non_null(fgets(line, sizeof line, lines));
        assert_memory_equal(line, "time=", 5);
        assert_ptr_equal(strstr(line, " last=1\n"), line + strlen(line) - 8);
        assert_null(strstr(line + 5, "time="));
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    tern_log_destroy(log);
    (void)close(ends[1]);
    assert_null(fgets(line, sizeof line, lines));
    (void)fclose(lines);
}

/* A pipe of packets keeps the border of each write(2). */
static void a_line_is_one_write_and_so_is_a_flush(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_DIRECT), 0);
    struct tern_log *log = tern_log_create("s", TERN_LOG_INFO, TERN_LOG_LOGFMT, ends[1], &held);
    struct tern_log *buffered = tern_log_create_buffered(log);
    char text[8192];
    tern_log_info(log, "one", TERN_STR("queue", "a b"));
    ssize_t length = read(ends[0], text, sizeof text);
    assert_true(length > 0 && text[length - 1] == '\n');
    for (int i = 0; i < 10; i++)
        tern_log_info(buffered, "ten", TERN_INT("i", i));
    tern_log_flush(buffered);
    length = read(ends[0], text, sizeof text);
    int lines = 0;
    for (ssize_t i = 0; i < length; i++)
        lines += text[i] == '\n';
    assert_int_equal(lines, 10);
    tern_log_destroy(buffered);
    tern_log_destroy(log);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void a_reader_that_does_not_read_holds_up_nobody_for_long(void **state)
{
    int ends[2];
    char text[65536];
    (void)state;
    assert_int_equal(pipe(ends), 0); /* one that would wait */
    struct tern_log *log = tern_log_create("s", TERN_LOG_INFO, TERN_LOG_LOGFMT, ends[1], &held);
    struct tern_log *buffered = tern_log_create_buffered(log);
    for (int i = 0; i < 5000; i++) {
        tern_log_info(log, "a line of some length, so that the pipe is full soon");
        tern_log_info(buffered, "a line of some length, so that the pipe is full soon");
        if (i % 100 == 0) tern_log_flush(buffered);
    }
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    while (read(ends[0], text, sizeof text) > 0)
        continue;
    tern_log_info(log, "heard");
    ssize_t length = read(ends[0], text, sizeof text - 1);
    assert_true(length > 0);
    text[length] = '\0';
    assert_non_null(strstr(text, "msg=heard\n"));
    tern_log_destroy(buffered);
    tern_log_destroy(log);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* ---- lines that wait ---- */

static void a_buffered_line_appears_at_the_flush_in_order(void **state)
{
    struct tern_log *log = open_log(*state, TERN_LOG_LOGFMT);
    struct tern_log *buffered = tern_log_create_buffered(log);
    tern_log_info(buffered, "first");
    tern_log_info(buffered, "second");
    assert_string_equal(written(*state), "");
    tern_log_flush(buffered);
    const char *text = written(*state);
    assert_non_null(strstr(text, "service=order-service msg=first\n"));
    assert_true(strstr(text, "first") < strstr(text, "second"));
    tern_log_flush(buffered);
    assert_string_equal(written(*state), "");
    tern_log_destroy(buffered);
    tern_log_destroy(log);
}

static void what_is_undone_never_appears(void **state)
{
    struct tern_log *log = open_log(*state, TERN_LOG_LOGFMT);
    struct tern_log *buffered = tern_log_create_buffered(log);
    tern_log_undo(buffered, tern_log_position(buffered)); /* nothing yet */
    tern_log_info(buffered, "kept");
    size_t outer = tern_log_position(buffered);
    tern_log_info(buffered, "undone");
    size_t inner = tern_log_position(buffered);
    tern_log_info(buffered, "inner");
    tern_log_undo(buffered, inner);
    tern_log_undo(buffered, outer);
    tern_log_info(buffered, "after");
    tern_log_flush(buffered);
    const char *text = written(*state);
    assert_non_null(strstr(text, "msg=kept\n"));
    assert_non_null(strstr(text, "msg=after\n"));
    assert_null(strstr(text, "undone"));
    assert_null(strstr(text, "inner"));
    tern_log_info(buffered, "never true");
    tern_log_destroy(buffered);
    assert_string_equal(written(*state), "");
    tern_log_destroy(log);
}

static void a_buffered_log_follows_the_level_of_its_target(void **state)
{
    struct tern_log *log = open_log(*state, TERN_LOG_LOGFMT);
    struct tern_log *buffered = tern_log_create_buffered(log);
    tern_log_set_level(log, TERN_LOG_WARN);
    assert_false(tern_log_enabled(buffered, TERN_LOG_INFO));
    tern_log_info(buffered, "no");
    assert_int_equal(tern_log_position(buffered), 0);
    tern_log_set_level(buffered, TERN_LOG_INFO);
    assert_true(tern_log_enabled(log, TERN_LOG_INFO));
    tern_log_destroy(buffered);
    tern_log_destroy(log);
}

static void a_flush_larger_than_any_buffer_loses_nothing(void **state)
{
    struct paper *paper = *state;
    struct tern_log *log = open_log(paper, TERN_LOG_LOGFMT);
    struct tern_log *buffered = tern_log_create_buffered(log);
    for (int round = 0; round < 2; round++) {
        char value[1000];
        memset(value, 'v', sizeof value - 1);
        value[sizeof value - 1] = '\0';
        for (int i = 0; i < 1000; i++)
            tern_log_info(buffered, "m", TERN_STR("queue", value));
        size_t waiting = tern_log_position(buffered);
        assert_true(waiting > 1000 * 1000);
        tern_log_flush(buffered);
        struct stat file;
        assert_int_equal(fstat(paper->fd, &file), 0);
        assert_int_equal(file.st_size, waiting);
        assert_int_equal(tern_log_position(buffered), 0);
        (void)written(paper);
    }
    tern_log_destroy(buffered);
    tern_log_destroy(log);
}

static void a_quota_lets_so_many_lines_a_minute_through_and_counts_the_others(void **state)
{
    struct tern_log_quota quota = {0};
    int64_t left_out;
    (void)state;
    for (int minute = 0; minute < 3; minute++) {
        for (int line = 0; line < 100; line++) {
            enum tern_log_level level = tern_log_quota_take(&quota, 2, 1000 + minute * 60000 + line, &left_out);
            assert_int_equal(level, line < 2 ? TERN_LOG_WARN : TERN_LOG_DEBUG);
            assert_int_equal(left_out, line == 0 && minute > 0 ? 98 : 0);
        }
    }
    assert_int_equal(tern_log_count("leftOut", 98).number, 98);
    assert_string_equal(tern_log_count("leftOut", 0).text, ""); /* left out of the line */
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(a_logfmt_line_has_its_keys_in_order),
        LOG_TEST(a_json_line_has_the_same_keys),
        LOG_TEST(a_pretty_line_is_aligned_and_plain_without_a_terminal),
        LOG_TEST(values_are_quoted_only_where_logfmt_needs_it),
        LOG_TEST(a_key_that_is_no_word_cannot_break_the_line),
        LOG_TEST(any_bytes_make_one_sound_line_in_every_format),
        LOG_TEST(a_value_is_cut_at_2_kb_between_characters),
        LOG_TEST(a_value_that_fits_is_not_cut),
        LOG_TEST(a_line_above_the_level_is_not_written),
        LOG_TEST(no_log_is_silent_everywhere),
        LOG_TEST(a_log_on_no_descriptor_is_silent_at_once),
        LOG_TEST(names_of_levels_and_formats_are_exact),
        LOG_TEST(auto_is_pretty_and_coloured_on_a_terminal_and_logfmt_elsewhere),
        LOG_TEST(colours_follow_force_color_then_no_color_and_term),
        LOG_TEST(each_service_has_its_own_colour),
        LOG_TEST(under_the_journal_a_line_opens_with_its_priority),
        LOG_TEST(each_line_has_the_time_of_its_moment),
        LOG_TEST(errno_survives_a_line_also_one_that_cannot_be_written),
        LOG_TEST(lines_of_threads_never_mix),
        LOG_TEST(a_line_is_one_write_and_so_is_a_flush),
        LOG_TEST(a_reader_that_does_not_read_holds_up_nobody_for_long),
        LOG_TEST(a_buffered_line_appears_at_the_flush_in_order),
        LOG_TEST(what_is_undone_never_appears),
        LOG_TEST(a_buffered_log_follows_the_level_of_its_target),
        LOG_TEST(a_flush_larger_than_any_buffer_loses_nothing),
        cmocka_unit_test(a_quota_lets_so_many_lines_a_minute_through_and_counts_the_others),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
