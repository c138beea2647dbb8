/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/intent.h"

/*
 * The intents that an earlier process left on disk, one per interrupted exchange. A retry of the
 * exchange takes over its intent, and then resolves it or gives it back. Crash recovery resolves
 * the others.
 */

/* An unknown id is fine. */
void interrupted_exchanges_remove(ExchangeIntentList *interrupted, uint64_t intent_id);

/* Counts the exchanges that no retry has taken over. */
size_t interrupted_exchanges_count(const ExchangeIntentList *interrupted);

/* Valid until the next change; NULL if the id is unknown. */
ExchangeIntent *interrupted_exchanges_find(const ExchangeIntentList *interrupted,
                                           uint64_t intent_id);
/* Returns the exchange that a retry with this key may take over, or NULL. */
ExchangeIntent *interrupted_exchanges_find_retry(const ExchangeIntentList *interrupted,
                                                 const uint8_t key[static IDEMPOTENCY_KEY_LEN]);

/* Whether the exchange wanted to link a passkey of another endpoint, which has a vault of its own.
 */
bool interrupted_exchange_has_other_endpoint(const ExchangeIntent *intent, const char *endpoint);
