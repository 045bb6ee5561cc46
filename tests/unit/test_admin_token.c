/* test_admin_token.c - the token that a daemon makes for itself: whole, private, and never somebody else's. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/service/admin_token.h"
#include "folder.h"
#include "tern_test.h"

static char folder[TEST_FOLDER_SIZE], path[128], fresh[128];
static struct tern_error err;

static int make_folder(void **state)
{
    (void)state;
    test_folder_make("token", folder);
    (void)snprintf(path, sizeof path, "%s/store.db.token", folder);
    (void)snprintf(fresh, sizeof fresh, "%s/store.db.token.new", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    test_folder_remove(folder);
    return 0;
}

static void put(const char *name, const char *content, mode_t mode)
{
    (void)unlink(name);
    int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    assert_int_equal(fchmod(fd, mode), 0);
    (void)close(fd);
}

static void a_made_token_is_read_again(void **state)
{
    char made[TERN_ADMIN_TOKEN_SIZE], read[TERN_ADMIN_TOKEN_SIZE], other[TERN_ADMIN_TOKEN_SIZE];
    struct stat file;
    (void)state;
    assert_int_equal(tern_admin_token_read(path, read, &err), 0);
    assert_int_equal(tern_admin_token_make(path, made, &err), 0);
    assert_int_equal(strlen(made), 43);
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    assert_int_equal(tern_admin_token_read(path, read, &err), 1);
    assert_string_equal(read, made);
    assert_int_equal(tern_admin_token_make(path, other, &err), 0);
    assert_string_not_equal(other, made);
}

/* A kill between the two names, and whoever hopes that we follow a link. */
static void what_lies_in_the_way_is_replaced_and_no_link_is_followed(void **state)
{
    char token[TERN_ADMIN_TOKEN_SIZE], target[160];
    struct stat file;
    (void)state;
    (void)snprintf(target, sizeof target, "%s/target", folder);
    put(target, "untouched", 0600);
    put(fresh, "half", 0644);
    assert_int_equal(tern_admin_token_make(path, token, &err), 0);
    assert_int_equal(symlink(target, fresh), 0);
    assert_int_equal(tern_admin_token_make(path, token, &err), 0);
    assert_int_equal(access(fresh, F_OK), -1);
    assert_int_equal(stat(target, &file), 0);
    assert_int_equal(file.st_size, strlen("untouched"));
}

static void a_token_of_ones_own_is_taken(void **state)
{
    static const char own[] = "0123456789abcdef-_0123456789ABCDEF";
    char token[TERN_ADMIN_TOKEN_SIZE];
    (void)state;
    put(path, own, 0400);
    assert_int_equal(tern_admin_token_read(path, token, &err), 1);
    assert_string_equal(token, own);
}

static void expect_refused(const char *says)
{
    char token[TERN_ADMIN_TOKEN_SIZE] = "as it was";
    assert_int_equal(tern_admin_token_read(path, token, &err), -1);
    if (!strstr(err.text, says) || !strstr(err.text, path)) fail_msg("\"%s\" does not say: %s", err.text, says);
    assert_string_equal(token, "as it was");
}

static void what_is_no_secret_or_no_token_is_refused(void **state)
{
    static const char good[] = "0123456789abcdef0123456789abcdef";
    static const char *const bad[] = {"0123456789abcdef0123456789abcde", "0123456789abcdef 0123456789abcdef",
                                      "0123456789abcdef0123456789abcdef\n\n",
                                      "0123456789abcdef0123456789abcde\xc3\xa4"};
    char longest[300];
    (void)state;
    put(path, good, 0604);
    expect_refused("can be read or changed by others");
    put(path, good, 0620);
    expect_refused("can be read or changed by others");
    put(path, "", 0600);
    expect_refused("is empty");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        put(path, bad[i], 0600);
        expect_refused("holds no token");
    }
    memset(longest, 'a', sizeof longest);
    longest[257] = '\0';
    put(path, longest, 0600);
    expect_refused("holds no token");
    (void)unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_refused("is no regular file");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink(folder, path), 0);
    expect_refused("is a symbolic link");
}

static void a_folder_that_takes_nothing_is_an_error(void **state)
{
    char token[TERN_ADMIN_TOKEN_SIZE];
    (void)state;
    assert_int_equal(tern_admin_token_make("/nowhere/store.db.token", token, &err), -1);
    assert_string_equal(err.text, "cannot make /nowhere/store.db.token.new: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_made_token_is_read_again),
        cmocka_unit_test(what_lies_in_the_way_is_replaced_and_no_link_is_followed),
        cmocka_unit_test(a_token_of_ones_own_is_taken),
        cmocka_unit_test(what_is_no_secret_or_no_token_is_refused),
        cmocka_unit_test(a_folder_that_takes_nothing_is_an_error),
    };
    return cmocka_run_group_tests_name("admin token", tests, make_folder, remove_folder);
}
