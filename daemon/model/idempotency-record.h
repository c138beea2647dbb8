/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/principal.h"

/*
 * The stored reply of an exchange, for a caller that retries after a lost connection. Its key is a
 * digest of tenancy, caller, code and request id; neither code nor request id is stored.
 */
#define IDEMPOTENCY_KEY_LEN 32U /* SHA-256 */

typedef struct IdempotencyRecord {
        int error;            /* the Error of the reply, without a principal; or 0 */
        Principal *principal; /* owned */
        bool linked;          /* the link is on disk */
        bool newly_linked;    /* the link is new */
        uint64_t expires_at_ms;
} IdempotencyRecord;

/* Frees the members and zeroes the record. */
void idempotency_record_clear(IdempotencyRecord *answer);
