/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/tenancy-internal.h"
#include "daemon/core/wait-list.h"
#include "daemon/model/intent.h"

/*
 * Restores links that a crash has lost. An exchange that a crash interrupted is a claim to a
 * passkey (model/recovery.h). Recovery pages through the vault in the background, with back-off,
 * for passkeys that match a claim. It then waits for the exchanges in flight, and the store decides
 * which passkeys to link. All passkey times are compared on the API's clock.
 */

extern const TenancyPart crash_recovery_part;

/*
 * Lets a retry take over the intent of the interrupted exchange with the same idempotency key:
 * until it is given back, it is no claim. Returns the id of the intent. Returns 0 if there is no
 * such exchange, if recovery is already deciding, or if the retry wants a different link. In the
 * last two cases *ret_interrupted is true, and the retry needs an intent of its own.
 */
uint64_t crash_recovery_take_over(CrashRecovery *recovery, const ExchangeIntent *retry,
                                  bool *ret_interrupted);
/* The retry has ended. An unresolved exchange becomes a claim again. */
void crash_recovery_give_back(CrashRecovery *recovery, uint64_t intent_id, bool resolved);

/* Exchanges of earlier processes that have no outcome yet. */
size_t crash_recovery_n_unfinished(const CrashRecovery *recovery);

/* Continues a recovery that waited for an exchange which has ended. */
void crash_recovery_resume(CrashRecovery *recovery);
/* A decision not to link a passkey could not be stored, so recovery must link nothing. */
void crash_recovery_note_lost_decision(CrashRecovery *recovery);

/* Runs the function when recovery has succeeded or failed, or after two seconds. If no recovery is
 * in progress, runs it before returning. Returns 0 or -ENOMEM. */
int crash_recovery_wait(CrashRecovery *recovery, WaitFunc func, void *userdata);
