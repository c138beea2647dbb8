/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/principal.h"

/*
 * The stored reply of an exchange, for a caller that retries after a lost connection. Its key is a
 * digest of tenancy, caller uid, code and request id; neither code nor request id is stored.
 */
#define IDEMPOTENCY_KEY_LEN 32U /* SHA-256 */

typedef struct IdempotencyRecord {
        int error;              /* 0, or the Error of the reply; then there is no principal */
        Principal *principal;   /* owned */
        bool linked;            /* the link is on disk */
        bool newly_linked;      /* and is new */
        uint64_t expires_at_ms; /* expiry time */
} IdempotencyRecord;

/* Frees what it owns and zeroes it. */
void idempotency_record_clear(IdempotencyRecord *answer);
