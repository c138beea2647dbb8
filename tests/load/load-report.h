/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Latencies, rate and CPU time of a program that makes calls for some seconds. */

#include "tests/load/samples.h"

typedef struct LoadReport {
        Samples samples;
        double begin, end; /* no call begins after the end */
        double last;       /* the end of the last call */
        double begin_cpu_us;
} LoadReport;

/* Forgets earlier calls. With 0 seconds, each of the calls in flight is made once. */
void load_report_begin(LoadReport *report, double seconds);
/* Whether more calls should be made. */
bool load_report_is_running(const LoadReport *report);
/* Adds a call that ends now. */
void load_report_add(LoadReport *report, double begin, bool failed);
/* Prints a JSON object, and releases the samples. */
void load_report_print(LoadReport *report);
