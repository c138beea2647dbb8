/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"
#include "dbus/event.h"

/*
 * The daemon's audit records (dbus/event.h) in the journal. They are matched by the trusted field
 * _SYSTEMD_UNIT, so records of other programs with the same MESSAGE_ID are ignored.
 */
typedef struct Journal Journal;

/* NULL, 0 or a negative event matches everything. */
typedef struct JournalFilter {
        int event;
        const char *tenancy, *user_id, *authenticator_id, *method, *uid;
        uint64_t since_us, until_us;
        uint64_t n_last; /* limit to the last N records; UINT64_MAX: all */
} JournalFilter;

/*
 * Opens the journal; `directory` NULL is this host's. The filter is borrowed for the journal's
 * life. Returns 0 or a negative errno; -ENOENT if no journal is readable.
 */
int journal_open(const char *directory, const JournalFilter *filter, Journal **ret);
Journal *journal_close(Journal *journal);
DEFINE_CLEANUP(Journal *, journal_close);

/* Advances to the next record. Returns 1, 0 after the last one, or a negative errno. */
int journal_next(Journal *journal);
/* Waits until the journal changes. Returns 0 or a negative errno. */
int journal_wait(Journal *journal);

/* Fields of the current record: */
uint64_t journal_time_us(const Journal *journal);
/* Copies the field; NULL if missing. Returns 0 or a negative errno. */
int journal_get(Journal *journal, const char *field, char **ret);
