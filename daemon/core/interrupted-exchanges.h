/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/intent.h"

/*
 * The intents that an earlier process left on disk, one per interrupted exchange. A retry of the
 * exchange takes its intent over, and then resolves it or gives it back. Crash recovery resolves
 * the others.
 */
typedef struct InterruptedExchange {
        ExchangeIntent intent;
        bool taken_over; /* by a retry */
} InterruptedExchange;

/* Zero-initialised: empty. */
typedef struct InterruptedExchanges {
        InterruptedExchange *exchanges;
        size_t n;
} InterruptedExchanges;

void interrupted_exchanges_clear(InterruptedExchanges *interrupted);

/* Takes ownership of the contents of the intent. Returns 0 or -ENOMEM. */
int interrupted_exchanges_push(InterruptedExchanges *interrupted, ExchangeIntent *intent);
/* An unknown id is fine. */
void interrupted_exchanges_remove(InterruptedExchanges *interrupted, uint64_t intent_id);

/* Counts the exchanges that no retry has taken over. */
size_t interrupted_exchanges_count(const InterruptedExchanges *interrupted);

/* Valid until the next change; NULL if the id is unknown. */
InterruptedExchange *interrupted_exchanges_find(const InterruptedExchanges *interrupted,
                                                uint64_t intent_id);
/* Returns the exchange that a retry with this key may take over, or NULL. */
InterruptedExchange *
interrupted_exchanges_find_retry(const InterruptedExchanges *interrupted,
                                 const uint8_t key[static IDEMPOTENCY_KEY_LEN]);

/* Returns true also for an unknown id. */
bool interrupted_exchanges_is_taken_over(const InterruptedExchanges *interrupted,
                                         uint64_t intent_id);

/* Whether the exchange wanted to link a passkey of another endpoint, which has a vault of its own.
 */
bool interrupted_exchange_has_other_endpoint(const InterruptedExchange *exchange,
                                             const char *endpoint);
