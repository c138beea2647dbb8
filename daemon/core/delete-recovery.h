/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/tenancy-internal.h"
#include "daemon/model/link.h"

/*
 * Finishes vault deletes with an unknown outcome, after a crash or a lost reply of the API. Looks
 * up each passkey in the background, with back-off, and removes the links of passkeys that are
 * gone. The API may still be processing the delete, so a passkey that exists is looked up again for
 * a minute. A passkey whose lookup fails is looked up until it succeeds. Only the endpoint that
 * received the delete is asked.
 */

extern const TenancyPart delete_recovery_part;

/* Deletes that have no outcome yet. */
size_t delete_recovery_n_unfinished(const DeleteRecovery *recovery);

/* Takes ownership of the links, in their state when the delete was sent. `intent_id` is 0 if there
 * is no intent on disk. Returns 0 or -ENOMEM. */
int delete_recovery_add(DeleteRecovery *recovery, const char *endpoint, LinkList *links,
                        uint64_t intent_id, const AuditOrigin *origin);
