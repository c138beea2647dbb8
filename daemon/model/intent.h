/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/host-time.h"
#include "daemon/model/idempotency-record.h"
#include "daemon/model/link.h"

/*
 * Write-ahead intents of calls to the API that change links. An intent is committed before the API
 * call, and removed in the transaction that commits the change. An intent found at the start
 * belongs to a call that a crash interrupted.
 */

/* An exchange of a code. */
typedef struct ExchangeIntent {
        uint64_t id;    /* ascending in creation order */
        char *user_id;  /* the only user that may be linked; NULL: any */
        char *endpoint; /* of the API that was asked; NULL: not known */
        bool wants_link;
        bool has_key; /* `key` is set: the caller gave a request id */
        uint8_t key[IDEMPOTENCY_KEY_LEN];
        HostTime begun_at;
        uint64_t begun_at_api_ms; /* the same time on the API's clock, the latest possible if that
                                     clock was just set; 0: unknown */
        uint64_t window_ms; /* a passkey matches only if it was used at most this long before the
                               exchange */
        bool taken_over;    /* not stored: a retry has taken over the intent */
} ExchangeIntent;

int exchange_intent_copy(const ExchangeIntent *intent, ExchangeIntent *ret);
/* Frees the members and zeroes the intent. */
void exchange_intent_clear(ExchangeIntent *intent);

/* An array that owns its intents. Zero-initialised it is empty. */
typedef struct ExchangeIntentList {
        ExchangeIntent *intents;
        size_t n_intents;
} ExchangeIntentList;

/* Takes ownership of the intent's contents, also on failure. Returns 0 or -ENOMEM. */
int exchange_intent_list_push(ExchangeIntentList *list, ExchangeIntent *intent);
void exchange_intent_list_clear(ExchangeIntentList *list);

/* A delete in the vault, and the authenticators to unlink. */
typedef struct DeleteIntent {
        uint64_t id;
        char *endpoint; /* of the API that was asked; NULL: not known */
        LinkList links; /* authenticator and link id only */
} DeleteIntent;

void delete_intent_clear(DeleteIntent *intent);

typedef struct DeleteIntentList {
        DeleteIntent *intents;
        size_t n_intents;
} DeleteIntentList;

/* Takes ownership of the intent's contents, also on failure. Returns 0 or -ENOMEM. */
int delete_intent_list_push(DeleteIntentList *list, DeleteIntent *intent);
void delete_intent_list_clear(DeleteIntentList *list);
