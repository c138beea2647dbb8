/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/safe-text.h"
#include "client/passlockctl/doctor/check-report.h"
#include "client/passlockctl/terminal/record.h"
#include "client/passlockctl/terminal/report.h"

typedef enum Verdict {
        VERDICT_GOOD,
        VERDICT_SKIP,
        VERDICT_FAULT,
} Verdict;

struct Checkup {
        Record *record;  /* of CHECKUP_JSON */
        bool complaints; /* CHECKUP_COMPLAINTS */
        bool marks;      /* a terminal that has them */
        char *tenancy;   /* the label of what it is about now; NULL: none */
        bool failed;
        unsigned n_faults;
};

Checkup *checkup_new(CheckupForm form)
{
        _cleanup_(checkup_freep) Checkup *checkup = calloc(1, sizeof(Checkup));

        if (!checkup)
                return NULL;
        checkup->marks = isatty(STDOUT_FILENO) && streq(nl_langinfo(CODESET), "UTF-8");
        checkup->complaints = form == CHECKUP_COMPLAINTS;
        if (form == CHECKUP_JSON) {
                checkup->record = record_new();
                if (!checkup->record)
                        return NULL;
                record_put_list(checkup->record, "checks");
        }
        return TAKE_PTR(checkup);
}

Checkup *checkup_free(Checkup *checkup)
{
        if (!checkup)
                return NULL;
        record_free(checkup->record);
        free(checkup->tenancy);
        free(checkup);
        return NULL;
}

static void put_record(Checkup *checkup, const char *name, Verdict verdict, const char *found,
                       const char *advice)
{
        static const char *const names[] = {"ok", "skipped", "fault"};
        _cleanup_(record_freep) Record *record = record_new();

        record_put_string(record, NULL, "name", name);
        record_put_string(record, NULL, "tenancy", checkup->tenancy);
        record_put_string(record, NULL, "verdict", names[verdict]);
        record_put_string(record, NULL, "found", found);
        record_put_string(record, NULL, "advice", advice);
        record_append(checkup->record, "checks", record);
}

static void print_line(const Checkup *checkup, const char *name, Verdict verdict, const char *found,
                       const char *advice)
{
        static const char *const words[] = {"OK  ", "-   ", "FAIL"};
        static const char *const marks[] = {"\xe2\x9c\x94", "-", "\xe2\x9c\x98"};
        const char *mark = checkup->marks ? marks[verdict] : words[verdict];
        int indent = checkup->marks ? 2 : 5;

        printf("%s %-13s  %s\n", mark, name, found);
        if (advice)
                printf("%*s%s\n", indent + 15, "", advice);
        fflush(stdout);
}

static void complain(Verdict verdict, const char *found, const char *advice)
{
        if (verdict != VERDICT_FAULT)
                return;
        report("%s", found);
        report("%s", advice);
}

void checkup_begin_tenancy(Checkup *checkup, const char *label, bool heading)
{
        free(checkup->tenancy);
        checkup->tenancy = label ? strdup(label) : NULL;
        if (label && !checkup->tenancy)
                checkup->failed = true;
        if (label && heading && !checkup->record && !checkup->complaints)
                printf("tenancy %s:\n", label);
}

_printf_(5, 0) static void say(Checkup *checkup, const char *name, Verdict verdict,
                               const char *advice, const char *format, va_list ap)
{
        _cleanup_(freep) char *found = NULL, *printable = NULL, *printable_advice = NULL;

        if (vasprintf(&found, format, ap) < 0)
                found = NULL;
        else
                printable = printable_new(found, NULL);
        printable_advice = advice ? printable_new(advice, NULL) : NULL;
        if (!found || !printable || !printable_advice != !advice)
                checkup->failed = true;
        else if (checkup->record)
                put_record(checkup, name, verdict, found, advice);
        else if (checkup->complaints)
                complain(verdict, found, advice);
        else
                print_line(checkup, name, verdict, printable, printable_advice);
        if (verdict == VERDICT_FAULT)
                checkup->n_faults++;
}

void checkup_good(Checkup *checkup, const char *name, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        say(checkup, name, VERDICT_GOOD, NULL, format, ap);
        va_end(ap);
}

void checkup_skip(Checkup *checkup, const char *name, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        say(checkup, name, VERDICT_SKIP, NULL, format, ap);
        va_end(ap);
}

void checkup_fault(Checkup *checkup, const char *name, const char *advice, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        say(checkup, name, VERDICT_FAULT, advice, format, ap);
        va_end(ap);
}

unsigned checkup_n_faults(const Checkup *checkup)
{
        return checkup->n_faults;
}

int checkup_finish(Checkup *checkup)
{
        if (checkup->failed)
                return -ENOMEM;
        if (!checkup->record)
                return 0;
        record_put_bool(checkup->record, NULL, "ok", checkup->n_faults == 0);
        return record_print(checkup->record, true);
}
