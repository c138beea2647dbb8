/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/uio.h>

#include "base/macro.h"

/*
 * The way to the journal. sd_journal_sendv() waits when the journal does not read (its socket has
 * room for ten messages unless systemd has raised that), so a thread calls it, and who has a record
 * never does: it is queued, and if the queue is full it is lost and counted.
 */
#define JOURNAL_FIELDS_MAX 24U

/* The fields of one record, each "NAME=value". */
typedef struct JournalEntry {
        struct JournalEntry *next;
        size_t n_fields;
        struct iovec fields[JOURNAL_FIELDS_MAX];
} JournalEntry;

/* NULL for lack of memory. */
JournalEntry *journal_entry_new(void);
JournalEntry *journal_entry_free(JournalEntry *entry);
DEFINE_CLEANUP(JournalEntry *, journal_entry_free);

/* The value may be any text, with newlines, too: it is its own field and no other. Returns 0 or
 * -ENOMEM. */
int journal_entry_add(JournalEntry *entry, const char *name, const char *value);
/* The value of a field. NULL if there is none. */
const char *journal_entry_get(const JournalEntry *entry, const char *name);

/* Starts the thread. Returns 0 or a negative errno. */
int journal_open(void);
bool journal_is_open(void);
/* Takes the entry over. Not more than `queue_max` may wait already; an entry beyond is lost. */
void journal_put(JournalEntry *entry, size_t queue_max);
/* How many wait. */
size_t journal_n_waiting(void);
/* How many it has taken so far. */
uint64_t journal_n_sent(void);
/* How many were lost since this was last asked; 0 as long as `n_waiting` or more wait. */
uint64_t journal_take_lost(size_t n_waiting);
/* Gives the thread so long to send what is left. */
void journal_close(uint64_t timeout_ms);
