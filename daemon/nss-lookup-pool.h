/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/model/grant.h"

/*
 * A thread pool for user and group lookups (NSS). A network database may block getpwnam() for
 * minutes, so threads call it: up to NSS_LOOKUP_THREADS_MAX, which exit when the queue is empty.
 * Threads whose lookup was cancelled or takes longer than a second do not count, up to
 * LOOKUPS_THREADS_TOTAL_MAX, so that a hanging lookup does not delay others. An eventfd reports
 * results. A thread that is blocked when the process exits is abandoned.
 */
typedef struct NssLookupPool NssLookupPool;

#define NSS_LOOKUP_THREADS_MAX    8U
#define LOOKUPS_THREADS_TOTAL_MAX 64U

/* Called from the event loop, or from nss_lookup_pool_wait(). Arguments are lent. */
typedef void (*NssLookupFunc)(bool is_group, const char *name, NssResult answer, void *userdata);

/* Returns 0 or a negative errno. */
int nss_lookup_pool_new(sd_event *event, NssLookupFunc answered, void *userdata,
                        NssLookupPool **ret);
NssLookupPool *nss_lookup_pool_free(NssLookupPool *lookups);
DEFINE_CLEANUP(NssLookupPool *, nss_lookup_pool_free);

/*
 * Looks up a name. The result is reported once, from a lookup that began after this call: a lookup
 * in progress is repeated. Returns 0 or -ENOMEM; if no thread can be created, the error is reported
 * as the result.
 */
int nss_lookup_pool_ask(NssLookupPool *lookups, bool is_group, const char *name);

/* Cancels all lookups: no results are reported. */
void nss_lookup_pool_cancel(NssLookupPool *lookups);

/* Waits up to `timeout_ms`, a second at most, and reports the results. */
void nss_lookup_pool_wait(NssLookupPool *lookups, uint64_t timeout_ms);
