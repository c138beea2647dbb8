/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/model/finding.h"
#include "daemon/model/grant.h"

/*
 * The users and groups that grants have by name, and what the host says of them. All are asked for
 * when a configuration is read; those that there are not, or of which nothing is known, again and
 * again until there are. What is known is put into the grants by grant_name_resolver_apply(), and
 * only there it matters.
 */
typedef struct GrantNameResolver GrantNameResolver;

/* Something is known that was not: called from the event loop. */
typedef void (*GrantNameResolverFunc)(void *userdata);

/* Returns 0 or a negative errno. */
int grant_name_resolver_new(sd_event *event, GrantNameResolverFunc changed, void *userdata,
                            GrantNameResolver **ret);
GrantNameResolver *grant_name_resolver_free(GrantNameResolver *resolver);
DEFINE_CLEANUP(GrantNameResolver *, grant_name_resolver_free);

/* Asks anew for every name in the grants, and for no other any more. Returns 0 or -ENOMEM. */
int grant_name_resolver_start(GrantNameResolver *resolver, const GrantList *grants);

/* Whether there has been an answer of some kind to each. */
bool grant_name_resolver_is_done(const GrantNameResolver *resolver);
/* Waits for that, without the event loop, but not longer. */
void grant_name_resolver_wait(GrantNameResolver *resolver, uint64_t timeout_ms);

/* Puts into the grants what is known. With `record`, each name that was not there and is now leaves
 * a record. */
void grant_name_resolver_apply(const GrantNameResolver *resolver, GrantList *grants, bool record);

/* Adds a finding for each name in the grants that matches nobody. Returns 0 or -ENOMEM. */
int grant_name_resolver_diagnose(const GrantList *grants, FindingList *list);
