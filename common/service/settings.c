/* settings.c - the settings that every service has, as one table; the service's own table follows it.
 *
 * --help, --check-config and docs/CONFIGURATION.md come from it or are compared with it. PORT and DATABASE_URL have
 * their defaults in the services' tables. */
#include "settings.h"

#include <string.h>

#include "admin_token.h"
#include "common/amqp/amqp.h"
#include "common/http/http_server.h"
#include "common/store/store.h"
#include "tern/db.h"
#include "tern/http.h"

/* clang-format off */
const struct tern_config_key tern_common_settings[] = {
/*  name, kind, default,
        help,
        limits, aliases */
    {"AMQP_URL", TERN_CFG_URL, "amqp://guest:guest@127.0.0.1:5672/%2f",
     "where the broker is; amqps:// for TLS",
     NULL, "RABBITMQ_URL|CLOUDAMQP_URL"},
    {"AMQP_CA_FILE", TERN_CFG_PATH, "",
     "certificates to trust for amqps://; without it the system's",
     NULL, NULL},
    {"DATABASE_URL", TERN_CFG_URL, "",
     "the service's own store, sqlite:PATH; made when it is not there",
     NULL, NULL},
    {"PORT", TERN_CFG_PORT, "3000",
     "port of the HTTP API",
     NULL, NULL},
    {"HTTP_ADDR", TERN_CFG_TEXT, "127.0.0.1",
     "address the HTTP API is bound to; 0.0.0.0 opens it to the network",
     NULL, NULL},
    {"HTTP_CONNECTIONS", TERN_CFG_COUNT, "512",
     "most HTTP connections at a time, each with a thread of its own",
     "8-4096", NULL},
    {"HTTP_CONNECTIONS_PER_ADDRESS", TERN_CFG_COUNT, "64",
     "most of them from one address; a proxy is one address",
     "1-4096", NULL},
    {"ADMIN_TOKEN", TERN_CFG_SECRET, "",
     "bearer token of /admin and of the calls that change stock; without it one is made, in <store>.token",
     NULL, NULL},
    {"BACKUP_DIR", TERN_CFG_PATH, "",
     "folder that POST /admin/backup writes to; without it the call is 409",
     NULL, NULL},
    {"LOG_LEVEL", TERN_CFG_CHOICE, "info",
     "the least serious lines that are logged",
     "error|warn|info|debug", NULL},
    {"LOG_FORMAT", TERN_CFG_CHOICE, "auto",
     "auto is pretty on a terminal, else logfmt",
     "auto|pretty|logfmt|json", NULL},
    {"QUEUE_TYPE", TERN_CFG_CHOICE, "quorum",
     "type of the queues on the broker; one that exists cannot change its type",
     "quorum|classic", NULL},
    {"PREFETCH", TERN_CFG_COUNT, "256",
     "most messages taken from the broker and not yet acknowledged",
     "1-2000", NULL},
    {"PUBLISH_WINDOW", TERN_CFG_COUNT, "512",
     "most events sent to the broker and not yet confirmed",
     "1-4096", NULL},
    {"BATCH_MAX", TERN_CFG_COUNT, "128",
     "most messages, requests and outcomes in one transaction",
     "1-4096", NULL},
    {"BACKLOG_MAX", TERN_CFG_COUNT, "1000000",
     "events waiting for the broker from which on no new work is taken in (503)",
     "1-100000000", NULL},
    {"BACKLOG_MAX_AGE_S", TERN_CFG_SECONDS, "3600",
     "how long an event may wait for the broker before no new work is taken in (503)",
     "1-31536000", NULL},
    {"REPUBLISH_WINDOW_S", TERN_CFG_SECONDS, "86400",
     "how much of its log a service publishes again to a broker that lost its queues; 0: nothing",
     "0-2419200", NULL},
    {"RETRY_MAX_ATTEMPTS", TERN_CFG_COUNT, "5",
     "attempts before a message is parked, or a job counts as failed",
     "1-100", NULL},
    {"RETRY_BACKOFF_MS", TERN_CFG_MS, "200",
     "pause before the second attempt; doubles up to 5 minutes, give or take a quarter",
     NULL, NULL},
    {"REPLAY_TO", TERN_CFG_TEXT, "",
     "publish own events again to this queue of the broker, and stop; the service must not run (else POST /admin/replay)",
     NULL, NULL},
    {"REPLAY_SINCE", TERN_CFG_TEXT, "",
     "replay: events logged since a time like 2026-11-23T14:30:00Z, or an age like 7d",
     NULL, NULL},
    {"REPLAY_FROM", TERN_CFG_COUNT, "0",
     "replay: the first event by its number in the log, instead of a time; 0: not given",
     NULL, NULL},
    {"REPLAY_UNTIL", TERN_CFG_TEXT, "",
     "replay: no event logged later than this time or age",
     NULL, NULL},
    {"REPLAY_TYPES", TERN_CFG_TEXT, "",
     "replay: only events of these types, with commas between them",
     NULL, NULL},
    {"REPLAY_SUBJECT", TERN_CFG_TEXT, "",
     "replay: only events about this order or product",
     NULL, NULL},
    {"REPLAY_RATE", TERN_CFG_COUNT, "1000",
     "replay: events per second, at most",
     "1-100000", NULL},
    {"REPLAY_DRY_RUN", TERN_CFG_CHOICE, "off",
     "replay: on counts the events and publishes nothing",
     "on|off", NULL},
    {NULL, TERN_CFG_TEXT, NULL, NULL, NULL, NULL},
};
/* clang-format on */

/* Adds the fault of one setting, if there is one. */
static bool is_sound(int status, const char *name, const struct tern_error *err, struct tern_text *faults)
{
    if (status < 0) tern_text_printf(faults, "%s: %s\n", name, err->text);
    return status == 0;
}

bool tern_settings_check(const struct tern_config *config, struct tern_text *faults)
{
    struct tern_error err = {0};
    const char *ca_file = tern_config_text(config, "AMQP_CA_FILE");
    bool sound =
        is_sound(tern_amqp_check_url(tern_config_text(config, "AMQP_URL"), ca_file, &err), "AMQP_URL", &err, faults);
    sound &= is_sound(tern_db_check_url(tern_config_text(config, "DATABASE_URL"), &err), "DATABASE_URL", &err, faults);
    sound &= is_sound(tern_http_check_address(tern_config_text(config, "HTTP_ADDR"), &err), "HTTP_ADDR", &err, faults);
    if (strlen(tern_config_text(config, "ADMIN_TOKEN")) > TERN_ADMIN_TOKEN_MOST)
        sound = is_sound(tern_error_set(&err, "is longer than %d characters", TERN_ADMIN_TOKEN_MOST), "ADMIN_TOKEN",
                         &err, faults);
    return sound;
}
