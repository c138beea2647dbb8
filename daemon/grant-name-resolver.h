/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/model/finding.h"
#include "daemon/model/grant.h"

/*
 * Resolves the user and group names of grants to uids and gids. Each load of the configuration
 * looks up every name; names that are missing, or whose lookup failed, are retried until found.
 * Results take effect only when grant_name_resolver_apply() copies them into the grants.
 */
typedef struct GrantNameResolver GrantNameResolver;

/* A result has changed. Called from the event loop. */
typedef void (*GrantNameResolverFunc)(void *userdata);

/* Returns 0 or a negative errno. */
int grant_name_resolver_new(sd_event *event, GrantNameResolverFunc changed, void *userdata,
                            GrantNameResolver **ret);
GrantNameResolver *grant_name_resolver_free(GrantNameResolver *resolver);
DEFINE_CLEANUP(GrantNameResolver *, grant_name_resolver_free);

/* Starts a lookup of each name in the grants; drops all other names. Returns 0 or -ENOMEM. */
int grant_name_resolver_start(GrantNameResolver *resolver, const GrantList *grants);

/* Whether all lookups have ended, successfully or not. */
bool grant_name_resolver_is_done(const GrantNameResolver *resolver);
/* Blocks outside of the event loop until all lookups are done, at most for the timeout. */
void grant_name_resolver_wait(GrantNameResolver *resolver, uint64_t timeout_ms);

/* Copies the results into the grants. With `record`, each newly found name leaves an audit
 * record. */
void grant_name_resolver_apply(const GrantNameResolver *resolver, GrantList *grants, bool record);

/* Adds a finding for each name that matches nobody. Returns 0 or -ENOMEM. */
int grant_name_resolver_diagnose(const GrantList *grants, FindingList *list);
