/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/host-time.h"
#include "daemon/model/idempotency-record.h"

/*
 * Write-ahead records of calls that reach the API and change links. An intent is on disk before the
 * API is asked, and goes in the transaction that makes the change. One that is found at a start
 * says what a crash cut off.
 */

/* An exchange of a code. */
typedef struct ExchangeIntent {
        uint64_t id;   /* ascending in the order in which intents were made */
        char *user_id; /* the only user that may be linked; NULL: any */
        bool wants_link;
        bool has_key; /* the caller gave a request id, and `key` is what a repeat is found by */
        uint8_t key[IDEMPOTENCY_KEY_LEN];
        HostTime begun_at;
        uint64_t begun_at_api_ms; /* the same moment on the API's clock; 0: not known */
        uint64_t window_ms;       /* no passkey is meant that was last used so long before */
} ExchangeIntent;

int exchange_intent_copy(const ExchangeIntent *intent, ExchangeIntent *ret);
/* Frees what it owns and zeroes it. */
void exchange_intent_clear(ExchangeIntent *intent);

/* An array that owns its intents. Zero-initialised it is empty. */
typedef struct ExchangeIntentList {
        ExchangeIntent *intents;
        size_t n_intents;
} ExchangeIntentList;

/* Takes what the intent owns over, also when it fails. Returns 0 or -ENOMEM. */
int exchange_intent_list_push(ExchangeIntentList *list, ExchangeIntent *intent);
void exchange_intent_list_clear(ExchangeIntentList *list);

/* A delete of passkeys in the vault, and the authenticators whose links go with them. */
typedef struct DeleteIntent {
        uint64_t id;
        char **authenticator_ids; /* ends in NULL */
} DeleteIntent;

typedef struct DeleteIntentList {
        DeleteIntent *intents;
        size_t n_intents;
} DeleteIntentList;

/* The same as for exchanges. */
int delete_intent_list_push(DeleteIntentList *list, DeleteIntent *intent);
void delete_intent_list_clear(DeleteIntentList *list);
