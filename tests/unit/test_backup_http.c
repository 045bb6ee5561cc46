/* test_backup_http.c - POST /admin/backup of a service in this process: on a disk that fills up meanwhile, and with a key. */
#include <dirent.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "services/payment/payment.h"
#include "tern_test.h"
#include "test_app.h"

#define BEARER "Authorization: Bearer token-of-this-test\r\nContent-Length: 0\r\n"
#define KEY    BEARER "Idempotency-Key: tonight\r\n"

static struct test_app shop;
static char folder[64];

static int start(void **state)
{
    char backups[128];
    const char *const settings[] = {backups, "ADMIN_TOKEN=token-of-this-test", NULL};
    struct tern_error err = {0};
    (void)state;
    strcpy(folder, "/tmp/test-backup-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(backups, sizeof backups, "BACKUP_DIR=%s", folder);
    if (test_app_start(&shop, &payment_service, settings, &err) == 0) return 0;
    print_error("%s\n", err.text);
    return -1;
}

static int stop(void **state)
{
    (void)state;
    test_app_stop(&shop);
    test_app_remove_folder(folder);
    return 0;
}

static void post(const char *headers, int status, const char *contains)
{
    test_app_answers(&shop, "POST", "/admin/backup", headers, NULL, status, contains);
}

/* How many files there are, complete or not; the name of the last one. */
static int files(char ret_name[256])
{
    int count = 0;
    DIR *listing = opendir(folder);
    const struct dirent *entry;
    assert_non_null(listing);
    while ((entry = readdir(listing)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            (void)snprintf(ret_name, 256, "%s", entry->d_name);
            count++;
        }
    (void)closedir(listing);
    return count;
}

/* ---- the disk of the backups, not the store's ---- */

static int room; /* writes */

static ssize_t crowded_pwrite(int fd, const void *bytes, size_t length, off_t at)
{
    char link[64], path[256] = "";
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) < 0 || !strstr(path, folder) || room-- > 0)
        return pwrite(fd, bytes, length, at);
    errno = ENOSPC;
    return -1;
}

static void crowd(bool crowded)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    sqlite3_syscall_ptr call = crowded ? (sqlite3_syscall_ptr)crowded_pwrite : NULL;
    (void)vfs->xSetSystemCall(vfs, "pwrite", call);
    (void)vfs->xSetSystemCall(vfs, "pwrite64", call);
}

static void a_disk_that_fills_up_meanwhile_is_named_and_nothing_is_left(void **state)
{
    static const int rooms[] = {0, 3};
    char name[256];
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(rooms); i++) {
        room = rooms[i];
        crowd(true);
        post(KEY, 507, "the copy cannot be written: database or disk is full");
        crowd(false);
        assert_int_equal(files(name), 0);
    }
    test_app_answers(&shop, "GET", "/metrics", "", NULL, 200, "\ntern_store_backups_total{outcome=\"failed\"} 2\n");
    post(KEY, 201, ".db\""); /* the service goes on, and so does the key: a refusal is not kept */
    assert_int_equal(files(name), 1);
}

static void a_backup_with_a_key_is_made_once(void **state)
{
    char name[256], other[256];
    (void)state;
    post(KEY, 201, "\"sha256\":\"");
    assert_int_equal(files(name), 1);
    post(KEY, 201, name);
    post(KEY, 201, "Idempotency-Replayed: true");
    assert_int_equal(files(other), 1);
    assert_string_equal(other, name);
    post(BEARER "Idempotency-Key: \"tomorrow\"\r\n", 201, "\"sha256\":\"");
    post(BEARER, 201, "\"sha256\":\"");
    post(BEARER, 201, "\"sha256\":\"");
    assert_int_equal(files(name), 4);
    post(BEARER "Idempotency-Key: two words\r\n", 400, "Invalid Idempotency-Key");
}

static enum tern_outcome refuse_keys(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    static const char refuse[] = "CREATE TRIGGER no_room BEFORE INSERT ON idempotent_answers "
                                 "BEGIN SELECT RAISE(ABORT, 'no row for it'); END";
    (void)argument;
    return tern_db_run(ctx->db, refuse, TERN_DB_NO_ARGS, err) < 0 ? TERN_RETRY : TERN_DONE;
}

/* As when it was killed in between: what was made is there and was said, and the key makes another one. */
static void a_backup_whose_key_is_not_kept_is_answered_all_the_same(void **state)
{
    const struct tern_conversation silent = {0};
    struct tern_error err = {0};
    char name[256];
    (void)state;
    assert_int_equal(tern_app_command(&shop.app, refuse_keys, NULL, &silent, &err), TERN_COMMITTED);
    post(KEY, 201, "\"sha256\":\"");
    post(KEY, 201, "\"sha256\":\"");
    assert_int_equal(files(name), 2);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(a_disk_that_fills_up_meanwhile_is_named_and_nothing_is_left),
        WITH(a_backup_with_a_key_is_made_once),
        WITH(a_backup_whose_key_is_not_kept_is_answered_all_the_same),
    };
    return cmocka_run_group_tests_name("backup_http", tests, NULL, NULL);
}
