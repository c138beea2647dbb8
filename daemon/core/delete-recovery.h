/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/tenancy-internal.h"
#include "daemon/model/link.h"

/*
 * Finishes deletes in the vault whose outcome is not known: a crash cut them off, or the API's
 * answer was lost. Each of the passkeys is asked for, in the background and with back-off, and the
 * links of those that are gone are removed. The API may take a while to act on a request that it
 * has, so a passkey that is still there is asked for again for a minute; one of which the API does
 * not tell, until it does. Only the API at the endpoint that the delete was sent to is asked.
 */

extern const TenancyPart delete_recovery_part;

/* Takes the links over, as they were when the delete was sent to that endpoint; `intent_id` is 0 if
 * there is no intent on disk. Returns 0 or -ENOMEM. */
int delete_recovery_add(DeleteRecovery *recovery, const char *endpoint, LinkList *links,
                        uint64_t intent_id, const AuditOrigin *origin);
