/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/model/intent.h"

int exchange_intent_copy(const ExchangeIntent *intent, ExchangeIntent *ret)
{
        ExchangeIntent copy = *intent;

        copy.user_id = intent->user_id ? strdup(intent->user_id) : NULL;
        copy.endpoint = intent->endpoint ? strdup(intent->endpoint) : NULL;
        if ((intent->user_id && !copy.user_id) || (intent->endpoint && !copy.endpoint)) {
                exchange_intent_clear(&copy);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

void exchange_intent_clear(ExchangeIntent *intent)
{
        free(intent->user_id);
        free(intent->endpoint);
        *intent = (ExchangeIntent){};
}

int exchange_intent_list_push(ExchangeIntentList *list, ExchangeIntent *intent)
{
        _cleanup_(exchange_intent_clear) ExchangeIntent owned = TAKE(*intent, (ExchangeIntent){});
        ExchangeIntent *grown =
                reallocarray(list->intents, list->n_intents + 1, sizeof(ExchangeIntent));

        if (!grown)
                return -ENOMEM;
        list->intents = grown;
        list->intents[list->n_intents++] = TAKE(owned, (ExchangeIntent){});
        return 0;
}

void exchange_intent_list_clear(ExchangeIntentList *list)
{
        for (size_t i = 0; i < list->n_intents; i++)
                exchange_intent_clear(&list->intents[i]);
        free(list->intents);
        *list = (ExchangeIntentList){};
}

void delete_intent_clear(DeleteIntent *intent)
{
        free(intent->endpoint);
        link_list_clear(&intent->links);
        *intent = (DeleteIntent){};
}

int delete_intent_list_push(DeleteIntentList *list, DeleteIntent *intent)
{
        _cleanup_(delete_intent_clear) DeleteIntent owned = TAKE(*intent, (DeleteIntent){});
        DeleteIntent *grown =
                reallocarray(list->intents, list->n_intents + 1, sizeof(DeleteIntent));

        if (!grown)
                return -ENOMEM;
        list->intents = grown;
        list->intents[list->n_intents++] = TAKE(owned, (DeleteIntent){});
        return 0;
}

void delete_intent_list_clear(DeleteIntentList *list)
{
        for (size_t i = 0; i < list->n_intents; i++)
                delete_intent_clear(&list->intents[i]);
        free(list->intents);
        *list = (DeleteIntentList){};
}
