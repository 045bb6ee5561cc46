/* backup_http.c - POST /admin/backup: a copy of the store into BACKUP_DIR, while the service goes on.
 *
 * The copy is written under a hidden name that nobody takes for a backup, flushed and checked; only then it gets its
 * own name, with the service and the time. One at a time. A failure leaves no file and says why. A service killed
 * between the backup and the row of its Idempotency-Key makes another backup for the same key. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "app.h"
#include "common/store/store.h"

enum { RESERVE_BYTES = 32 * 1024 * 1024 }; /* left free on the disk of BACKUP_DIR */

struct backup {
    const char *folder;       /* BACKUP_DIR */
    char name[128];           /* the file's, without the folder */
    char part[PATH_MAX];      /* while it is written */
    char path[PATH_MAX];      /* once it is complete */
    struct tern_db_copy copy; /* size and digest */
};

/* A service that stops does not wait for its backup. */
static bool goes_on(void *self)
{
    struct tern_app *app = self;
    return !tern_work_draining(&app->queue);
}

/* "order-service-20261130T201500123Z.db": sorts by time. */
static int name_it(const struct tern_app *app, struct backup *backup, struct tern_error *err)
{
    char time[TERN_TIME_SIZE], digits[TERN_TIME_SIZE];
    size_t length = 0;
    tern_time_format(tern_now(app->ctx.clock), time);
    for (const char *at = time; *at; at++)
        if (!strchr("-:.", *at)) digits[length++] = *at;
    digits[length] = '\0';
    backup->folder = tern_config_text(app->config, "BACKUP_DIR");
    (void)snprintf(backup->name, sizeof backup->name, "%s-%s.db", app->service->name, digits);
    int path = snprintf(backup->path, PATH_MAX, "%s/%s", backup->folder, backup->name);
    int part = snprintf(backup->part, PATH_MAX, "%s/.%s.part", backup->folder, app->service->name);
    return path < PATH_MAX && part < PATH_MAX ? 0 : tern_error_set(err, "the name of BACKUP_DIR is too long");
}

/* Refuses before it writes: the disk that a backup fills up may be the store's own. */
static int check_room(const struct tern_app *app, const struct backup *backup, struct tern_error *err)
{
    struct statvfs about;
    struct tern_db_room store;
    tern_db_room(app->db, &store);
    if (statvfs(backup->folder, &about) < 0)
        return tern_error_set(err, "BACKUP_DIR cannot be used: %s", strerror(errno));
    int64_t needed = store.store_bytes + store.log_bytes + RESERVE_BYTES;
    int64_t room = (int64_t)(about.f_bavail * about.f_frsize);
    if (room >= needed) return 0;
    return tern_error_fault(err, TERN_FAULT_FULL, "BACKUP_DIR has room for %lld bytes, and %lld are needed",
                            (long long)room, (long long)needed);
}

/* The rename is durable once the folder is flushed (fsync(2)). */
static int give_name(const struct backup *backup, struct tern_error *err)
{
    int folder = open(backup->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status = folder >= 0 ? rename(backup->part, backup->path) : -1;
    if (status == 0 && fsync(folder) < 0) {
        status = -1;
        (void)unlink(backup->path);
    }
    if (status < 0) (void)tern_error_set(err, "the backup cannot be given its name: %s", strerror(errno));
    if (folder >= 0) close(folder);
    if (status < 0) (void)unlink(backup->part);
    return status;
}

static int make_backup(struct tern_app *app, struct backup *backup, struct tern_error *err)
{
    const struct tern_db_patience patience = {goes_on, app};
    struct tern_db *reader = NULL;
    if (name_it(app, backup, err) < 0 || check_room(app, backup, err) < 0) return -1;
    (void)unlink(backup->part); /* left by a crash */
    if (tern_db_open_reader(tern_config_text(app->config, "DATABASE_URL"), &reader, err) < 0) return -1;
    int status = tern_db_copy(reader, backup->part, &patience, &backup->copy, err);
    tern_db_close(reader);
    return status == 0 ? give_name(backup, err) : -1;
}

static void answer_made(struct tern_app *app, const struct backup *backup, struct tern_http_answer *answer)
{
    char hex[2 * TERN_SHA256_SIZE + 1];
    for (size_t i = 0; i < TERN_SHA256_SIZE; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", backup->copy.sha256[i]);
    tern_metric_add(app->metrics, &TERN_METRIC_store_backups_total, 1, "made", NULL, NULL);
    tern_log_info(app->log, "backup written", TERN_STR("file", backup->path), TERN_INT("bytes", backup->copy.bytes));
    answer->status = 201;
    tern_text_add(&answer->body, "{\"file\":");
    tern_json_write_string(&answer->body, backup->name);
    tern_text_printf(&answer->body, ",\"bytes\":%lld,\"sha256\":\"%s\"}\n", (long long)backup->copy.bytes, hex);
}

static void back_up(struct tern_app *app, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct tern_error err = {0};
    struct backup backup;
    if (make_backup(app, &backup, &err) < 0) {
        bool full = err.fault == TERN_FAULT_FULL;
        tern_metric_add(app->metrics, &TERN_METRIC_store_backups_total, 1, "failed", NULL, NULL);
        tern_log_error(app->log, "no backup could be made", TERN_STR("err", err.text));
        tern_http_problem(answer, full ? 507 : 500, full ? "Insufficient storage" : "No backup", "%s", err.text);
        return;
    }
    answer_made(app, &backup, answer);
    if (tern_app_keep_answer(app, request, answer, &err) < 0)
        tern_log_warn(app->log, "a backup is not kept with its Idempotency-Key, which would make another one",
                      TERN_STR("file", backup.path), TERN_STR("err", err.text));
}

static void post_backup(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct tern_app *app = self;
    if (tern_config_text(app->config, "BACKUP_DIR")[0] == '\0' || !tern_db_path(app->db)) {
        tern_http_problem(answer, 409, "No backup folder", "BACKUP_DIR is not set: there is nowhere to write to.");
        return;
    }
    if (atomic_exchange(&app->backing_up, true)) {
        tern_http_problem(answer, 409, "Backup running", "A backup is being written; one at a time.");
        tern_http_set_header(answer, "Retry-After", "%d", 5);
        return;
    }
    if (!tern_app_answered_before(app, request, answer)) back_up(app, request, answer);
    atomic_store(&app->backing_up, false);
}

const struct tern_http_route tern_backup_routes[] = {
    {"POST", "/admin/backup", post_backup, TERN_HTTP_ADMIN | TERN_HTTP_SLOW | TERN_HTTP_ONCE,
     "writes a copy of the store into BACKUP_DIR"                                                 },
    {NULL,   NULL,            NULL,        0,                                                 NULL},
};
