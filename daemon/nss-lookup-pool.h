/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/model/grant.h"

/*
 * Asks the host's user database (NSS) for users and groups by name. A database on the network may
 * let getpwnam() wait for minutes, so threads call it: up to NSS_LOOKUP_THREADS_MAX, which live as
 * long as there is something to ask. Their answers come by an eventfd. A thread that is still
 * waiting when the process ends is left behind.
 */
typedef struct NssLookupPool NssLookupPool;

#define NSS_LOOKUP_THREADS_MAX 8U

/* Lent. Called from the event loop, or from nss_lookup_pool_wait(). */
typedef void (*NssLookupFunc)(bool is_group, const char *name, NssResult answer, void *userdata);

/* Returns 0 or a negative errno. */
int nss_lookup_pool_new(sd_event *event, NssLookupFunc answered, void *userdata,
                        NssLookupPool **ret);
NssLookupPool *nss_lookup_pool_free(NssLookupPool *pool);
DEFINE_CLEANUP(NssLookupPool *, nss_lookup_pool_free);

/*
 * Asks for a name, which is answered once, by a look at the database that began after this call:
 * one that is under way already is repeated. Returns 0 or -ENOMEM; if there can be no thread, the
 * answer is why not.
 */
int nss_lookup_pool_ask(NssLookupPool *pool, bool is_group, const char *name);

/* Whatever has been asked is not answered any more. */
void nss_lookup_pool_cancel(NssLookupPool *pool);

/* Waits up to so long for answers, and passes on those that there are. */
void nss_lookup_pool_wait(NssLookupPool *pool, uint64_t timeout_ms);
