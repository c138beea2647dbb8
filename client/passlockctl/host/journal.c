/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <systemd/sd-journal.h>

#include "base/text.h"
#include "client/passlockctl/host/journal.h"
#include "client/passlockctl/host/systemd-unit.h"

#define WAIT_US UINT64_C(1000000)

struct Journal {
        sd_journal *journal;
        const JournalFilter *filter;
        uint64_t time_us;
};

static int add_match(sd_journal *journal, const char *field, const char *value)
{
        _cleanup_(freep) char *match = value ? text_format("%s=%s", field, value) : NULL;

        if (!value)
                return 0;
        return match ? sd_journal_add_match(journal, match, 0) : -ENOMEM;
}

static int add_events(sd_journal *journal, int event)
{
        int r = 0;

        if (event >= 0)
                return add_match(journal, "MESSAGE_ID", event_message_id((Event) event));
        for (int e = 0; r >= 0 && e < N_EVENTS; e++)
                r = add_match(journal, "MESSAGE_ID", event_message_id((Event) e));
        return r;
}

static int add_filter(sd_journal *journal, const JournalFilter *filter)
{
        const struct {
                const char *field, *value;
        } matches[] = {
                {"_SYSTEMD_UNIT", UNIT},
                {FIELD_TENANCY, filter->tenancy},
                {FIELD_USER_ID, filter->user_id},
                {FIELD_AUTHENTICATOR_ID, filter->authenticator_id},
                {FIELD_METHOD, filter->method},
                {FIELD_CALLER_UID, filter->uid},
        };
        int r;

        r = add_events(journal, filter->event);
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(matches); i++)
                r = add_match(journal, matches[i].field, matches[i].value);
        return r;
}

/* Seeks N records back from the end, or to the first record. */
static int seek_last(sd_journal *journal, const JournalFilter *filter)
{
        int r;

        r = filter->until_us ? sd_journal_seek_realtime_usec(journal, filter->until_us + 1)
                             : sd_journal_seek_tail(journal);
        if (r >= 0)
                r = sd_journal_previous_skip(journal, filter->n_last + 1);
        if (r < 0 || (uint64_t) r > filter->n_last)
                return r;
        return sd_journal_seek_head(journal);
}

static int seek(sd_journal *journal, const JournalFilter *filter)
{
        if (filter->n_last < UINT64_MAX)
                return seek_last(journal, filter);
        return filter->since_us ? sd_journal_seek_realtime_usec(journal, filter->since_us)
                                : sd_journal_seek_head(journal);
}

static bool has_files(sd_journal *journal, const char *directory)
{
        return directory || sd_journal_has_runtime_files(journal) > 0 ||
               sd_journal_has_persistent_files(journal) > 0;
}

int journal_open(const char *directory, const JournalFilter *filter, Journal **ret)
{
        _cleanup_(journal_closep) Journal *journal = calloc(1, sizeof(Journal));
        int r;

        if (!journal)
                return -ENOMEM;
        journal->filter = filter;
        r = directory ? sd_journal_open_directory(&journal->journal, directory, 0)
                      : sd_journal_open(&journal->journal, SD_JOURNAL_LOCAL_ONLY);
        if (r < 0)
                return r;
        if (!has_files(journal->journal, directory))
                return -ENOENT;
        r = add_filter(journal->journal, filter);
        if (r >= 0)
                r = seek(journal->journal, filter);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(journal);
        return 0;
}

Journal *journal_close(Journal *journal)
{
        if (!journal)
                return NULL;
        sd_journal_close(journal->journal);
        free(journal);
        return NULL;
}

int journal_next(Journal *journal)
{
        const JournalFilter *filter = journal->filter;
        int r;

        while ((r = sd_journal_next(journal->journal)) > 0) {
                r = sd_journal_get_realtime_usec(journal->journal, &journal->time_us);
                if (r < 0)
                        return r;
                if (filter->until_us && journal->time_us > filter->until_us)
                        return 0;
                if (journal->time_us >= filter->since_us)
                        return 1;
        }
        return r;
}

int journal_wait(Journal *journal)
{
        int r;

        /* inotify may miss journald's writes to the mapped file, so poll as well. */
        r = sd_journal_wait(journal->journal, WAIT_US);
        return r < 0 ? r : 0;
}

uint64_t journal_time_us(const Journal *journal)
{
        return journal->time_us;
}

int journal_get(Journal *journal, const char *field, char **ret)
{
        size_t len, name_len = strlen(field) + 1;
        const void *data;
        char *value;
        int r;

        r = sd_journal_get_data(journal->journal, field, &data, &len);
        if (r == -ENOENT || (r >= 0 && len < name_len)) {
                *ret = NULL;
                return 0;
        }
        if (r < 0)
                return r;
        value = strndup((const char *) data + name_len, len - name_len);
        if (!value)
                return -ENOMEM;
        *ret = value;
        return 0;
}
