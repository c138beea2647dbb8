/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/interrupted-exchanges.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/model/recovery.h"

/* Collects the claims and the candidates of crash recovery. */

/* Makes claims of the interrupted exchanges of an endpoint. `api` provides the API's clock; NULL:
 * unknown. Returns 0 or -ENOMEM. */
int recovery_new(const ExchangeIntentList *interrupted, const char *endpoint, const Api *api,
                 Recovery **ret);

/* Drops claims that retries have taken over since. */
void recovery_drop_taken_over(Recovery *recovery, const ExchangeIntentList *interrupted);

/* Makes a passkey a candidate if it matches a claim. Returns 0, -ENOMEM or an Error of the store.
 */
int recovery_check_passkey(Recovery *recovery, Tenancy *tenancy, const Passkey *passkey);
