/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/tenancy-internal.h"
#include "daemon/core/wait-list.h"
#include "daemon/model/intent.h"

/*
 * Finds the links that a crash has lost. Exchanges that an earlier process left behind are claims
 * (see model/recovery.h): the vault is paged through for passkeys that they can have been about, in
 * the background and with back-off until that succeeds, and the store decides which of them are
 * linked. All times are judged by the API's clock.
 */

/* Returns 0 or a negative errno. */
int crash_recovery_new(Tenancy *tenancy, CrashRecovery **ret);
CrashRecovery *crash_recovery_free(CrashRecovery *recovery);
DEFINE_CLEANUP(CrashRecovery *, crash_recovery_free);

/* The tenancy is configured: does what is left to do. */
void crash_recovery_start(CrashRecovery *recovery);
/* A caller's call has shown that the API answers again. */
void crash_recovery_api_is_back(CrashRecovery *recovery);
/* Not now: the next start goes on. */
void crash_recovery_stop(CrashRecovery *recovery);

/* Adds a finding if exchanges are left. Returns 0 or -ENOMEM. */
int crash_recovery_find(const CrashRecovery *recovery, FindingList *list);

/*
 * A repeat takes the interrupted exchange with the same key over, if there is one: it is no claim
 * until it is given back. Returns its intent's id, or 0 if there is none, or if it is too late to
 * take it over; *ret_interrupted tells the two apart.
 */
uint64_t crash_recovery_take_over(CrashRecovery *recovery,
                                  const uint8_t key[static IDEMPOTENCY_KEY_LEN],
                                  bool *ret_interrupted);
/* The repeat has settled it, or else it remains a claim. */
void crash_recovery_give_back(CrashRecovery *recovery, uint64_t intent_id, bool settled);

/* Runs the function once the links are found that can be found, or that has failed, or takes more
 * than two seconds; at once, before this returns, if nothing is under way. Returns 0 or -ENOMEM. */
int crash_recovery_wait(CrashRecovery *recovery, WaitFunc func, void *userdata);
