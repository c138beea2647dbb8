/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* A report of checks, each ok, skipped or a fault. */
typedef struct CheckReport CheckReport;

typedef enum CheckReportFormat {
        CHECK_REPORT_TEXT,        /* a line per check */
        CHECK_REPORT_JSON,        /* one document at the end */
        CHECK_REPORT_FAULTS_ONLY, /* faults as error messages */
} CheckReportFormat;

/* NULL if out of memory. */
CheckReport *check_report_new(CheckReportFormat form);
CheckReport *check_report_free(CheckReport *checks);
DEFINE_CLEANUP(CheckReport *, check_report_free);

_printf_(3, 4) void check_report_ok(CheckReport *checks, const char *name, const char *format, ...);
/* Starts the checks of a tenancy, NULL ends them; with `heading` prints its label. */
void check_report_begin_tenancy(CheckReport *checks, const char *label, bool heading);

/* Reports a check that was impossible or unnecessary, or information. */
_printf_(3, 4) void check_report_skipped(CheckReport *checks, const char *name, const char *format,
                                         ...);
/* `advice` says how to fix the fault; it is copied. */
_printf_(4, 5) void check_report_fault(CheckReport *checks, const char *name, const char *advice,
                                       const char *format, ...);

unsigned check_report_n_faults(const CheckReport *checks);

/* Prints the JSON document. Returns 0 or -ENOMEM. */
int check_report_end(CheckReport *checks);
