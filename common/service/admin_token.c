/* admin_token.c - reads and makes <store>.token.
 *
 * A new file gets its name only when its content is on disk: a kill in between leaves <store>.token.new, which the
 * next start replaces, and never an empty or partial token. Symbolic links are not followed, neither to read nor to
 * write. Never changes an existing file and never repairs its mode: whoever could read it may have. */
#include "admin_token.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TOKEN_LEAST = 32, /* characters */
    RANDOM_BYTES = 32
};

static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* ---- reading ---- */

/* On the open file, so that nothing can be exchanged between the check and the read. */
static int check_file(int fd, const char *path, struct tern_error *err)
{
    struct stat file;
    if (fstat(fd, &file) < 0) return tern_error_set(err, "cannot read %s: %s", path, strerror(errno));
    if (!S_ISREG(file.st_mode)) return tern_error_set(err, "%s is no regular file", path);
    if ((file.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return tern_error_set(err, "%s can be read or changed by others: remove it, and a new token is made", path);
    if (file.st_size == 0) return tern_error_set(err, "%s is empty: remove it, and a new token is made", path);
    return 0;
}

static int take_token(int fd, const char *path, char ret_token[TERN_ADMIN_TOKEN_SIZE], struct tern_error *err)
{
    char bytes[TERN_ADMIN_TOKEN_MOST + 2]; /* with a line feed, and room to see that there is more */
    ssize_t length = read(fd, bytes, sizeof bytes);
    if (length < 0) return tern_error_set(err, "cannot read %s: %s", path, strerror(errno));
    if (length > 0 && bytes[length - 1] == '\n') length--;
    bool good = length >= TOKEN_LEAST && length <= TERN_ADMIN_TOKEN_MOST;
    for (ssize_t i = 0; good && i < length; i++)
        good = bytes[i] != '\0' && strchr(url_safe, bytes[i]);
    if (good) {
        memcpy(ret_token, bytes, (size_t)length);
        ret_token[length] = '\0';
    }
    explicit_bzero(bytes, sizeof bytes);
    if (good) return 0;
    return tern_error_set(err,
                          "%s holds no token (one line of %d to %d of A-Z a-z 0-9 - _): remove it, and one is made",
                          path, TOKEN_LEAST, TERN_ADMIN_TOKEN_MOST);
}

int tern_admin_token_read(const char *path, char ret_token[TERN_ADMIN_TOKEN_SIZE], struct tern_error *err)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return 0;
    if (fd < 0 && errno == ELOOP) return tern_error_set(err, "%s is a symbolic link, which is not followed", path);
    if (fd < 0) return tern_error_set(err, "cannot read %s: %s", path, strerror(errno));
    int status = check_file(fd, path, err);
    if (status == 0) status = take_token(fd, path, ret_token, err);
    (void)close(fd);
    return status == 0 ? 1 : -1;
}

/* ---- making ---- */

/* base64url without padding: 43 characters for 32 bytes. */
static void make_token(char ret_token[TERN_ADMIN_TOKEN_SIZE])
{
    unsigned char random[RANDOM_BYTES + 1] = {0}; /* a whole number of three bytes */
    size_t have = 0, length = 0;
    while (have < RANDOM_BYTES) {
        ssize_t got = getrandom(random + have, RANDOM_BYTES - have, 0);
        TERN_ASSERT(got > 0 || errno == EINTR, "the kernel gives random bytes");
        if (got > 0) have += (size_t)got;
    }
    for (size_t i = 0; i < sizeof random; i += 3) {
        unsigned bits = (unsigned)random[i] << 16 | (unsigned)random[i + 1] << 8 | random[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            ret_token[length++] = url_safe[bits >> shift & 0x3F];
    }
    ret_token[length - 1] = '\0'; /* the last character encodes the added byte */
    explicit_bzero(random, sizeof random);
}

/* A rename is durable once the folder was flushed (fsync(2)). */
static int flush_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    (void)snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -1;
    int status = fsync(fd);
    (void)close(fd);
    return status;
}

static int write_line(int fd, const char *token)
{
    char line[TERN_ADMIN_TOKEN_SIZE + 1];
    int length = snprintf(line, sizeof line, "%s\n", token);
    bool whole = write(fd, line, (size_t)length) == length;
    explicit_bzero(line, sizeof line);
    return whole && fsync(fd) == 0 ? 0 : -1;
}

int tern_admin_token_make(const char *path, char ret_token[TERN_ADMIN_TOKEN_SIZE], struct tern_error *err)
{
    char fresh[PATH_MAX];
    if (snprintf(fresh, sizeof fresh, "%s.new", path) >= (int)sizeof fresh)
        return tern_error_set(err, "cannot make %s: its name is too long", path);
    (void)unlink(fresh); /* what a kill left */
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return tern_error_set(err, "cannot make %s: %s", fresh, strerror(errno));
    make_token(ret_token);
    int status = write_line(fd, ret_token);
    int why = errno;
    (void)close(fd);
    if (status == 0 && rename(fresh, path) == 0 && flush_folder_of(path) == 0) return 0;
    if (status == 0) why = errno;
    (void)unlink(fresh);
    explicit_bzero(ret_token, TERN_ADMIN_TOKEN_SIZE);
    return tern_error_set(err, "cannot make %s: %s", path, strerror(why));
}
