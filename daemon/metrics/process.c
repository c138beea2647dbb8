/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/metrics/process.h"

static void report_cpu(MetricsReport *report)
{
        struct rusage usage;

        if (getrusage(RUSAGE_SELF, &usage) < 0)
                return;
        metrics_report_add(report, METRIC_CPU,
                           (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                                   (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) /
                                           1e6);
}

static void report_memory(MetricsReport *report)
{
        FILE *from = fopen("/proc/self/statm", "re");
        uint64_t n_pages;

        if (!from)
                return;
        if (fscanf(from, "%*u %" SCNu64, &n_pages) == 1)
                metrics_report_add(report, METRIC_MEMORY, n_pages * (uint64_t) getpagesize());
        (void) fclose(from);
}

static void report_fds(MetricsReport *report)
{
        DIR *directory = opendir("/proc/self/fd");
        const struct dirent *entry;
        struct rlimit limit;
        unsigned n = 0;

        while (directory && (entry = readdir(directory)))
                n += entry->d_name[0] != '.';
        /* Without that of the directory. */
        if (directory)
                metrics_report_add(report, METRIC_OPEN_FDS, n - 1);
        if (directory)
                (void) closedir(directory);
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
                metrics_report_add(report, METRIC_MAX_FDS,
                                   limit.rlim_cur == RLIM_INFINITY ? INFINITY
                                                                   : (double) limit.rlim_cur);
}

void process_report(MetricsReport *report)
{
        report_cpu(report);
        report_memory(report);
        report_fds(report);
}
