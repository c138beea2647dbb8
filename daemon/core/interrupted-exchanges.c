/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/core/interrupted-exchanges.h"

void interrupted_exchanges_clear(InterruptedExchanges *interrupted)
{
        for (size_t i = 0; i < interrupted->n; i++)
                exchange_intent_clear(&interrupted->exchanges[i].intent);
        free(interrupted->exchanges);
        *interrupted = (InterruptedExchanges){};
}

int interrupted_exchanges_push(InterruptedExchanges *interrupted, ExchangeIntent *intent)
{
        InterruptedExchange *grown = reallocarray(interrupted->exchanges, interrupted->n + 1,
                                                  sizeof(InterruptedExchange));

        if (!grown)
                return -ENOMEM;
        interrupted->exchanges = grown;
        grown[interrupted->n++] =
                (InterruptedExchange){.intent = TAKE(*intent, (ExchangeIntent){})};
        return 0;
}

void interrupted_exchanges_remove(InterruptedExchanges *interrupted, uint64_t intent_id)
{
        InterruptedExchange *exchange = interrupted_exchanges_find(interrupted, intent_id);
        size_t n_after;

        if (!exchange)
                return;
        exchange_intent_clear(&exchange->intent);
        n_after = (size_t) (interrupted->exchanges + interrupted->n - (exchange + 1));
        memmove(exchange, exchange + 1, n_after * sizeof(InterruptedExchange));
        interrupted->n--;
}

size_t interrupted_exchanges_count(const InterruptedExchanges *interrupted)
{
        size_t n = 0;

        for (size_t i = 0; i < interrupted->n; i++)
                n += !interrupted->exchanges[i].taken_over;
        return n;
}

InterruptedExchange *interrupted_exchanges_find(const InterruptedExchanges *interrupted,
                                                uint64_t intent_id)
{
        for (size_t i = 0; i < interrupted->n; i++)
                if (interrupted->exchanges[i].intent.id == intent_id)
                        return &interrupted->exchanges[i];
        return NULL;
}

InterruptedExchange *interrupted_exchanges_find_retry(const InterruptedExchanges *interrupted,
                                                      const uint8_t key[static IDEMPOTENCY_KEY_LEN])
{
        for (size_t i = 0; i < interrupted->n; i++) {
                InterruptedExchange *exchange = &interrupted->exchanges[i];

                if (exchange->intent.has_key && !exchange->taken_over &&
                    memcmp(exchange->intent.key, key, IDEMPOTENCY_KEY_LEN) == 0)
                        return exchange;
        }
        return NULL;
}

bool interrupted_exchanges_is_taken_over(const InterruptedExchanges *interrupted,
                                         uint64_t intent_id)
{
        const InterruptedExchange *exchange = interrupted_exchanges_find(interrupted, intent_id);

        return !exchange || exchange->taken_over;
}

bool interrupted_exchange_has_other_endpoint(const InterruptedExchange *exchange,
                                             const char *endpoint)
{
        const ExchangeIntent *intent = &exchange->intent;

        return intent->wants_link && intent->endpoint && !streq(intent->endpoint, endpoint);
}
