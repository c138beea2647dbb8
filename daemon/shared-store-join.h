/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/call.h"

/* Start function of a Call: imports the links of the store in the state directory, which was this
 * host's before it shared one, or only counts them. NOT_FOUND if there is none, STORE_FAILED. */
int shared_store_join_start(Tenancies *tenancies, const char *state_directory, bool apply,
                            const AuditOrigin *origin, ResultFunc func, void *userdata, Call **ret);
