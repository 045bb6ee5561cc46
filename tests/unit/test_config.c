/* test_config.c - where settings come from, which values are allowed, and what is said when they are not. */
#include "tern_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/config_read.h"
#include "tern/config.h"

static const struct tern_config_key core[] = {
    {"AMQP_URL",     TERN_CFG_URL,    "amqp://guest:guest@127.0.0.1:5672/%2f", "address of the broker",   NULL,
     "RABBITMQ_URL|CLOUDAMQP_URL"                                                                                                      },
    {"DATABASE_URL", TERN_CFG_URL,    "sqlite:var/service.db",                 "the store",               NULL,                    NULL},
    {"PORT",         TERN_CFG_PORT,   "3000",                                  "port of the HTTP server", NULL,                    NULL},
    {"LOG_LEVEL",    TERN_CFG_CHOICE, "info",                                  "how much is logged",      "error|warn|info|debug", NULL},
    {"ADMIN_TOKEN",  TERN_CFG_SECRET, "",                                      "opens the admin calls",   NULL,                    NULL},
    {NULL,           TERN_CFG_TEXT,   NULL,                                    NULL,                      NULL,                    NULL},
};

static const struct tern_config_key own[] = {
    {"PORT",                 TERN_CFG_PORT,     "3001",            "port of the HTTP server",           NULL,     NULL},
    {"BATCH_MAX",            TERN_CFG_COUNT,    "500",             "units in one transaction",          "1-2000", NULL},
    {"MANY",                 TERN_CFG_COUNT,    "7",               "any number",                        NULL,     NULL},
    {"ORDER_NUDGE_S",        TERN_CFG_SECONDS,  "10",              "when an answer is asked for again", NULL,     NULL},
    {"RETRY_BACKOFF_MS",     TERN_CFG_MS,       "200",             "wait before the first retry",       NULL,     NULL},
    {"PAYMENT_DELAY_MS",     TERN_CFG_MS_RANGE, "1000-3000",       "how long a payment takes",          NULL,     NULL},
    {"PAYMENT_SUCCESS_RATE", TERN_CFG_RATIO,    "0.8",             "chance of success",                 NULL,     NULL},
    {"INVENTORY",            TERN_CFG_TEXT,     "",                "has nothing to do with the file",   NULL,     NULL},
    {"INVENTORY_FILE",       TERN_CFG_PATH,     "",                "first stock",                       NULL,     NULL},
    {"ADMIN_EMAIL",          TERN_CFG_TEXT,     "admin@store.com", "who is told",                       NULL,     NULL},
    {NULL,                   TERN_CFG_TEXT,     NULL,              NULL,                                NULL,     NULL},
};

static const struct tern_config_key *const tables[] = {core, own, NULL};

/* ---- one reading ---- */

enum { WORDS_MAX = 12 };

struct attempt {
    struct tern_config *config;
    enum tern_config_action action;
    struct tern_text faults;
    bool usage;
};

/* Words parted by "|": "--port|7". */
static size_t split(char *copy, char *words[WORDS_MAX + 1])
{
    size_t count = 0;
    for (char *rest = copy, *word; copy[0] != '\0' && (word = strsep(&rest, "|")) != NULL;) {
        assert_true(count < WORDS_MAX);
        words[count++] = word;
    }
    words[count] = NULL;
    return count;
}

/* `flags` and `environment` are words parted by "|". */
static struct attempt attempt(const char *flags, const char *environment)
{
    struct attempt result = {NULL, TERN_ACTION_RUN, {0}, false};
    struct tern_text line = {0};
    tern_text_printf(&line, "order-service%s%s", flags[0] ? "|" : "", flags);
    char *flag_text = tern_text_take(&line);
    char *environment_text = tern_copy_text(environment);
    char *argv[WORDS_MAX + 1];
    char *variables[WORDS_MAX + 1];
    int argc = (int)split(flag_text, argv);
    (void)split(environment_text, variables);
    tern_text_add(&result.faults, "");
    result.config = tern_config_read(tables, argc, argv, variables, &result.action, &result.faults, &result.usage);
    free(flag_text);
    free(environment_text);
    return result;
}

static bool taken(const struct attempt *tried)
{
    return tried->config != NULL && tried->faults.length == 0;
}

static void drop(struct attempt *tried)
{
    tern_config_destroy(tried->config);
    tern_text_fini(&tried->faults);
}

/* The value of one setting as text. */
static void expect(const char *flags, const char *environment, const char *name, const char *value)
{
    struct attempt tried = attempt(flags, environment);
    if (!taken(&tried)) fail_msg("%s | %s: %s", flags, environment, tried.faults.bytes);
    assert_string_equal(tern_config_text(tried.config, name), value);
    assert_string_equal(tried.faults.bytes, "");
    drop(&tried);
}

static void expect_faults(const char *flags, const char *environment, bool usage, const char *faults)
{
    struct attempt tried = attempt(flags, environment);
    if (taken(&tried)) fail_msg("taken: %s | %s", flags, environment);
    assert_string_equal(tried.faults.bytes, faults);
    assert_int_equal(tried.usage, usage);
    drop(&tried);
}

/* ---- files ---- */

static char folder[] = "/tmp/test_config.XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

/* A file with that content and mode; the path is good until the next call for the same name. */
static const char *put_file(const char *name, const void *content, size_t length, mode_t mode)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, length), length);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
    return path;
}

static const char *put_text(const char *name, const char *content, mode_t mode)
{
    return put_file(name, content, strlen(content), mode);
}

static const char *phrase(const char *format, const char *word) __attribute__((format_arg(1)));

static const char *phrase(const char *format, const char *word)
{
    static char texts[4][1024];
    static unsigned next;
    char *text = texts[next++ % 4];
    const char *hole = strstr(format, "%s");
    assert_non_null(hole);
    (void)snprintf(text, sizeof texts[0], "%.*s%s%s", (int)(hole - format), format, word, hole + 2);
    return text;
}

/* ---- sources ---- */

static void a_default_holds_until_something_is_said(void **state)
{
    (void)state;
    struct attempt tried = attempt("", "HOME=/root|PORTAL=9");
    assert_true(taken(&tried));
    assert_int_equal(tried.action, TERN_ACTION_RUN);
    assert_int_equal(tern_config_number(tried.config, "PORT"), 3001); /* the later table's */
    assert_int_equal(tern_config_number(tried.config, "BATCH_MAX"), 500);
    assert_int_equal(tern_config_number(tried.config, "ORDER_NUDGE_S"), 10);
    assert_int_equal(tern_config_number(tried.config, "RETRY_BACKOFF_MS"), 200);
    assert_true(tern_config_ratio(tried.config, "PAYMENT_SUCCESS_RATE") == 0.8);
    assert_string_equal(tern_config_text(tried.config, "ADMIN_TOKEN"), "");
    assert_string_equal(tern_config_text(tried.config, "INVENTORY_FILE"), "");
    assert_true(tern_config_is_default(tried.config, "PORT"));
    int64_t low;
    int64_t high;
    tern_config_range(tried.config, "PAYMENT_DELAY_MS", &low, &high);
    assert_int_equal(low, 1000);
    assert_int_equal(high, 3000);
    drop(&tried);
    tern_config_destroy(NULL);
}

static void the_flag_wins_over_the_environment_and_that_over_the_file(void **state)
{
    (void)state;
    const char *path = put_text("tern.conf", "PORT=4000\n", 0600);
    expect(phrase("--config=%s|--port=4002", path), "PORT=4001", "PORT", "4002");
    expect(phrase("--port|4002|--config|%s", path), "PORT=4001", "PORT", "4002");
    expect(phrase("--config=%s", path), "PORT=4001", "PORT", "4001");
    expect(phrase("--config=%s", path), "", "PORT", "4000");
    expect("", "PORT=4001", "PORT", "4001");
    expect("--port=1|--port=2", "", "PORT", "2");
    struct attempt tried = attempt("--port=3001", "");
    assert_false(tern_config_is_default(tried.config, "PORT")); /* said, though it is the same */
    drop(&tried);
    (void)unlink(path);
}

static void an_empty_variable_counts_as_not_set(void **state)
{
    (void)state;
    expect("", "PORT=", "PORT", "3001");
    expect("", "AMQP_URL=|RABBITMQ_URL=amqp://b", "AMQP_URL", "amqp://b");
    struct attempt tried = attempt("", "PORT=|ADMIN_TOKEN=|ADMIN_TOKEN_FILE=");
    assert_true(tern_config_is_default(tried.config, "PORT"));
    drop(&tried);
    expect("--admin-email=", "", "ADMIN_EMAIL", "");
    expect("--amqp-url=", "", "AMQP_URL", "");
}

static void an_alias_is_heard_after_the_name_in_the_order_given(void **state)
{
    (void)state;
    expect("", "CLOUDAMQP_URL=amqp://c", "AMQP_URL", "amqp://c");
    expect("", "CLOUDAMQP_URL=amqp://c|RABBITMQ_URL=amqp://b", "AMQP_URL", "amqp://b");
    expect("", "CLOUDAMQP_URL=amqp://c|AMQP_URL=amqp://a", "AMQP_URL", "amqp://a");
}

static void a_value_may_stand_in_a_file_of_its_own(void **state)
{
    (void)state;
    static const char *const contents[] = {"s3cret", "s3cret\n", "s3cret\r\n"};
    for (size_t i = 0; i < TERN_COUNT(contents); i++) {
        const char *path = put_text("token", contents[i], 0600);
        expect("", phrase("ADMIN_TOKEN_FILE=%s", path), "ADMIN_TOKEN", "s3cret");
        (void)unlink(path);
    }
    const char *path = put_text("port", "4007\n", 0644); /* no secret: who reads it does not matter */
    expect("", phrase("PORT_FILE=%s", path), "PORT", "4007");
    expect("--port=4008", phrase("PORT_FILE=%s", path), "PORT", "4008");
    (void)unlink(path);
    path = put_text("nothing", "\n", 0600); /* unlike an empty secret */
    expect("", phrase("ADMIN_EMAIL_FILE=%s", path), "ADMIN_EMAIL", "");
    (void)unlink(path);
}

static void a_setting_whose_own_name_ends_in_file_is_a_plain_one(void **state)
{
    (void)state;
    expect("", "INVENTORY_FILE=/some/stock.json", "INVENTORY_FILE", "/some/stock.json");
    expect("", "INVENTORY_FILE=/some/stock.json", "INVENTORY", "");
    expect("", "INVENTORY_FILE=/some/stock.json|INVENTORY=x", "INVENTORY", "x");
    expect("--inventory-file|/other.json", "INVENTORY_FILE=/some/stock.json", "INVENTORY_FILE", "/other.json");
}

static void a_credential_of_systemd_is_found_by_its_name(void **state)
{
    (void)state;
    const char *path = put_text("ADMIN_TOKEN", "s3cret\n", 0400);
    expect("", phrase("CREDENTIALS_DIRECTORY=%s", folder), "ADMIN_TOKEN", "s3cret");
    expect("", phrase("CREDENTIALS_DIRECTORY=%s|ADMIN_TOKEN=other", folder), "ADMIN_TOKEN", "other");
    (void)unlink(path);
    expect("", phrase("CREDENTIALS_DIRECTORY=%s", folder), "ADMIN_TOKEN", "");
}

static void files_that_cannot_be_used_are_named_with_the_reason(void **state)
{
    (void)state;
    expect_faults("", phrase("ADMIN_TOKEN_FILE=%s/none", folder), false,
                  phrase("ADMIN_TOKEN_FILE: cannot read %s/none: No such file or directory\n", folder));
    expect_faults("", phrase("ADMIN_TOKEN_FILE=%s", folder), false,
                  phrase("ADMIN_TOKEN_FILE: cannot read %s: Is a directory\n", folder));
    expect_faults("", "ADMIN_TOKEN=a|ADMIN_TOKEN_FILE=/x", false,
                  "ADMIN_TOKEN and ADMIN_TOKEN_FILE are both set; unset one of them\n");
    expect_faults("--port=1", "PORT=2|PORT_FILE=/x", false, "PORT and PORT_FILE are both set; unset one of them\n");
    const char *path = put_text("token", "s3cret", 0604);
    expect_faults("", phrase("ADMIN_TOKEN_FILE=%s", path), false,
                  phrase("ADMIN_TOKEN_FILE: %s can be read by everybody; take that right away (chmod o-r)\n", path));
    (void)unlink(path);
    path = put_file("token", "a\0b", 3, 0600);
    expect_faults("", phrase("ADMIN_TOKEN_FILE=%s", path), false,
                  phrase("ADMIN_TOKEN_FILE: %s holds a NUL byte, which no setting does\n", path));
    (void)unlink(path);
    path = put_text("token", "\n", 0600);
    expect_faults("", phrase("ADMIN_TOKEN_FILE=%s", path), false,
                  phrase("ADMIN_TOKEN_FILE: %s is empty; a secret is not\n", path));
    (void)unlink(path);
    char *large = tern_alloc(70000);
    memset(large, 'x', 70000);
    path = put_file("token", large, 70000, 0600);
    free(large);
    expect_faults("", phrase("ADMIN_TOKEN_FILE=%s", path), false,
                  phrase("ADMIN_TOKEN_FILE: %s is larger than 64 KiB, which no setting is\n", path));
    (void)unlink(path);
    path = put_text("token", "two\nlines\n", 0600);
    expect_faults("", phrase("ADMIN_TOKEN_FILE=%s", path), false,
                  "ADMIN_TOKEN must be one line without control characters (from ADMIN_TOKEN_FILE)\n");
    (void)unlink(path);
}

static void a_file_that_this_user_may_not_read_is_said_so(void **state)
{
    (void)state;
    const char *path = put_text("token", "s3cret", 0200);
    uid_t self = geteuid();
    if (self == 0) assert_int_equal(seteuid(65534), 0); /* root may read everything */
    struct attempt tried = attempt("", phrase("ADMIN_TOKEN_FILE=%s", path));
    assert_int_equal(seteuid(self), 0);
    assert_false(taken(&tried));
    assert_string_equal(tried.faults.bytes, phrase("ADMIN_TOKEN_FILE: cannot read %s: Permission denied\n", path));
    drop(&tried);
    (void)unlink(path);
}

/* ---- the --config file ---- */

static void a_file_of_lines_reads_like_an_environment_file(void **state)
{
    (void)state;
    static const char content[] =
        "# the broker\n\n; and the rest\r\n  PORT = 4000  \nADMIN_EMAIL=\"a b \"\r\n"
        "INVENTORY_FILE='x'\nRABBITMQ_URL=amqp://b?x=y\nLOG_LEVEL=\nADMIN_TOKEN=s=3#x\nMANY=\"1\"";
    const char *path = put_text("tern.conf", content, 0600);
    struct attempt tried = attempt(phrase("--config=%s", path), "");
    assert_string_equal(tried.faults.bytes, "");
    assert_int_equal(tern_config_number(tried.config, "PORT"), 4000);
    assert_string_equal(tern_config_text(tried.config, "ADMIN_EMAIL"), "a b ");
    assert_string_equal(tern_config_text(tried.config, "INVENTORY_FILE"), "x");
    assert_string_equal(tern_config_text(tried.config, "AMQP_URL"), "amqp://b?x=y");
    assert_string_equal(tern_config_text(tried.config, "LOG_LEVEL"), "info");
    assert_string_equal(tern_config_text(tried.config, "ADMIN_TOKEN"), "s=3#x");
    assert_int_equal(tern_config_number(tried.config, "MANY"), 1);
    drop(&tried);
    (void)unlink(path);
}

static void every_wrong_line_of_the_file_is_named(void **state)
{
    (void)state;
    static const char content[] = "PROT=1\nPORT\nPORT=0\nPORT=2\nSOMETHING_ELSE=3\nADMIN_TOKEN_FILE=/none\n=x\n";
    const char *path = put_text("tern.conf", content, 0600);
    struct attempt tried = attempt(phrase("--config=%s", path), "");
    assert_false(taken(&tried));
    assert_false(tried.usage);
    static const char *const sentences[] = {
        "%s line 1: PROT is no setting of this program; did you mean PORT?\n",
        "%s line 2: must be NAME=value\n",
        "%s line 4: PORT is set a second time\n",
        "%s line 5: SOMETHING_ELSE is no setting of this program\n",
        "%s line 7: must be NAME=value\n",
        "PORT must be a whole number from 1 to 65535, not \"0\" (from %s)\n",
    };
    for (size_t i = 0; i < TERN_COUNT(sentences); i++)
        if (!strstr(tried.faults.bytes, phrase(sentences[i], path)))
            fail_msg("no %s in %s", sentences[i], tried.faults.bytes);
    assert_non_null(strstr(tried.faults.bytes, "ADMIN_TOKEN_FILE: cannot read /none: No such file or directory\n"));
    drop(&tried);
    (void)unlink(path);
}

static void a_file_with_a_secret_is_not_for_everybody(void **state)
{
    (void)state;
    const char *path = put_text("tern.conf", "ADMIN_TOKEN=s3cret\nPORT=4000\n", 0644);
    expect_faults(phrase("--config=%s", path), "", false,
                  phrase("ADMIN_TOKEN: %s can be read by everybody; take that right away (chmod o-r)\n", path));
    (void)unlink(path);
    path = put_text("tern.conf", "PORT=4000\n", 0644);
    expect(phrase("--config=%s", path), "", "PORT", "4000");
    (void)unlink(path);
    expect_faults("--config=/none", "", false, "--config: cannot read /none: No such file or directory\n");
}

/* ---- the command line ---- */

static void wishes_are_heard_and_help_wins_whatever_else_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *flags;
        enum tern_config_action action;
    } cases[] = {
        {"",                          TERN_ACTION_RUN        },
        {"--help",                    TERN_ACTION_HELP       },
        {"-h",                        TERN_ACTION_HELP       },
        {"--version",                 TERN_ACTION_VERSION    },
        {"--check-config",            TERN_ACTION_CHECK      },
        {"--print-config",            TERN_ACTION_PRINT      },
        {"--healthcheck",             TERN_ACTION_HEALTHCHECK},
        {"--print-config|--port|7",   TERN_ACTION_PRINT      },
        {"--version|--help",          TERN_ACTION_HELP       },
        {"--nonsense|--help|word",    TERN_ACTION_HELP       },
        {"--port=x|--version|--port", TERN_ACTION_VERSION    },
    };
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        struct attempt tried = attempt(cases[i].flags, "");
        if (!taken(&tried)) fail_msg("%s: %s", cases[i].flags, tried.faults.bytes);
        assert_int_equal(tried.action, cases[i].action);
        assert_string_equal(tried.faults.bytes, "");
        drop(&tried);
    }
    struct attempt tried = attempt("--help", "PORT=none|ADMIN_TOKEN_FILE=/none");
    assert_true(taken(&tried));
    drop(&tried);
    tried = attempt("--check-config", "PORT=none");
    assert_false(taken(&tried));
    assert_int_equal(tried.action, TERN_ACTION_CHECK);
    drop(&tried);
}

static void a_wrong_command_line_is_a_fault_of_usage_with_a_hint(void **state)
{
    (void)state;
    static const struct {
        const char *flags;
        const char *faults;
    } cases[] = {
        {"--prot=1",                "unknown flag --prot; did you mean --port?\n"                               },
        {"--prot|1",                "unknown flag --prot; did you mean --port?\n"                               },
        {"--batch_max|1",           "unknown flag --batch_max; did you mean --batch-max?\n"                     },
        {"--AMQP-URL=x",            "unknown flag --AMQP-URL; did you mean --amqp-url?\n"                       },
        {"--halp",                  "unknown flag --halp; did you mean --help?\n"                               },
        {"--check-confg",           "unknown flag --check-confg; did you mean --check-config?\n"                },
        {"--conf=x",                "unknown flag --conf; did you mean --config?\n"                             },
        {"--payment-sucess-rate=1", "unknown flag --payment-sucess-rate; did you mean --payment-success-rate?\n"},
        {"--quite-something-else",  "unknown flag --quite-something-else; --help lists all\n"                   },
        {"-x",                      "unknown flag -x; --help lists all\n"                                       },
        {"--",                      "unknown flag --; --help lists all\n"                                       },
        {"--port",                  "--port needs a value: --port=... or --port ...\n"                          },
        {"--port|--print-config",   "--port needs a value: --port=... or --port ...\n"                          },
        {"--config",                "--config needs a value: --config=... or --config ...\n"                    },
        {"--version=1",             "--version takes no value\n"                                                },
        {"word",                    "unexpected argument \"word\"; settings are given as --name value\n"        },
        {"-",                       "unexpected argument \"-\"; settings are given as --name value\n"           },
        {"--admin-token=x",         "--admin-token cannot be given on the command line, where everybody can read it; set "
                            "ADMIN_TOKEN or ADMIN_TOKEN_FILE\n"                      },
    };
    for (size_t i = 0; i < TERN_COUNT(cases); i++)
        expect_faults(cases[i].flags, "", true, cases[i].faults);
}

static void all_faults_are_collected_one_a_line(void **state)
{
    (void)state;
    expect_faults("--prot=1|--batch-max=0", "PORT=x|LOG_LEVEL=loud", true,
                  "unknown flag --prot; did you mean --port?\n"
                  "PORT must be a whole number from 1 to 65535, not \"x\"\n"
                  "LOG_LEVEL must be one of error, warn, info, debug, not \"loud\"\n"
                  "BATCH_MAX must be a whole number from 1 to 2000, not \"0\" (from --batch-max)\n");
}

static void what_is_at_fault_stands_at_its_default(void **state)
{
    (void)state;
    struct attempt tried = attempt("--batch-max=0", "PORT=x|LOG_LEVEL=debug");
    assert_non_null(tried.config);
    assert_true(tried.faults.length > 0);
    assert_int_equal(tern_config_number(tried.config, "PORT"), 3001);
    assert_int_equal(tern_config_number(tried.config, "BATCH_MAX"), 500);
    assert_string_equal(tern_config_text(tried.config, "LOG_LEVEL"), "debug");
    assert_true(tern_config_is_default(tried.config, "PORT"));
    drop(&tried);
}

static void a_flag_of_any_length_is_survived(void **state)
{
    (void)state;
    char flag[3000];
    memset(flag, 'x', sizeof flag - 1);
    memcpy(flag, "--", 2);
    flag[sizeof flag - 1] = '\0';
    struct attempt tried = attempt(flag, "");
    assert_false(taken(&tried));
    assert_true(tried.usage);
    assert_true(tried.faults.length < 200);
    drop(&tried);
}

/* ---- kinds ---- */

static void each_kind_takes_what_it_allows_and_names_the_rest(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *good; /* words parted by one blank */
        const char *bad;
        const char *allowed;
    } cases[] = {
        {"PORT",                 "1 80 65535 03001",                                      "0 65536 -1 +1 1.0 0x50 80a 99999999999999999999",
         "a whole number from 1 to 65535"                                                                                                                                                            },
        {"BATCH_MAX",            "1 2000",                                                "0 2001 1e3",                                      "a whole number from 1 to 2000"                         },
        {"MANY",                 "0 9223372036854775807",                                 "-1 9223372036854775808 many",                     "a whole number, 0 or more"                             },
        {"ORDER_NUDGE_S",        "0 3153600000",                                          "3153600001 10s 1.5",                              "a whole number of seconds from 0 to 3153600000"        },
        {"RETRY_BACKOFF_MS",     "0 200",                                                 "200ms -0",                                        "a whole number of milliseconds from 0 to 3153600000000"},
        {"PAYMENT_DELAY_MS",     "0 5 5-5 1000-3000",                                     "5-3 - 5- -5 1-2-3 a-b 1.5-2 99999999999999",
         "milliseconds, one number or low-high like 1000-3000"                                                                                                                                       },
        {"PAYMENT_SUCCESS_RATE", "0 1 0.8 1.0 .5 0. 0.123456789012345 1.000000000000000",
         "1.1 2 -0.5 . 0,8 1e-1 80% nan inf 0.8.1 1.000000000000001 0.1234567890123456 99999999999999999999",                                "a number from 0 to 1 like 0.8"                         },
        {"LOG_LEVEL",            "error warn info debug",                                 "INFO loud err error|warn infos",                  "one of error, warn, info, debug"                       },
    };
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        char words[200];
        char setting[256];
        (void)snprintf(words, sizeof words, "%s", cases[i].good);
        for (char *rest = words, *word; (word = strsep(&rest, " ")) != NULL;) {
            (void)snprintf(setting, sizeof setting, "%s=%s", cases[i].name, word);
            expect("", setting, cases[i].name, word);
        }
        (void)snprintf(words, sizeof words, "%s", cases[i].bad);
        for (char *rest = words, *word; (word = strsep(&rest, " ")) != NULL;) {
            if (strchr(word, '|')) continue; /* parts words here */
            char sentence[400];
            (void)snprintf(setting, sizeof setting, "%s=%s", cases[i].name, word);
            (void)snprintf(sentence, sizeof sentence, "%s must be %s, not \"%s\"\n", cases[i].name, cases[i].allowed,
                           word);
            expect_faults("", setting, false, sentence);
        }
    }
}

static void numbers_ratios_and_ranges_have_their_values(void **state)
{
    (void)state;
    struct attempt tried =
        attempt("", "MANY=9223372036854775807|PAYMENT_SUCCESS_RATE=.25|PAYMENT_DELAY_MS=7|PORT=03001");
    assert_true(tern_config_number(tried.config, "MANY") == INT64_MAX);
    assert_int_equal(tern_config_number(tried.config, "PORT"), 3001);
    assert_true(tern_config_ratio(tried.config, "PAYMENT_SUCCESS_RATE") == 0.25);
    int64_t low;
    int64_t high;
    tern_config_range(tried.config, "PAYMENT_DELAY_MS", &low, &high);
    assert_int_equal(low, 7);
    assert_int_equal(high, 7);
    drop(&tried);
    static const char *const ratios[] = {"0.1", "0.2", "0.3", "0.7", "0.123456789012345", "0.999999999999999",
                                         "1",   "0"};
    for (size_t i = 0; i < TERN_COUNT(ratios); i++) {
        tried = attempt("", phrase("PAYMENT_SUCCESS_RATE=%s", ratios[i]));
        assert_true(tern_config_ratio(tried.config, "PAYMENT_SUCCESS_RATE") == strtod(ratios[i], NULL));
        drop(&tried);
    }
}

static void a_url_has_a_scheme_and_its_faults_never_show_it(void **state)
{
    (void)state;
    expect("", "DATABASE_URL=sqlite:///abs/path.db", "DATABASE_URL", "sqlite:///abs/path.db");
    expect("", "DATABASE_URL=sqlite:x", "DATABASE_URL", "sqlite:x");
    static const char *const bad[] = {"user:s3cret@ho st", "//s3cret", "1a:s3cret", "s3cret", "amqp:"};
    for (size_t i = 0; i < TERN_COUNT(bad); i++)
        expect_faults("", phrase("RABBITMQ_URL=%s", bad[i]), false,
                      "AMQP_URL must be a URL: a scheme, a colon, an address, no blanks (from RABBITMQ_URL)\n");
}

static void control_characters_are_refused_and_never_repeated(void **state)
{
    (void)state;
    expect_faults("--admin-email=a\nb\033[31m", "", false,
                  "ADMIN_EMAIL must be one line without control characters, not \"a?b?[31m\" (from --admin-email)\n");
    char setting[300] = "LOG_LEVEL=";
    memset(setting + 10, 'x', 200);
    struct attempt tried = attempt("", setting);
    assert_false(taken(&tried));
    assert_true(tried.faults.length < 150);
    drop(&tried);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_default_holds_until_something_is_said),
        cmocka_unit_test(the_flag_wins_over_the_environment_and_that_over_the_file),
        cmocka_unit_test(an_empty_variable_counts_as_not_set),
        cmocka_unit_test(an_alias_is_heard_after_the_name_in_the_order_given),
        cmocka_unit_test(a_value_may_stand_in_a_file_of_its_own),
        cmocka_unit_test(a_setting_whose_own_name_ends_in_file_is_a_plain_one),
        cmocka_unit_test(a_credential_of_systemd_is_found_by_its_name),
        cmocka_unit_test(files_that_cannot_be_used_are_named_with_the_reason),
        cmocka_unit_test(a_file_that_this_user_may_not_read_is_said_so),
        cmocka_unit_test(a_file_of_lines_reads_like_an_environment_file),
        cmocka_unit_test(every_wrong_line_of_the_file_is_named),
        cmocka_unit_test(a_file_with_a_secret_is_not_for_everybody),
        cmocka_unit_test(wishes_are_heard_and_help_wins_whatever_else_is_wrong),
        cmocka_unit_test(a_wrong_command_line_is_a_fault_of_usage_with_a_hint),
        cmocka_unit_test(all_faults_are_collected_one_a_line),
        cmocka_unit_test(what_is_at_fault_stands_at_its_default),
        cmocka_unit_test(a_flag_of_any_length_is_survived),
        cmocka_unit_test(each_kind_takes_what_it_allows_and_names_the_rest),
        cmocka_unit_test(numbers_ratios_and_ranges_have_their_values),
        cmocka_unit_test(a_url_has_a_scheme_and_its_faults_never_show_it),
        cmocka_unit_test(control_characters_are_refused_and_never_repeated),
    };
    return cmocka_run_group_tests_name("config", tests, make_folder, remove_folder);
}
