/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "daemon/model/grant.h"

/*
 * The lookups that are queued, running or answered, and the threads that run them; see
 * nss-lookup-pool.h for the thread limits. Shared by the event loop and the threads, and freed with
 * the last reference. Only the event loop calls these functions.
 */
typedef struct NssLookupQueue NssLookupQueue;
typedef struct NssLookup NssLookup;

int lookup_queue_new(NssLookupQueue **ret);
/* Drops the event loop's reference, and cancels all lookups. NULL is fine. Returns NULL. */
NssLookupQueue *lookup_queue_unref(NssLookupQueue *queue);
/* An eventfd, readable when there are results. */
int lookup_queue_fd(const NssLookupQueue *queue);

/* See nss_lookup_pool_ask() and nss_lookup_pool_cancel(). */
int lookup_queue_ask(NssLookupQueue *queue, bool is_group, const char *name);
void lookup_queue_cancel(NssLookupQueue *queue);

/* Starts threads for lookups queued behind slow ones. Returns whether any lookup is still queued.
 */
bool lookup_queue_relieve(NssLookupQueue *queue);

/* Takes an answered lookup out of the queue, for lookup_free(); NULL if there is none. */
NssLookup *lookup_queue_take_answered(NssLookupQueue *queue);

/* A lookup is slow after this time. */
#define LOOKUP_SLOW_MS 1000U

typedef enum NssLookupState {
        LOOKUP_QUEUED,
        LOOKUP_RUNNING, /* a thread reads `name` without the lock */
        LOOKUP_ANSWERED,
} NssLookupState;

struct NssLookup {
        TAILQ_ENTRY(NssLookup) entry;
        NssLookupState state;
        bool again;        /* requested again while running */
        bool cancelled;    /* while running */
        bool slow;         /* while running; its thread counts in n_slow */
        uint64_t since_ms; /* start of the lookup */
        bool is_group;
        char *name;
        NssResult answer;
};

NssLookup *lookup_free(NssLookup *lookup);
DEFINE_CLEANUP(NssLookup *, lookup_free);
