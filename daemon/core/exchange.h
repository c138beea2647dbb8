/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "daemon/core/tenancy.h"
#include "daemon/model/answer.h"

/*
 * Says who stands behind a code, and links the authenticator to the user.
 *
 * To ask the API consumes the code, so that a lost answer cannot be asked for again. Therefore:
 * 1. An exchange that has begun is carried through, whoever is still there to hear of it.
 * 2. With a request id, what was answered is put on disk in the same transaction as the link.
 * 3. The same caller asking again with the same code and request id gets that answer; or, if the
 *    first is still under way, waits for it; or, if the store had failed it, has the store tried
 *    again with the principal that is still in memory.
 * A crash between the API's answer and the commit loses the answer; the link is found by the next
 * start (settle.h).
 */
typedef struct ExchangeRequest {
        uid_t uid; /* who asks */
        const char *code;
        const char *user_id;    /* the only acceptable one, or NULL */
        const char *request_id; /* or NULL */
        bool link;
        Cause cause; /* for the record of a new link */
} ExchangeRequest;

/*
 * r: 0, an Error or a negative errno; retry_after_s goes with RATE_LIMITED. The answer is lent, and
 * there with r == 0 only.
 */
typedef void (*ExchangeFunc)(int r, uint32_t retry_after_s, const Answer *answer, void *userdata);

/* The answer that this very request got before. NOT_FOUND if it did not, STORE_FAILED, or 0; then
 * ret->error may be set. The answer is the caller's. */
int exchange_find_answer(Tenancy *tenancy, const ExchangeRequest *request, Answer *ret);

/* Copies the request. Returns 0, NOT_CONFIGURED or a negative errno. The function runs once, never
 * before this returns; an exchange cannot be called off. */
int exchange_start(Tenancy *tenancy, const ExchangeRequest *request, ExchangeFunc func,
                   void *userdata);
