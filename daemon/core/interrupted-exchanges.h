/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/intent.h"

/*
 * The intents of exchanges that an earlier process has left on disk. A repeat of such an exchange
 * takes its intent over, and settles it or gives it back; crash recovery settles the others.
 */
typedef struct Leftover {
        ExchangeIntent intent;
        bool taken_over; /* by a repeat */
} Leftover;

/* Zero-initialised there are none. */
typedef struct Leftovers {
        Leftover *leftovers;
        size_t n;
} Leftovers;

void leftovers_clear(Leftovers *leftovers);

/* Takes what the intent owns over. Returns 0 or -ENOMEM. */
int leftovers_push(Leftovers *leftovers, ExchangeIntent *intent);
/* None of that id is fine. */
void leftovers_remove(Leftovers *leftovers, uint64_t intent_id);

/* How many no repeat has taken over. */
size_t leftovers_count(const Leftovers *leftovers);

/* Lent until the next change; NULL if there is none. */
Leftover *leftovers_find(const Leftovers *leftovers, uint64_t intent_id);
/* The one that a repeat with that key may take over. */
Leftover *leftovers_find_repeat(const Leftovers *leftovers,
                                const uint8_t key[static IDEMPOTENCY_KEY_LEN]);

/* True also if there is none of that id. */
bool leftovers_is_taken_over(const Leftovers *leftovers, uint64_t intent_id);

/* Whether a leftover is about a passkey of another endpoint, which has a vault of its own. */
bool leftover_is_elsewhere(const Leftover *leftover, const char *endpoint);
