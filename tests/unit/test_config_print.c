/* test_config_print.c - what people see of settings: help that is complete, values that hide secrets. */
#include "tern_test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/config_read.h"
#include "tern/config.h"

static const struct tern_config_key table[] = {
    {"AMQP_URL",    TERN_CFG_URL,    "amqp://guest:guest@127.0.0.1:5672/%2f", "address of the broker",    NULL,
     "RABBITMQ_URL|CLOUDAMQP_URL"                                                                                                      },
    {"PORT",        TERN_CFG_PORT,   "3001",                                  "port of the HTTP server",  NULL,                    NULL},
    {"BATCH_MAX",   TERN_CFG_COUNT,  "500",                                   "units in one transaction", "1-2000",                NULL},
    {"LOG_LEVEL",   TERN_CFG_CHOICE, "info",                                  "how much is logged",       "error|warn|info|debug", NULL},
    {"GREETING",    TERN_CFG_TEXT,   "",                                      "first words",              NULL,                    NULL},
    {"ADMIN_TOKEN", TERN_CFG_SECRET, "",                                      "opens the admin calls",    NULL,                    NULL},
    {NULL,          TERN_CFG_TEXT,   NULL,                                    NULL,                       NULL,                    NULL},
};

static const struct tern_config_key *const tables[] = {table, NULL};

static struct tern_config *read_settings(char **argv, char **environment)
{
    int argc = 0;
    while (argv[argc])
        argc++;
    enum tern_config_action action;
    bool usage;
    struct tern_text faults = {0};
    struct tern_config *config = tern_config_read(tables, argc, argv, environment, &action, &faults, &usage);
    if (!config || faults.length > 0) fail_msg("%s", faults.bytes);
    tern_text_fini(&faults);
    return config;
}

static void help_names_every_setting_with_its_flag_default_and_limits(void **state)
{
    (void)state;
    struct tern_text help = {0};
    tern_config_help(tables, "order-service", "Takes orders.", &help);
    assert_memory_equal(help.bytes, "Usage: order-service [--setting value]...\n\nTakes orders.\n", 57);
    static const char *const lines[] = {
        "\n  AMQP_URL     --amqp-url     address of the broker (default amqp://guest:guest@127.0.0.1:5672/%2f; also R",
        " also RABBITMQ_URL, CLOUDAMQP_URL)\n",
        "\n  PORT         --port         port of the HTTP server (default 3001)\n",
        "\n  BATCH_MAX    --batch-max    units in one transaction (1-2000; default 500)\n",
        "\n  LOG_LEVEL    --log-level    how much is logged (error, warn, info, debug; default info)\n",
        "\n  GREETING     --greeting     first words (not set by default)\n",
        "\n  ADMIN_TOKEN  (no flag)      opens the admin calls (not set by default)\n",
        "\n  --help          ",
        "\n  --version       ",
        "\n  --check-config  ",
        "\n  --print-config  ",
        "\n  --healthcheck   ",
        "\n  --config FILE   ",
    };
    for (size_t i = 0; i < TERN_COUNT(lines); i++)
        if (!strstr(help.bytes, lines[i])) fail_msg("no line %s in %s", lines[i], help.bytes);
    tern_text_fini(&help);
}

static void printed_settings_hide_secrets_and_passwords(void **state)
{
    (void)state;
    char *argv[] = {"x", NULL};
    char *environment[] = {"AMQP_URL=amqp://shop:s3cret@broker:5672/%2f", "ADMIN_TOKEN=s3cret", "PORT=4000", NULL};
    struct tern_config *config = read_settings(argv, environment);
    struct tern_text out = {0};
    tern_config_print(config, &out);
    assert_string_equal(out.bytes,
                        "AMQP_URL=amqp://shop:****@broker:5672/%2f\nPORT=4000\nBATCH_MAX=500\nLOG_LEVEL=info\n"
                        "GREETING=\nADMIN_TOKEN=****\n");
    tern_text_fini(&out);
    tern_config_destroy(config);
}

static void what_is_printed_can_be_read_as_a_file_again(void **state)
{
    (void)state;
    static const char *const greetings[] = {"hello", " two  words ", "\"quoted\"", "'", "a=b#c",
                                            "#",     "\"",           "a\"",        ";x"};
    for (size_t i = 0; i < TERN_COUNT(greetings); i++) {
        char path[] = "/tmp/test_config_print.XXXXXX";
        char flag[64];
        char setting[64];
        (void)snprintf(setting, sizeof setting, "GREETING=%s", greetings[i]);
        char *argv[] = {"x", NULL, NULL};
        char *environment[] = {setting, "AMQP_URL=amqp://plain", NULL};
        char *nothing[] = {NULL};
        struct tern_config *config = read_settings(argv, environment);
        struct tern_text printed = {0};
        tern_config_print(config, &printed);
        tern_config_destroy(config);
        int fd = mkstemp(path);
        assert_int_equal(write(fd, printed.bytes, printed.length), printed.length);
        assert_int_equal(close(fd), 0);
        (void)snprintf(flag, sizeof flag, "--config=%s", path);
        argv[1] = flag;
        config = read_settings(argv, nothing);
        (void)unlink(path);
        assert_string_equal(tern_config_text(config, "GREETING"), greetings[i]);
        tern_config_destroy(config);
        tern_text_fini(&printed);
    }
}

static void the_password_of_a_url_is_masked_however_it_is_written(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *masked;
    } cases[] = {
        {"amqp://guest:guest@host:5672/%2f",         "amqp://guest:****@host:5672/%2f"           },
        {"amqp://guest@host",                        "amqp://guest@host"                         },
        {"amqp://host:5672/%2f",                     "amqp://host:5672/%2f"                      },
        {"amqp://:pw@host",                          "amqp://:****@host"                         },
        {"amqp://u:@host",                           "amqp://u:****@host"                        },
        {"amqp://u:p@ss@host",                       "amqp://u:****@host"                        },
        {"amqp://u:p/ss@host/v",                     "amqp://u:****@host/v"                      },
        {"amqp://u:p@s/s@host/v",                    "amqp://u:****@host/v"                      },
        {"amqp://u:p?ss@host",                       "amqp://u:****@host"                        },
        {"amqp://u:p#:ss@host",                      "amqp://u:****@host"                        },
        {"smtp://u:p@[::1]:25",                      "smtp://u:****@[::1]:25"                    },
        {"http://[::1]:25/",                         "http://[::1]:25/"                          },
        {"user:secret@host",                         "user:****@host"                            },
        {"sqlite:var/order.db",                      "sqlite:var/order.db"                       },
        {"sqlite:///abs/path",                       "sqlite:///abs/path"                        },
        {"postgresql://h/db?user=u&password=pw&x=1", "postgresql://h/db?user=u&password=****&x=1"},
        {"https://h/hook?TOKEN=abc;sig=x",           "https://h/hook?TOKEN=****;sig=****"        },
        {"https://h/?api_key=1#part",                "https://h/?api_key=****"                   },
        {"https://h/?flag&a=b",                      "https://h/?flag&a=b"                       },
        {"https://h/?",                              "https://h/?"                               },
        {"https://h/?&&a",                           "https://h/?&&a"                            },
        {"",                                         ""                                          },
    };
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        struct tern_text out = {0};
        tern_text_add(&out, "");
        tern_config_mask_url(cases[i].url, &out);
        assert_string_equal(out.bytes, cases[i].masked);
        tern_text_fini(&out);
    }
}

/* ---- questions that must not be asked ---- */

static struct tern_config *asked;

static void ask_unknown(void)
{
    (void)tern_config_text(asked, "NO_SUCH_SETTING");
}

static void ask_number_of_text(void)
{
    (void)tern_config_number(asked, "GREETING");
}

static void ask_ratio_of_number(void)
{
    (void)tern_config_ratio(asked, "PORT");
}

static void ask_range_of_number(void)
{
    int64_t low;
    int64_t high;
    tern_config_range(asked, "PORT", &low, &high);
}

static void bad_default(void)
{
    static const struct tern_config_key bad[] = {
        {"PORT", TERN_CFG_PORT, "none", "",   NULL, NULL},
        {NULL,   TERN_CFG_TEXT, NULL,   NULL, NULL, NULL}
    };
    struct tern_text out = {0};
    tern_config_help((const struct tern_config_key *const[]){bad, NULL}, "x", "x", &out);
    tern_text_fini(&out);
}

static void asking_wrongly_or_a_wrong_table_stops_the_process(void **state)
{
    (void)state;
    char *argv[] = {"x", NULL};
    char *nothing[] = {NULL};
    asked = read_settings(argv, nothing);
    static void (*const questions[])(void) = {ask_unknown, ask_number_of_text, ask_ratio_of_number, ask_range_of_number,
                                              bad_default};
    for (size_t i = 0; i < TERN_COUNT(questions); i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
            (void)signal(SIGABRT, SIG_DFL);
            int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
            (void)dup2(null, STDERR_FILENO);
            questions[i]();
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
    tern_config_destroy(asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_names_every_setting_with_its_flag_default_and_limits),
        cmocka_unit_test(printed_settings_hide_secrets_and_passwords),
        cmocka_unit_test(what_is_printed_can_be_read_as_a_file_again),
        cmocka_unit_test(the_password_of_a_url_is_masked_however_it_is_written),
        cmocka_unit_test(asking_wrongly_or_a_wrong_table_stops_the_process),
    };
    return cmocka_run_group_tests_name("config_print", tests, NULL, NULL);
}
