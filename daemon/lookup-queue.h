/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/grant.h"

/*
 * Lookups that are queued, run in threads, or are answered, and the threads; see lookups.h for how
 * many. The threads share the queue with the event loop, and it lives as long as one of them needs
 * it. The functions are for the event loop.
 */
typedef struct LookupQueue LookupQueue;
typedef struct Lookup Lookup;

int lookup_queue_new(LookupQueue **ret);
/* Drops the event loop's reference, and cancels all lookups. NULL is fine. Returns NULL. */
LookupQueue *lookup_queue_unref(LookupQueue *queue);
/* Readable when there are answers, an eventfd. */
int lookup_queue_fd(const LookupQueue *queue);

/* As lookups_ask() and lookups_cancel(). */
int lookup_queue_ask(LookupQueue *queue, bool is_group, const char *name);
void lookup_queue_cancel(LookupQueue *queue);

/* Starts threads for lookups that wait behind slow ones. Returns whether any is still queued. */
bool lookup_queue_relieve(LookupQueue *queue);

/* Takes an answered lookup out of the queue, for lookup_free(); NULL if there is none. */
Lookup *lookup_queue_take_answered(LookupQueue *queue);

/* How long a lookup may take before it is a slow one. */
#define LOOKUP_SLOW_MS 1000U

typedef enum LookupState {
        LOOKUP_QUEUED,
        LOOKUP_RUNNING, /* a thread reads its name, without the lock */
        LOOKUP_ANSWERED,
} LookupState;

struct Lookup {
        struct Lookup *next;
        LookupState state;
        bool again;        /* asked once more while it was running */
        bool cancelled;    /* while it was running */
        bool slow;         /* while it is running: its thread counts in n_slow */
        uint64_t since_ms; /* when it began to run */
        bool is_group;
        char *name;
        NameAnswer answer;
};

Lookup *lookup_free(Lookup *lookup);
DEFINE_CLEANUP(Lookup *, lookup_free);
