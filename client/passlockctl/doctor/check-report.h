/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* What was found to be well and what not. */
typedef struct CheckReport CheckReport;

typedef enum CheckReportFormat {
        CHECK_REPORT_TEXT,        /* a line each */
        CHECK_REPORT_JSON,        /* one document in the end */
        CHECK_REPORT_FAULTS_ONLY, /* faults only, on standard error, as of any command */
} CheckReportFormat;

/* NULL for lack of memory. */
CheckReport *check_report_new(CheckReportFormat form);
CheckReport *check_report_free(CheckReport *checks);
DEFINE_CLEANUP(CheckReport *, check_report_free);

_printf_(3, 4) void check_report_ok(CheckReport *checks, const char *name, const char *format, ...);
/* What follows is about a tenancy; NULL: about all of them. With `heading` a line says so. */
void check_report_begin_tenancy(CheckReport *checks, const char *label, bool heading);

/* Could not be checked, or there is nothing to check; or nothing is wrong, but it is good to know.
 */
_printf_(3, 4) void check_report_skipped(CheckReport *checks, const char *name, const char *format,
                                         ...);
/* `advice` is what to do about it, and copied. */
_printf_(4, 5) void check_report_fault(CheckReport *checks, const char *name, const char *advice,
                                       const char *format, ...);

unsigned check_report_n_faults(const CheckReport *checks);

/* Prints what is printed in the end. Returns 0 or -ENOMEM. */
int check_report_end(CheckReport *checks);
