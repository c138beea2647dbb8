/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/metrics/report.h"

/*
 * Method calls by method, outcome, and source of the authorization. A call costs a few
 * instructions: methods are found by the address of their description, and grants have their number
 * from the configuration. For the event loop's thread.
 */
typedef enum CallSource {
        CALL_SOURCE_NONE,
        CALL_SOURCE_ROOT,
        CALL_SOURCE_POLKIT,
        CALL_SOURCE_OTHER, /* further grants */
        CALL_SOURCE_GRANT, /* the first grant; the others follow */
} CallSource;

/* The series of further grants have the name "other". */
#define CALL_GRANTS_MAX 64U

/* The number of a grant, which it keeps until the daemon stops. */
unsigned call_counts_source_of_grant(const char *name);

/* Counts the end of a call. `method` is the address that identifies the method, `interface` and
 * `member` are read on the first call. r as in outcome.h. */
void call_counts_add(const void *method, const char *interface, const char *member, unsigned source,
                     int r);

void call_counts_report(MetricsReport *report);
/* Forgets everything. */
void call_counts_clear(void);
