/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/core/interrupted-exchanges.h"

void interrupted_exchanges_remove(ExchangeIntentList *interrupted, uint64_t intent_id)
{
        ExchangeIntent *intent = interrupted_exchanges_find(interrupted, intent_id);
        const ExchangeIntent *end = interrupted->intents + interrupted->n_intents;

        if (!intent)
                return;
        exchange_intent_clear(intent);
        memmove(intent, intent + 1, (size_t) (end - (intent + 1)) * sizeof(ExchangeIntent));
        interrupted->n_intents--;
}

size_t interrupted_exchanges_count(const ExchangeIntentList *interrupted)
{
        size_t n = 0;

        for (size_t i = 0; i < interrupted->n_intents; i++)
                n += !interrupted->intents[i].taken_over;
        return n;
}

ExchangeIntent *interrupted_exchanges_find(const ExchangeIntentList *interrupted,
                                           uint64_t intent_id)
{
        for (size_t i = 0; i < interrupted->n_intents; i++)
                if (interrupted->intents[i].id == intent_id)
                        return &interrupted->intents[i];
        return NULL;
}

ExchangeIntent *interrupted_exchanges_find_retry(const ExchangeIntentList *interrupted,
                                                 const uint8_t key[static IDEMPOTENCY_KEY_LEN])
{
        for (size_t i = 0; i < interrupted->n_intents; i++) {
                ExchangeIntent *intent = &interrupted->intents[i];

                if (intent->has_key && !intent->taken_over &&
                    memcmp(intent->key, key, IDEMPOTENCY_KEY_LEN) == 0)
                        return intent;
        }
        return NULL;
}

bool interrupted_exchange_has_other_endpoint(const ExchangeIntent *intent, const char *endpoint)
{
        return intent->wants_link && intent->endpoint && !streq(intent->endpoint, endpoint);
}
