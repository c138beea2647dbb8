/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/tenancy-internal.h"
#include "daemon/core/wait-list.h"
#include "daemon/model/intent.h"

/*
 * Finds the links that a crash has lost. Exchanges that an earlier process left behind are claims
 * (see model/recovery.h): the vault is paged through for passkeys that they can have been about, in
 * the background and with back-off until that succeeds, and the store decides which of them are
 * linked, once the exchanges that were under way after the last page have ended. All times are
 * judged by the API's clock.
 */

extern const TenancyPart crash_recovery_part;

/*
 * A repeat takes the interrupted exchange with the same key over, if there is one: it is no claim
 * until it is given back. Returns its intent's id, or 0 if there is none, or if it is too late to
 * take it over, or if the repeat may make another link; *ret_interrupted tells the first from the
 * others, for which the repeat needs an intent of its own.
 */
uint64_t crash_recovery_take_over(CrashRecovery *recovery, const ExchangeIntent *repeat,
                                  bool *ret_interrupted);
/* The repeat has settled it, or else it remains a claim. */
void crash_recovery_give_back(CrashRecovery *recovery, uint64_t intent_id, bool resolved);

/* An exchange has ended that recovery may have waited for. */
void crash_recovery_resume(CrashRecovery *recovery);
/* A decision against a link is not known to the store: nothing is linked. */
void crash_recovery_note_lost_decision(CrashRecovery *recovery);

/* Runs the function once the links are found that can be found, or that has failed, or takes more
 * than two seconds; at once, before this returns, if nothing is under way. Returns 0 or -ENOMEM. */
int crash_recovery_wait(CrashRecovery *recovery, WaitFunc func, void *userdata);
