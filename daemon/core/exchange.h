/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <limits.h>
#include <sys/types.h>

#include "daemon/core/tenancy.h"
#include "daemon/model/idempotency-record.h"

/*
 * Exchanges a code for a principal, and links the authenticator to the user.
 *
 * To ask the API uses the code up, so that a lost answer cannot be asked for again. Therefore:
 * 1. Before the API is asked, an intent is on disk that says what the exchange may come to.
 * 2. An exchange that has begun is carried through, also when its caller goes.
 * 3. With a request id, the answer is put on disk in the same transaction as the link, as an
 *    idempotency record. The intent goes in that transaction, too, or when the exchange ends
 *    otherwise, before its caller hears of that.
 * 4. The same caller that repeats code and request id gets the recorded answer; or, if the first
 *    exchange is still under way, waits for it.
 * 5. If the store fails after the API has answered, the outcome is kept in memory and saved later,
 *    by a repeat or by itself.
 * A crash between the API's answer and the commit loses the answer. The next start finds the intent
 * and the link (crash-recovery.h); a repeat then is INTERRUPTED.
 */
typedef struct ExchangeRequest {
        uid_t uid; /* of the caller */
        const char *code;
        const char *user_id;    /* the only acceptable one, or NULL */
        const char *request_id; /* or NULL */
        bool link;
        AuditOrigin origin; /* for the record of a new link */
} ExchangeRequest;

/*
 * r: 0, an Error or a negative errno; retry_after_s goes with RATE_LIMITED. The answer is lent, and
 * there with r == 0 only.
 */
typedef void (*ExchangeFunc)(int r, uint32_t retry_after_s, const IdempotencyRecord *answer,
                             void *userdata);

/* What exchange_start() returns if there is a recorded answer to this very request. */
#define EXCHANGE_ANSWERED INT_MAX

/*
 * Copies the request. Returns 0, NOT_CONFIGURED, STORE_FAILED or a negative errno. The function
 * runs once, never before this returns; an exchange cannot be cancelled. Or returns
 * EXCHANGE_ANSWERED: the function does not run, and *ret_answer is the caller's; its `error` may be
 * set.
 */
int exchange_start(Tenancy *tenancy, const ExchangeRequest *request, ExchangeFunc func,
                   void *userdata, IdempotencyRecord *ret_answer);
