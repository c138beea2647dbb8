/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/core/interrupted-exchanges.h"

void leftovers_clear(Leftovers *leftovers)
{
        for (size_t i = 0; i < leftovers->n; i++)
                exchange_intent_clear(&leftovers->leftovers[i].intent);
        free(leftovers->leftovers);
        *leftovers = (Leftovers){};
}

int leftovers_push(Leftovers *leftovers, ExchangeIntent *intent)
{
        Leftover *grown = reallocarray(leftovers->leftovers, leftovers->n + 1, sizeof(Leftover));

        if (!grown)
                return -ENOMEM;
        leftovers->leftovers = grown;
        grown[leftovers->n++] = (Leftover){.intent = TAKE(*intent, (ExchangeIntent){})};
        return 0;
}

void leftovers_remove(Leftovers *leftovers, uint64_t intent_id)
{
        Leftover *leftover = leftovers_find(leftovers, intent_id);
        size_t n_after;

        if (!leftover)
                return;
        exchange_intent_clear(&leftover->intent);
        n_after = (size_t) (leftovers->leftovers + leftovers->n - (leftover + 1));
        memmove(leftover, leftover + 1, n_after * sizeof(Leftover));
        leftovers->n--;
}

size_t leftovers_count(const Leftovers *leftovers)
{
        size_t n = 0;

        for (size_t i = 0; i < leftovers->n; i++)
                n += !leftovers->leftovers[i].taken_over;
        return n;
}

Leftover *leftovers_find(const Leftovers *leftovers, uint64_t intent_id)
{
        for (size_t i = 0; i < leftovers->n; i++)
                if (leftovers->leftovers[i].intent.id == intent_id)
                        return &leftovers->leftovers[i];
        return NULL;
}

Leftover *leftovers_find_repeat(const Leftovers *leftovers,
                                const uint8_t key[static IDEMPOTENCY_KEY_LEN])
{
        for (size_t i = 0; i < leftovers->n; i++) {
                Leftover *leftover = &leftovers->leftovers[i];

                if (leftover->intent.has_key && !leftover->taken_over &&
                    memcmp(leftover->intent.key, key, IDEMPOTENCY_KEY_LEN) == 0)
                        return leftover;
        }
        return NULL;
}

bool leftovers_is_taken_over(const Leftovers *leftovers, uint64_t intent_id)
{
        const Leftover *leftover = leftovers_find(leftovers, intent_id);

        return !leftover || leftover->taken_over;
}

bool leftover_is_elsewhere(const Leftover *leftover, const char *endpoint)
{
        const ExchangeIntent *intent = &leftover->intent;

        return intent->wants_link && intent->endpoint && !streq(intent->endpoint, endpoint);
}
