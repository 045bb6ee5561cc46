/* folder.c - mkdtemp(3) and nftw(3); never leaves the folder that it made. */
#include "folder.h"

#include "tern/base.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { OPEN_FOLDERS = 16 };

void test_folder_make(const char *name, char folder[TEST_FOLDER_SIZE])
{
    (void)snprintf(folder, TEST_FOLDER_SIZE, "/tmp/tern-%s-XXXXXX", name);
    TERN_ASSERT(mkdtemp(folder) != NULL, "a folder can be made");
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

void test_folder_remove(const char *folder)
{
    TERN_ASSERT(nftw(folder, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0,
                "the test's folder can be removed");
}
