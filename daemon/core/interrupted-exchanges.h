/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/intent.h"

/*
 * The intents of exchanges that an earlier process has left on disk. A repeat of such an exchange
 * takes its intent over, and settles it or gives it back; crash recovery settles the others.
 */
typedef struct InterruptedExchange {
        ExchangeIntent intent;
        bool taken_over; /* by a repeat */
} InterruptedExchange;

/* Zero-initialised there are none. */
typedef struct InterruptedExchanges {
        InterruptedExchange *exchanges;
        size_t n;
} InterruptedExchanges;

void interrupted_exchanges_clear(InterruptedExchanges *interrupted);

/* Takes what the intent owns over. Returns 0 or -ENOMEM. */
int interrupted_exchanges_push(InterruptedExchanges *interrupted, ExchangeIntent *intent);
/* None of that id is fine. */
void interrupted_exchanges_remove(InterruptedExchanges *interrupted, uint64_t intent_id);

/* How many no repeat has taken over. */
size_t interrupted_exchanges_count(const InterruptedExchanges *interrupted);

/* Lent until the next change; NULL if there is none. */
InterruptedExchange *interrupted_exchanges_find(const InterruptedExchanges *interrupted,
                                                uint64_t intent_id);
/* The one that a repeat with that key may take over. */
InterruptedExchange *
interrupted_exchanges_find_repeat(const InterruptedExchanges *interrupted,
                                  const uint8_t key[static IDEMPOTENCY_KEY_LEN]);

/* True also if there is none of that id. */
bool interrupted_exchanges_is_taken_over(const InterruptedExchanges *interrupted,
                                         uint64_t intent_id);

/* Whether a exchange is about a passkey of another endpoint, which has a vault of its own. */
bool interrupted_exchange_is_elsewhere(const InterruptedExchange *exchange, const char *endpoint);
