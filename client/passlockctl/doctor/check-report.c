/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/safe-text.h"
#include "client/passlockctl/doctor/check-report.h"
#include "client/passlockctl/terminal/color.h"
#include "client/passlockctl/terminal/record.h"
#include "client/passlockctl/terminal/report.h"

typedef enum Verdict {
        VERDICT_GOOD,
        VERDICT_SKIP,
        VERDICT_FAULT,
} Verdict;

struct CheckReport {
        Record *record;   /* of CHECK_REPORT_JSON */
        bool faults_only; /* CHECK_REPORT_FAULTS_ONLY */
        bool marks;       /* UTF-8 terminal */
        char *tenancy;    /* label of the current tenancy; NULL: none */
        bool failed;
        unsigned n_faults;
};

CheckReport *check_report_new(CheckReportFormat form)
{
        _cleanup_(check_report_freep) CheckReport *checks = calloc(1, sizeof(CheckReport));

        if (!checks)
                return NULL;
        checks->marks = isatty(STDOUT_FILENO) && streq(nl_langinfo(CODESET), "UTF-8");
        checks->faults_only = form == CHECK_REPORT_FAULTS_ONLY;
        if (form == CHECK_REPORT_JSON) {
                checks->record = record_new();
                if (!checks->record)
                        return NULL;
                record_put_list(checks->record, "checks");
        }
        return TAKE_PTR(checks);
}

CheckReport *check_report_free(CheckReport *checks)
{
        if (!checks)
                return NULL;
        record_free(checks->record);
        free(checks->tenancy);
        free(checks);
        return NULL;
}

static void put_record(CheckReport *checks, const char *name, Verdict verdict, const char *found,
                       const char *advice)
{
        static const char *const names[] = {"ok", "skipped", "fault"};
        _cleanup_(record_freep) Record *record = record_new();

        record_put_string(record, NULL, "name", name);
        record_put_string(record, NULL, "tenancy", checks->tenancy);
        record_put_string(record, NULL, "verdict", names[verdict]);
        record_put_string(record, NULL, "found", found);
        record_put_string(record, NULL, "advice", advice);
        record_append(checks->record, "checks", record);
}

static void print_line(const CheckReport *checks, const char *name, Verdict verdict,
                       const char *found, const char *advice)
{
        static const char *const words[] = {"OK  ", "-   ", "FAIL"};
        static const char *const marks[] = {"\xe2\x9c\x94", "-", "\xe2\x9c\x98"};
        static const char *const colors[] = {COLOR_GREEN, "", COLOR_RED};
        const char *mark = checks->marks ? marks[verdict] : words[verdict];
        const char *color = color_is_enabled(stdout) ? colors[verdict] : "";
        int indent = checks->marks ? 2 : 5;

        printf("%s%s%s %-13s  %s\n", color, mark, *color ? COLOR_RESET : "", name, found);
        if (advice)
                printf("%*s%s\n", indent + 15, "", advice);
        fflush(stdout);
}

static void print_fault_on_stderr(Verdict verdict, const char *found, const char *advice)
{
        if (verdict != VERDICT_FAULT)
                return;
        report("%s", found);
        report("%s", advice);
}

void check_report_begin_tenancy(CheckReport *checks, const char *label, bool heading)
{
        free(checks->tenancy);
        checks->tenancy = label ? strdup(label) : NULL;
        if (label && !checks->tenancy)
                checks->failed = true;
        if (label && heading && !checks->record && !checks->faults_only)
                printf("tenancy %s:\n", label);
}

_printf_(5, 0) static void add_check(CheckReport *checks, const char *name, Verdict verdict,
                                     const char *advice, const char *format, va_list ap)
{
        _cleanup_(freep) char *found = NULL, *printable = NULL, *printable_advice = NULL;

        if (vasprintf(&found, format, ap) < 0)
                found = NULL;
        else
                printable = safe_text_new(found);
        printable_advice = advice ? safe_text_new(advice) : NULL;
        if (!found || !printable || !printable_advice != !advice)
                checks->failed = true;
        else if (checks->record)
                put_record(checks, name, verdict, found, advice);
        else if (checks->faults_only)
                print_fault_on_stderr(verdict, found, advice);
        else
                print_line(checks, name, verdict, printable, printable_advice);
        if (verdict == VERDICT_FAULT)
                checks->n_faults++;
}

void check_report_ok(CheckReport *checks, const char *name, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        add_check(checks, name, VERDICT_GOOD, NULL, format, ap);
        va_end(ap);
}

void check_report_skipped(CheckReport *checks, const char *name, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        add_check(checks, name, VERDICT_SKIP, NULL, format, ap);
        va_end(ap);
}

void check_report_fault(CheckReport *checks, const char *name, const char *advice,
                        const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        add_check(checks, name, VERDICT_FAULT, advice, format, ap);
        va_end(ap);
}

unsigned check_report_n_faults(const CheckReport *checks)
{
        return checks->n_faults;
}

int check_report_end(CheckReport *checks)
{
        if (checks->failed)
                return -ENOMEM;
        if (!checks->record)
                return 0;
        record_put_bool(checks->record, NULL, "ok", checks->n_faults == 0);
        return record_print(checks->record, true);
}
