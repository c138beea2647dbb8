/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/bus/dispatch/request.h"
#include "daemon/model/access.h"

/* The grants' decision on a request. `rp_id` NULL: for any relying party. */
AccessDecision access_check(const Request *request, const char *rp_id);

/* Likewise, for a request whose relying party is not known yet. */
AccessVerdict access_check_any_rp(Request *request);

/* Likewise, and counts the call against MaxCallsPerSec=. A call that only Enforce=no allows is
 * recorded. */
AccessVerdict access_check_take(Request *request, const char *rp_id);

/*
 * Explains ACCESS_DENIED, and returns it: names the method, and the command that explains the
 * decision to an administrator. The caller learns nothing of the grants. `rp_id` and `reason` may
 * be NULL.
 */
int access_check_deny(Request *request, const char *rp_id, const char *reason);
