/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/challenge.h"
#include "daemon/model/idempotency-record.h"
#include "daemon/model/link.h"
#include "daemon/model/management.h"
#include "daemon/model/passkey.h"
#include "daemon/model/principal.h"
#include "daemon/model/registration.h"
#include "daemon/model/store-status.h"

/* The counts of a reconciliation. */
typedef struct ReconcileCounts {
        uint64_t checked;   /* passkeys in the vault */
        uint64_t added;     /* in the vault, but not linked here */
        uint64_t removed;   /* linked here, but not in the vault */
        uint64_t conflicts; /* linked here to another user */
} ReconcileCounts;

/* The result of an asynchronous API call or use case. Pointers are lent, and NULL after a failure
 * or if the call has no such result. */
typedef struct Result {
        int r;                  /* 0 on success, an Error or a negative errno */
        uint32_t retry_after_s; /* when to retry, after a failure; 0: unknown */

        const Token *token;
        const Principal *principal;
        const Passkey *passkey;
        const PasskeyList *passkeys; /* a page */
        const char *next_cursor;     /* NULL after the last page */
        const Management *management;
        const Challenge *challenge;
        const char *key_set; /* the text of a JWK set */
        const char *key_proof;
        const StoreStatus *store;
        const StoreVerification *verification;
        const StoreJoin *join;
        const StoreLeave *leave;

        const IdempotencyRecord *answer;
        const ReconcileCounts *counts;
        const LinkList *links; /* imported, or listed */
        const LinkOutcome *outcomes;
        size_t n_links; /* added or removed */
} Result;

/* Runs exactly once: never before the start function has returned 0, never after a cancel. */
typedef void (*ResultFunc)(const Result *result, void *userdata);
