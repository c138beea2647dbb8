/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/model/grant.h"

/*
 * Asks the host's user database (NSS) for users and groups by name. A database on the network may
 * let getpwnam() wait for minutes, so threads call it: up to LOOKUPS_THREADS_MAX, which live as
 * long as there is something to ask. Their answers come by an eventfd. A thread that is still
 * waiting when the process ends is left behind.
 */
typedef struct Lookups Lookups;

#define LOOKUPS_THREADS_MAX 8U

/* Lent. Called from the event loop, or from lookups_wait(). */
typedef void (*LookupsFunc)(bool is_group, const char *name, NameAnswer answer, void *userdata);

/* Returns 0 or a negative errno. */
int lookups_new(sd_event *event, LookupsFunc answered, void *userdata, Lookups **ret);
Lookups *lookups_free(Lookups *lookups);
DEFINE_CLEANUP(Lookups *, lookups_free);

/*
 * Asks for a name, which is answered once, by a look at the database that began after this call:
 * one that is under way already is repeated. Returns 0 or -ENOMEM; if there can be no thread, the
 * answer is why not.
 */
int lookups_ask(Lookups *lookups, bool is_group, const char *name);

/* Whatever has been asked is not answered any more. */
void lookups_cancel(Lookups *lookups);

/* Waits up to so long for answers, and passes on those that there are. */
void lookups_wait(Lookups *lookups, uint64_t timeout_ms);
