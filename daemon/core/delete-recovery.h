/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/tenancy-internal.h"
#include "daemon/model/link.h"

/*
 * Finishes deletes in the vault whose outcome is not known: a crash cut them off, or the API's
 * answer was lost. Each of the passkeys is asked for, in the background and with back-off, and the
 * links of those that are gone are removed. The API may take a while to act on a request that it
 * has, so a passkey that is still there is asked for again for a minute.
 */

/* Returns 0 or a negative errno. */
int delete_recovery_new(Tenancy *tenancy, DeleteRecovery **ret);
DeleteRecovery *delete_recovery_free(DeleteRecovery *recovery);
DEFINE_CLEANUP(DeleteRecovery *, delete_recovery_free);

/* As for crash_recovery_*. */
void delete_recovery_start(DeleteRecovery *recovery);
void delete_recovery_api_is_back(DeleteRecovery *recovery);
void delete_recovery_stop(DeleteRecovery *recovery);

/* Adds a finding if deletes are left. Returns 0 or -ENOMEM. */
int delete_recovery_find(const DeleteRecovery *recovery, FindingList *list);

/* Takes the links over, as they were when the delete was asked for; `intent_id` is 0 if there is no
 * intent on disk. Returns 0 or -ENOMEM. */
int delete_recovery_add(DeleteRecovery *recovery, LinkList *links, uint64_t intent_id,
                        const AuditOrigin *origin);
