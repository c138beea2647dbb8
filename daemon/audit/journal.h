/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>
#include <sys/uio.h>

#include "base/macro.h"

/* A queue and a thread for sd_journal_sendv(), which blocks when the journal is slow: its socket
 * buffers about ten messages. If the queue is full, records are dropped and counted. */
#define JOURNAL_FIELDS_MAX 24U

/* The fields of a record, each "NAME=value". */
typedef struct JournalEntry {
        STAILQ_ENTRY(JournalEntry) entry;
        size_t n_fields;
        struct iovec fields[JOURNAL_FIELDS_MAX];
} JournalEntry;

/* NULL if out of memory. */
JournalEntry *journal_entry_new(void);
JournalEntry *journal_entry_free(JournalEntry *entry);
DEFINE_CLEANUP(JournalEntry *, journal_entry_free);

/* The value may be any text, including newlines. Returns 0 or -ENOMEM. */
int journal_entry_add(JournalEntry *entry, const char *name, const char *value);
/* The value of a field; NULL if missing. */
const char *journal_entry_get(const JournalEntry *entry, const char *name);

/* Starts the thread. Returns 0 or a negative errno. */
int journal_open(void);
bool journal_is_open(void);
/* Takes ownership of the entry; drops it if `queue_max` entries are queued. */
void journal_put(JournalEntry *entry, size_t queue_max);
/* Number of queued entries. */
size_t journal_n_waiting(void);
/* Number of sent entries. */
uint64_t journal_n_sent(void);
/* Returns and resets the number of dropped entries; returns 0 while `n_waiting` or more are
 * queued. */
uint64_t journal_take_lost(size_t n_waiting);
/* Flushes the queue, and stops waiting after the timeout. */
void journal_close(uint64_t timeout_ms);
