/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/resource.h>

#include "tests/load/load-report.h"

static double cpu_us(void)
{
        struct rusage usage;

        getrusage(RUSAGE_SELF, &usage);
        return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
               (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

void load_report_begin(LoadReport *report, double seconds)
{
        samples_clear(&report->samples);
        report->begin_cpu_us = cpu_us();
        report->begin = now_s();
        report->end = report->begin + seconds;
}

bool load_report_is_running(const LoadReport *report)
{
        return now_s() < report->end;
}

void load_report_add(LoadReport *report, double begin, bool failed)
{
        report->last = now_s();
        samples_add(&report->samples, (report->last - begin) * 1e6, failed);
}

void load_report_print(LoadReport *report)
{
        unsigned long n = report->samples.n;

        putchar('{');
        samples_print(&report->samples, stdout);
        printf(", \"rate\": %.1f, \"cpu_us\": %.0f}\n",
               n ? (double) n / (report->last - report->begin) : 0,
               cpu_us() - report->begin_cpu_us);
        samples_clear(&report->samples);
}
