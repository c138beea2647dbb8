/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"
#include "dbus/event.h"

/*
 * The daemon's records (dbus/event.h), as the journal has them. They are known by what journald
 * says of who wrote them, which a writer cannot choose: the unit. What another program wrote with
 * the same MESSAGE_ID is none.
 */
typedef struct Journal Journal;

/* What is NULL, 0 or (event) negative matches all. */
typedef struct JournalFilter {
        int event;
        const char *tenancy, *user_id, *authenticator_id, *method, *uid;
        uint64_t since_us, until_us;
        uint64_t n_last; /* only so many, the last ones; UINT64_MAX: all */
} JournalFilter;

/* `directory` NULL: this host's. The filter is lent for the journal's life. Returns 0 or a negative
 * errno; -ENOENT: there is none that we may read. */
int journal_open(const char *directory, const JournalFilter *filter, Journal **ret);
Journal *journal_close(Journal *journal);
DEFINE_CLEANUP(Journal *, journal_close);

/* Goes to the next record. Returns 1, 0 after the last one, or a negative errno. */
int journal_next(Journal *journal);
/* Waits until there may be another. Returns 0 or a negative errno. */
int journal_wait(Journal *journal);

/* Of the record it is at: */
uint64_t journal_time_us(const Journal *journal);
/* A copy of the field, NULL if there is none. Returns 0 or a negative errno. */
int journal_get(Journal *journal, const char *field, char **ret);
