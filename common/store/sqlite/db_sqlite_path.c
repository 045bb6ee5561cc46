/* db_sqlite_path.c - finds the file of a store's URL.
 *
 * A URL is "sqlite:" and a path, or "sqlite://" and an absolute path, %XX decoded, without query and fragment. The path
 * is resolved once, following every symbolic link, and only the result is used afterwards: the log and the lock lie
 * beside the file itself, by whatever name it was reached. Never creates anything. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/percent.h"
#include "db_sqlite.h"

enum {
    LINKS_MOST = 40, /* as in path_resolution(7) */
    ENDING_ROOM = 64 /* bytes of PATH_MAX for "-wal", ".ballast" and the like */
};

/* ---- the URL ---- */

/* Decodes %XX in place. A percent sign that begins no such byte is refused, not taken as it is. */
static int decode(char *text, struct tern_error *err)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        int value = percent_byte(from);
        if (value < 0) return tern_error_set(err, "a \"%%\" in the path of a store is written %%25");
        if (value < 0x20 || value == 0x7F)
            return tern_error_set(err, "the path of a store holds no control characters (%%%.2s)", from + 1);
        *to++ = (char)value;
        from += 2;
    }
    *to = '\0';
    return 0;
}

/* A "?mode=rw" could be meant as an option or as part of the file name. */
static int refuse_query(const char *path, struct tern_error *err)
{
    const char *end = strpbrk(path, "?#");
    if (!end) return 0;
    return tern_error_set(err, "the URL of a store takes no \"%.40s\"; in the name of a file write %s", end,
                          *end == '?' ? "%3F" : "%23");
}

int tern_sqlite_path(const char *url, char **ret_path, struct tern_error *err)
{
    static const char scheme[] = "sqlite:";
    if (strncmp(url, scheme, sizeof scheme - 1) != 0) {
        const char *colon = strchr(url, ':');
        return tern_error_set(err, "there is no driver for \"%.*s\": a store is named sqlite:<path>",
                              colon ? (int)(colon - url + 1) : 20, url);
    }
    const char *path = url + sizeof scheme - 1;
    if (strcmp(path, ":memory:") == 0) {
        *ret_path = NULL;
        return 0;
    }
    if (strncmp(path, "//", 2) == 0) {
        path += 2;
        if (path[0] != '/')
            return tern_error_set(err, "sqlite:// is followed by an absolute path (sqlite:///var/lib/x.db)");
    }
    if (refuse_query(path, err) < 0) return -1;
    char *decoded = tern_copy_text(path);
    int status = decode(decoded, err);
    size_t length = strlen(decoded);
    if (status == 0 && (length == 0 || decoded[length - 1] == '/' || length > PATH_MAX - ENDING_ROOM))
        status = tern_error_set(err, "sqlite: is followed by the path of a file");
    if (status < 0)
        free(decoded);
    else
        *ret_path = decoded;
    return status;
}

/* ---- the file ---- */

void tern_sqlite_folder_of(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        tern_copy_whole(folder, PATH_MAX, ".");
    else if (slash == path)
        tern_copy_whole(folder, PATH_MAX, "/");
    else
        (void)snprintf(folder, PATH_MAX, "%.*s", (int)(slash - path), path);
}

/* Appends "/" and the name. */
static int append(char path[PATH_MAX], const char *name, size_t length, struct tern_error *err)
{
    size_t end = strlen(path);
    bool slash = end == 0 || path[end - 1] != '/';
    if (end + slash + length + ENDING_ROOM > PATH_MAX) return tern_error_set(err, "its path is too long");
    (void)snprintf(path + end, PATH_MAX - end, "%s%.*s", slash ? "/" : "", (int)length, name);
    return 0;
}

/* Missing folders will be created by these names. */
static int append_missing(char real[PATH_MAX], const char *rest, struct tern_error *err)
{
    while (*(rest += strspn(rest, "/")) != '\0') {
        size_t length = strcspn(rest, "/");
        bool dot = length == 1 && rest[0] == '.', up = length == 2 && strncmp(rest, "..", 2) == 0;
        if (up) return tern_error_set(err, "\"..\" follows a folder that is not there");
        if (!dot && append(real, rest, length, err) < 0) return -1;
        rest += length;
    }
    return 0;
}

/* realpath(3) of the longest part of the folder that exists, and the names behind it as they are. Unless `may_lack`,
 * all of it must exist. */
static int resolve_folder(const char *folder, bool may_lack, char real[PATH_MAX], struct tern_error *err)
{
    char there[PATH_MAX];
    bool absolute = folder[0] == '/';
    tern_copy_whole(there, sizeof there, folder);
    while (!realpath(there[0] != '\0' ? there : absolute ? "/" : ".", real)) {
        char *slash = strrchr(there, '/');
        if (errno != ENOENT || !may_lack || there[0] == '\0')
            return tern_error_set(err, "cannot reach the folder %s: %s", folder, strerror(errno));
        *(slash ? slash : there) = '\0';
    }
    return append_missing(real, folder + strlen(there), err);
}

/* `name` is the path; after a link, its target as seen from the folder of the link. */
int tern_sqlite_resolve(const char *path, char **ret_real, struct tern_error *err)
{
    char name[PATH_MAX], folder[PATH_MAX], real[PATH_MAX], target[PATH_MAX];
    tern_copy_whole(name, sizeof name, path);
    for (int links = 0; links <= LINKS_MOST; links++) {
        const char *slash = strrchr(name, '/'), *file = slash ? slash + 1 : name;
        tern_sqlite_folder_of(name, folder);
        if (file[0] == '\0' || strcmp(file, ".") == 0 || strcmp(file, "..") == 0)
            return tern_error_set(err, "it is a folder");
        /* The folder of a link's target is never created: it may be a disk that is not mounted. */
        if (resolve_folder(folder, links == 0, real, err) < 0 || append(real, file, strlen(file), err) < 0) return -1;
        ssize_t length = readlink(real, target, sizeof target - 1);
        if (length < 0) {
            *ret_real = tern_copy_text(real);
            return 0;
        }
        target[length] = '\0';
        tern_sqlite_folder_of(real, folder);
        int fits = target[0] == '/' ? tern_copy(name, sizeof name, target) : tern_copy(name, sizeof name, folder);
        if (target[0] != '/' && fits == 0) fits = append(name, target, (size_t)length, NULL);
        if (fits < 0) return tern_error_set(err, "its path is too long");
    }
    return tern_error_set(err, "more than %d symbolic links lead to it", LINKS_MOST);
}
