/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/call.h"
#include "daemon/shared-store.h"

/* Start function of a Call: makes the replica the store in the state directory, or only counts.
 * NOT_CONFIGURED if this host has left, STORE_FULL, STORE_FAILED. */
int shared_store_leave_start(SharedStore *shared, const char *state_directory, bool apply,
                             const AuditOrigin *origin, ResultFunc func, void *userdata,
                             Call **ret);
