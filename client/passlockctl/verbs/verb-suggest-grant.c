/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <pwd.h>

#include "client/passlockctl/host/grant-suggestion.h"
#include "client/passlockctl/host/journal.h"
#include "client/passlockctl/host/user.h"
#include "client/passlockctl/terminal/record.h"
#include "client/passlockctl/terminal/report.h"
#include "client/passlockctl/terminal/time-option.h"
#include "client/passlockctl/verbs/verbs.h"

static const char header[] =
        "# Suggested by passlockctl suggest-grant: what was used, according to the audit log.\n"
        "# Calls that only read (VerifyIdToken, Links.Read, Vault.Read) are not in the log, "
        "unless\n"
        "# they failed, or were allowed by Enforce=no. Review this; save it as a file in\n"
        "# /etc/passlock/passlockd.conf.d; remove the earlier grant; run passlockctl reload.\n";

/* Takes the current record of the journal into account. */
static int add_record(GrantSuggestions *suggestions, Journal *journal)
{
        static const char *const fields[] = {FIELD_EVENT,   FIELD_CALLER_UID, FIELD_DECIDED_BY,
                                             FIELD_TENANCY, FIELD_RIGHT,      FIELD_RP_ID,
                                             FIELD_ERROR};
        char *values[ARRAY_SIZE(fields)] = {};
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fields); i++)
                r = journal_get(journal, fields[i], &values[i]);
        if (r == 0)
                r = grant_suggestions_add(suggestions, &(RecordedCall){.event = values[0],
                                                                       .uid = values[1],
                                                                       .decided_by = values[2],
                                                                       .tenancy = values[3],
                                                                       .right = values[4],
                                                                       .rp_id = values[5],
                                                                       .error = values[6]});
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
                free(values[i]);
        return r;
}

static int read_journal(const Invocation *invocation, const JournalFilter *filter,
                        GrantSuggestions *suggestions)
{
        _cleanup_(journal_closep) Journal *journal = NULL;
        int r;

        r = journal_open(invocation->directory, filter, &journal);
        while (r == 0 && (r = journal_next(journal)) > 0)
                r = add_record(suggestions, journal);
        return r;
}

/* The uids in another host's journal have no names here. */
static const char *name_of(const Invocation *invocation, uid_t uid)
{
        const struct passwd *user = invocation->directory ? NULL : getpwuid(uid);

        return user ? user->pw_name : NULL;
}

static int print_json(const Invocation *invocation, const GrantSuggestions *suggestions)
{
        static char *none[] = {NULL};
        const GrantSuggestion *s;
        RecordArray array = {};
        int r = 0;

        STAILQ_FOREACH(s, suggestions, entry) {
                _cleanup_(record_freep) Record *record = record_new();

                record_put_number(record, NULL, "uid", s->uid);
                record_put_string(record, NULL, "user", name_of(invocation, s->uid));
                record_put_string(record, NULL, "tenancy", s->tenancy);
                record_put_strings(record, NULL, "allow", (const char *const *) (s->used ?: none));
                record_put_strings(record, NULL, "rp_ids",
                                   (const char *const *) (s->rp_ids ?: none));
                record_put_strings(record, NULL, "denied",
                                   (const char *const *) (s->denied ?: none));
                if (r == 0)
                        r = record_array_print(&array, record);
        }
        record_array_end(&array);
        return r;
}

static void print_grants(const Invocation *invocation, const GrantSuggestions *suggestions)
{
        const GrantSuggestion *suggestion;

        fputs(header, stdout);
        STAILQ_FOREACH(suggestion, suggestions, entry)
                grant_suggestion_print(suggestion, name_of(invocation, suggestion->uid), stdout);
        if (STAILQ_EMPTY(suggestions))
                puts("\n# There are no records of calls that need a grant.");
}

/* Returns 0 or an exit status. `uid` gets the text of the uid. */
static int read_filter(const Invocation *invocation, JournalFilter *filter, char uid[static 16])
{
        _cleanup_(user_clear) User user = {};
        int status;

        status = time_option_read("since", invocation->since, &filter->since_us);
        if (status == 0)
                status = time_option_read("until", invocation->until, &filter->until_us);
        if (status != 0 || !invocation->user)
                return status;
        if (user_look_up(invocation->user, &user) < 0) {
                report("Failed to look up --user=%s: no such user of this host", invocation->user);
                return EXIT_USAGE;
        }
        (void) snprintf(uid, 16, "%u", user.uid);
        filter->uid = uid;
        return 0;
}

int verb_suggest_grant(Invocation *invocation)
{
        _cleanup_(grant_suggestions_clear) GrantSuggestions suggestions =
                STAILQ_HEAD_INITIALIZER(suggestions);
        JournalFilter filter = {.event = -1, .tenancy = invocation->tenancy, .n_last = UINT64_MAX};
        char uid[16];
        int r;

        r = read_filter(invocation, &filter, uid);
        if (r != 0)
                return r;
        r = read_journal(invocation, &filter, &suggestions);
        if (r < 0)
                return report_journal(r);
        if (invocation->json)
                r = print_json(invocation, &suggestions);
        else
                print_grants(invocation, &suggestions);
        return report_call(invocation->client, r);
}
