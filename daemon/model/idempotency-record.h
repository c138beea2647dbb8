/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/principal.h"

/*
 * What an exchange was answered, kept so that a caller whose connection was cut can ask again.
 * It is found by a digest of everything that makes the repeat the same: tenancy, caller, code and
 * request id. Neither the code nor the request id is kept.
 */
#define IDEMPOTENCY_KEY_LEN 32U /* SHA-256 */

typedef struct Answer {
        int error;              /* 0, or the Error that was answered; then there is no principal */
        Principal *principal;   /* owned */
        bool linked;            /* the link was on disk when this was answered */
        bool newly_linked;      /* and was not there before */
        uint64_t expires_at_ms; /* when it may be forgotten */
} IdempotencyRecord;

/* Frees what it owns and zeroes it. */
void idempotency_record_clear(IdempotencyRecord *answer);
