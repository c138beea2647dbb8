/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/model/grant.h"

/*
 * A thread pool that looks up users and groups by name (NSS). getpwnam() of a network database may
 * block for minutes, so up to NSS_LOOKUP_THREADS_MAX threads call it; they exit when the queue is
 * empty. Results arrive by an eventfd. A thread that still blocks at exit is detached.
 */
typedef struct NssLookupPool NssLookupPool;

#define NSS_LOOKUP_THREADS_MAX 8U

/* `name` is lent. Called from the event loop, or from nss_lookup_pool_wait(). */
typedef void (*NssLookupFunc)(bool is_group, const char *name, NssResult result, void *userdata);

/* Returns 0 or a negative errno. */
int nss_lookup_pool_new(sd_event *event, NssLookupFunc on_result, void *userdata,
                        NssLookupPool **ret);
NssLookupPool *nss_lookup_pool_free(NssLookupPool *pool);
DEFINE_CLEANUP(NssLookupPool *, nss_lookup_pool_free);

/*
 * Queues a lookup. Its result is reported once, and comes from a lookup that began after this call:
 * a lookup that is already running is repeated. Returns 0 or -ENOMEM; if no thread can be created,
 * the result is that errno.
 */
int nss_lookup_pool_ask(NssLookupPool *pool, bool is_group, const char *name);

/* Drops all lookups; none of them is reported any more. */
void nss_lookup_pool_cancel(NssLookupPool *pool);

/* Blocks until a result arrives, at most for the timeout, and reports all that have arrived. */
void nss_lookup_pool_wait(NssLookupPool *pool, uint64_t timeout_ms);
