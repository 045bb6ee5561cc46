/* metrics_process.c - the process_* families: cpu, memory, file descriptors and start time of this process, from /proc.
 *
 * Names and units are those of the Prometheus client libraries, so that common dashboards work unchanged. A value that
 * cannot be read is left out. Keeps no state. */
#include "metrics_process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* A family with its one sample. scripts/check_docs.sh reads names and kinds from the calls. */
static void print_row(struct tern_text *out, const char *name, const char *kind, const char *help, double value)
{
    tern_text_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", name, help, name, kind, name, value);
}

/* Reads the first `size - 1` bytes of a file; false when there are none. */
static bool read_start(const char *path, char *bytes, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file) return false;
    size_t length = fread(bytes, 1, size - 1, file);
    bytes[length] = '\0';
    (void)fclose(file);
    return length > 0;
}

static void print_cpu(struct tern_text *out)
{
    struct timespec used;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0)
        print_row(out, "process_cpu_seconds_total", "counter", "User and system CPU time spent.",
                  (double)used.tv_sec + (double)used.tv_nsec / 1e9);
}

/* /proc/self/statm: pages of address space, pages resident, ... */
static void print_memory(struct tern_text *out)
{
    char text[128];
    if (!read_start("/proc/self/statm", text, sizeof text)) return;
    char *rest;
    unsigned long space = strtoul(text, &rest, 10);
    unsigned long resident = strtoul(rest, NULL, 10);
    double page = (double)sysconf(_SC_PAGESIZE);
    print_row(out, "process_virtual_memory_bytes", "gauge", "Size of the address space.", (double)space * page);
    print_row(out, "process_resident_memory_bytes", "gauge", "Memory that is resident.", (double)resident * page);
}

static void print_descriptors(struct tern_text *out)
{
    DIR *folder = opendir("/proc/self/fd");
    if (folder) {
        int count = -1; /* the folder's own descriptor */
        for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
            count += entry->d_name[0] != '.';
        (void)closedir(folder);
        print_row(out, "process_open_fds", "gauge", "Open file descriptors.", count);
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        print_row(out, "process_max_fds", "gauge", "File descriptors that may be open.", (double)limit.rlim_cur);
}

/* The start of the machine plus field 22 of proc_pid_stat(5), the ticks from there to the start of the process. */
static void print_start(struct tern_text *out)
{
    char text[1024];
    if (!read_start("/proc/self/stat", text, sizeof text)) return;
    char *field = strrchr(text, ')'); /* ends field 2, whose name may contain anything */
    for (int number = 2; field && number < 22; number++)
        field = strchr(field + 1, ' ');
    if (!field) return;
    double ticks = strtod(field, NULL);

    struct timespec now, up;
    if (clock_gettime(CLOCK_REALTIME, &now) < 0 || clock_gettime(CLOCK_BOOTTIME, &up) < 0) return;
    double booted = (double)(now.tv_sec - up.tv_sec) + (double)(now.tv_nsec - up.tv_nsec) / 1e9;
    double started = booted + ticks / (double)sysconf(_SC_CLK_TCK);
    print_row(out, "process_start_time_seconds", "gauge", "When the process started, seconds since 1970.",
              (double)(long long)(started * 100) / 100);
}

void tern_metrics_print_process(struct tern_text *out)
{
    print_cpu(out);
    print_memory(out);
    print_descriptors(out);
    print_start(out);
}
