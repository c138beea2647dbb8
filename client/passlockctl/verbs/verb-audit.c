/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <pwd.h>
#include <stdio.h>

#include "base/text.h"
#include "client/passlockctl/host/journal.h"
#include "client/passlockctl/terminal/closest-word.h"
#include "client/passlockctl/terminal/record.h"
#include "client/passlockctl/terminal/report.h"
#include "client/passlockctl/terminal/table.h"
#include "client/passlockctl/terminal/time-option.h"
#include "client/passlockctl/verbs/verbs.h"

/* Number of rows in a block with common column widths. */
#define ROWS_MAX 500U
/* Default of --lines with --follow, as of tail(1). */
#define LINES_BEFORE_FOLLOW 10U

typedef enum Kind { TEXT, NUMBER, FLAG } Kind;

/* Number fields, in JSON and in the DETAILS column. */
static const struct {
        const char *field, *name;
        Kind kind;
} numbers[] = {
        {FIELD_CHECKED, "checked", NUMBER}, {FIELD_ADDED, "added", NUMBER},
        {FIELD_REMOVED, "removed", NUMBER}, {FIELD_CONFLICTS, "conflicts", NUMBER},
        {FIELD_DRY_RUN, "dry_run", FLAG},   {FIELD_COUNT, "count", NUMBER},
};

/* Puts a field into JSON; null if missing. */
static int put_field(Record *record, Journal *journal, const char *field, const char *name,
                     Kind kind)
{
        _cleanup_(freep) char *value = NULL;
        int r;

        r = journal_get(journal, field, &value);
        if (r < 0)
                return r;
        if (value && kind == NUMBER)
                record_put_number(record, NULL, name, strtoull(value, NULL, 10));
        else if (value && kind == FLAG)
                record_put_bool(record, NULL, name, streq(value, "1"));
        else
                record_put_string(record, NULL, name, value);
        return 0;
}

static int print_json(Journal *journal)
{
        static const struct {
                const char *field, *name;
                Kind kind;
        } fields[] = {
                {FIELD_EVENT, "event", TEXT},
                {"MESSAGE", "message", TEXT},
                {FIELD_TENANCY, "tenancy", TEXT},
                {FIELD_CALLER_UID, "caller_uid", NUMBER},
                {FIELD_DECIDED_BY, "decided_by", TEXT},
                {FIELD_METHOD, "method", TEXT},
                {FIELD_RIGHT, "right", TEXT},
                {FIELD_USER_ID, "user_id", TEXT},
                {FIELD_AUTHENTICATOR_ID, "authenticator_id", TEXT},
                {FIELD_RP_ID, "rp_id", TEXT},
                {FIELD_CHALLENGE_ID, "challenge_id", TEXT},
                {FIELD_ERROR, "error", TEXT},
                {FIELD_DURATION_USEC, "duration_usec", NUMBER},
        };
        _cleanup_(record_freep) Record *record = record_new();
        int r = 0;

        record_put_number(record, NULL, "time", journal_time_us(journal) / 1000);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fields); i++)
                r = put_field(record, journal, fields[i].field, fields[i].name, fields[i].kind);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(numbers); i++)
                r = put_field(record, journal, numbers[i].field, numbers[i].name, numbers[i].kind);
        return r < 0 ? r : record_print(record, true);
}

/* The DETAILS column: the last component of the error name, and numbers. */
static int details_new(Journal *journal, char **ret)
{
        _cleanup_(freep) char *error = NULL, *details = NULL;
        size_t size;
        FILE *f;
        int r;

        r = journal_get(journal, FIELD_ERROR, &error);
        if (r < 0)
                return r;
        f = open_memstream(&details, &size);
        if (!f)
                return -ENOMEM;
        if (error)
                fputs(strrchr(error, '.') ? strrchr(error, '.') + 1 : error, f);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(numbers); i++) {
                _cleanup_(freep) char *value = NULL;

                r = journal_get(journal, numbers[i].field, &value);
                if (r == 0 && value)
                        fprintf(f, "%s%s=%s", ftell(f) > 0 ? " " : "", numbers[i].name, value);
        }
        if (fclose(f) != 0 && r == 0)
                r = -ENOMEM;
        if (r == 0)
                *ret = TAKE_PTR(details);
        return r;
}

/* The UID column: name(uid), or the bare uid if its user is unknown. */
static int add_uid(Table *table, const char *uid)
{
        const struct passwd *user = getpwuid((uid_t) strtoul(uid, NULL, 10));
        _cleanup_(freep) char *text = user ? text_format("%s(%s)", user->pw_name, uid) : NULL;

        if (user && !text)
                return -ENOMEM;
        table_add(table, text ?: uid);
        return 0;
}

/* Adds a row. The uids in another host's journal have no names here. */
static int add_row(Table *table, Journal *journal, bool is_local)
{
        static const char *const fields[] = {
                FIELD_EVENT,  FIELD_TENANCY, FIELD_CALLER_UID,
                FIELD_METHOD, FIELD_USER_ID, FIELD_AUTHENTICATOR_ID,
        };
        _cleanup_(freep) char *details = NULL;
        int r = 0;

        table_add_time(table, journal_time_us(journal) / 1000);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fields); i++) {
                _cleanup_(freep) char *value = NULL;

                r = journal_get(journal, fields[i], &value);
                if (r == 0 && value && is_local && streq(fields[i], FIELD_CALLER_UID))
                        r = add_uid(table, value);
                else if (r == 0)
                        table_add(table, value);
        }
        if (r == 0)
                r = details_new(journal, &details);
        table_add(table, details);
        return r;
}

/* Prints the records up to the end of the journal. */
static int print_records(Journal *journal, Table *table, bool is_local)
{
        size_t n = 0;
        int r;

        while ((r = journal_next(journal)) > 0) {
                r = table ? add_row(table, journal, is_local) : print_json(journal);
                if (r == 0 && table && ++n % ROWS_MAX == 0)
                        r = table_flush(table);
                if (r < 0)
                        return r;
        }
        if (table && r == 0)
                r = table_flush(table);
        return r < 0 || fflush(stdout) == 0 ? r : -errno;
}

static int print_journal(Journal *journal, const Invocation *invocation)
{
        static const char *const headers[] = {"TIME", "EVENT",         "TENANCY", "UID", "METHOD",
                                              "USER", "AUTHENTICATOR", "DETAILS", NULL};
        _cleanup_(table_freep) Table *table = NULL;
        int r;

        if (!invocation->json) {
                table = table_new(headers, !invocation->no_legend);
                if (!table)
                        return -ENOMEM;
        }
        do
                r = print_records(journal, table, !invocation->directory);
        while (r == 0 && invocation->follow && (r = journal_wait(journal)) == 0);
        return r;
}

/* Returns 0 or an exit status. */
static int read_filter(const Invocation *invocation, JournalFilter *filter)
{
        int status;

        if (invocation->event)
                filter->event = event_from_name(invocation->event);
        if (invocation->event && filter->event < 0) {
                ClosestWord closest = {.word = invocation->event};

                for (int e = 0; e < N_EVENTS; e++)
                        closest_word_consider(&closest, event_name((Event) e));
                report("Failed to parse --event=%s: unknown event%s%s; see passlockd(8)",
                       invocation->event, closest.found ? ", did you mean " : "",
                       closest.found ?: "");
                return EXIT_USAGE;
        }
        if (invocation->lines)
                filter->n_last = text_parse_number(invocation->lines, INT32_MAX);
        if (filter->n_last == 0) {
                report("Failed to parse --lines=%s: not a positive number", invocation->lines);
                return EXIT_USAGE;
        }
        status = time_option_read("since", invocation->since, &filter->since_us);
        return status ?: time_option_read("until", invocation->until, &filter->until_us);
}

int verb_audit(Invocation *invocation)
{
        _cleanup_(journal_closep) Journal *journal = NULL;
        JournalFilter filter = {
                .event = -1,
                .tenancy = invocation->tenancy,
                .user_id = invocation->user,
                .authenticator_id = invocation->authenticator,
                .method = invocation->method,
                .uid = invocation->uid,
                .n_last =
                        invocation->follow && !invocation->since ? LINES_BEFORE_FOLLOW : UINT64_MAX,
        };
        int r;

        r = read_filter(invocation, &filter);
        if (r != 0)
                return r;
        r = journal_open(invocation->directory, &filter, &journal);
        if (r == 0)
                r = print_journal(journal, invocation);
        if (r == -EPIPE)
                return report_write_error(-r);
        return r < 0 ? report_journal(r) : 0;
}
