/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "daemon/core/call.h"

/*
 * Exchanges a code for a principal, and links the authenticator to the user.
 *
 * The API accepts a code once, so a lost reply cannot be requested again. Therefore:
 * 1. An intent is committed before the API call.
 * 2. An exchange continues even if its caller disconnects.
 * 3. For a request with a request id, the answer is committed as an idempotency record, in one
 * transaction with the link and the removal of the intent. An exchange that fails removes its
 * intent before it replies.
 * 4. A retry (same caller, code and request id) gets the recorded answer, or waits for the exchange
 * in flight. In a store that several hosts share, the caller is the name of its grant, because uids
 * differ between hosts.
 * 5. If the store fails after the API has replied, the outcome stays in memory, and a retry or a
 * timer saves it.
 *
 * A crash between the API's reply and the commit loses the answer. The next start finds the intent
 * and restores the link (crash-recovery.h); a retry gets INTERRUPTED.
 */
typedef struct ExchangeRequest {
        uid_t uid;         /* of the caller */
        const char *grant; /* the name of the grant that allows the call; NULL: none */
        const char *code;
        const char *user_id;    /* the expected user, or NULL for any */
        const char *request_id; /* or NULL */
        bool link;
        AuditOrigin origin; /* for the audit record of a new link */
} ExchangeRequest;

/*
 * Copies the request. Returns as described in call.h, and also NOT_CONFIGURED, STORE_FAILED, and
 * CALL_ANSWERED for a retry whose answer is on disk. Result: answer.
 */
int exchange_start(Tenancy *tenancy, const ExchangeRequest *request, ResultFunc func,
                   void *userdata);
