/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "daemon/model/grant.h"

/*
 * NssLookupPool that are queued, run in threads, or are answered, and the threads; see lookups.h
 * for how many. The threads share the queue with the event loop, and it lives as long as one of
 * them needs it. The functions are for the event loop.
 */
typedef struct NssLookupQueue NssLookupQueue;
typedef struct NssLookup NssLookup;

int lookup_queue_new(NssLookupQueue **ret);
/* Drops the event loop's reference, and cancels all lookups. NULL is fine. Returns NULL. */
NssLookupQueue *lookup_queue_unref(NssLookupQueue *queue);
/* Readable when there are answers, an eventfd. */
int lookup_queue_fd(const NssLookupQueue *queue);

/* As nss_lookup_pool_ask() and nss_lookup_pool_cancel(). */
int lookup_queue_ask(NssLookupQueue *queue, bool is_group, const char *name);
void lookup_queue_cancel(NssLookupQueue *queue);

/* Starts threads for lookups that wait behind slow ones. Returns whether any is still queued. */
bool lookup_queue_relieve(NssLookupQueue *queue);

/* Takes an answered lookup out of the queue, for lookup_free(); NULL if there is none. */
NssLookup *lookup_queue_take_answered(NssLookupQueue *queue);

/* How long a lookup may take before it is a slow one. */
#define LOOKUP_SLOW_MS 1000U

typedef enum NssLookupState {
        LOOKUP_QUEUED,
        LOOKUP_RUNNING, /* a thread reads its name, without the lock */
        LOOKUP_ANSWERED,
} NssLookupState;

struct NssLookup {
        TAILQ_ENTRY(NssLookup) entry;
        NssLookupState state;
        bool again;        /* asked once more while it was running */
        bool cancelled;    /* while it was running */
        bool slow;         /* while it is running: its thread counts in n_slow */
        uint64_t since_ms; /* when it began to run */
        bool is_group;
        char *name;
        NssResult answer;
};

NssLookup *lookup_free(NssLookup *lookup);
DEFINE_CLEANUP(NssLookup *, lookup_free);
