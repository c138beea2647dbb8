/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/call.h"
#include "daemon/model/finding.h"
#include "daemon/shared-store.h"

/* Start function of a Call: gets the state of the store. It asks etcd, for two seconds at most; if
 * etcd does not answer, the result has the facts of this host. `endpoints` are those of the
 * configuration, lent; NULL: unknown. */
int shared_store_status_start(SharedStore *shared, char *const *endpoints, ResultFunc func,
                              void *userdata, Call **ret);

/* The facts of this host alone: `members` and what only etcd knows are empty. */
void shared_store_get_status(SharedStore *shared, char *const *endpoints, StoreStatus *ret);

/* Adds findings without a request to etcd. `place` is that of [Store]. Returns 0 or -ENOMEM. */
int shared_store_diagnose(SharedStore *shared, const char *place, FindingList *list);
