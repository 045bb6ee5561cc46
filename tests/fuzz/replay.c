/* replay.c - main() of the fuzz targets where there is no libFuzzer: takes the files that it is given, each once.
 *
 * So each build, with each compiler, takes the corpus as a unit test. An argument is a file, or a folder of them; a
 * folder without files is a fault, since then nothing was tried. Never writes. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { INPUT_MAX = 1 << 20 };

/* The bytes are copied to a room of just their size, so that a sanitizer sees who reads behind them. */
static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    uint8_t *room = tern_alloc(INPUT_MAX);
    size_t size = fread(room, 1, INPUT_MAX, file);
    (void)fclose(file);
    uint8_t *bytes = malloc(size);
    if (size > 0 && bytes != NULL) memcpy(bytes, room, size);
    free(room);
    (void)LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return 0;
}

/* Returns how many files were taken, or -1. */
static int replay_folder(const char *path, DIR *folder)
{
    int count = 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char file[4096];
        if (entry->d_name[0] == '.') continue;
        int length = snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (length < 0 || (size_t)length >= sizeof file || replay_file(file) < 0) return -1;
        count++;
    }
    return count;
}

static int replay(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL) return replay_file(path) < 0 ? -1 : 1;
    int count = replay_folder(path, folder);
    (void)closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int count = replay(argv[i]);
        if (count < 0) return 1;
        total += count;
    }
    (void)printf("%d inputs taken\n", total);
    return total > 0 ? 0 : 1;
}
