/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/interrupted-exchanges.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/model/recovery.h"

/* The claims and the candidates of crash recovery. */

/* Makes claims of the interrupted of an endpoint. The Api tells its clock; NULL: not known. Returns
 * 0 or -ENOMEM. */
int recovery_new(const InterruptedExchanges *interrupted, const char *endpoint, const Api *api,
                 Recovery **ret);

/* Drops the claims that repeats have taken over since. */
void recovery_drop_taken_over(Recovery *recovery, const InterruptedExchanges *interrupted);

/* Makes a passkey of the vault a candidate if a claim may mean it. Returns 0, -ENOMEM or an Error
 * of the store. */
int recovery_check_passkey(Recovery *recovery, Tenancy *tenancy, const Passkey *passkey);
