/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/core/id-set.h"
#include "daemon/core/vault-iterator.h"
#include "dbus/error.h"

struct VaultIterator {
        Api *api;
        ApiCall *call;
        char *cursor;   /* NULL: first page */
        IdSet *cursors; /* used cursors, to detect a loop */
        bool done;
        ResultFunc func;
        void *userdata;
};

int vault_iterator_new(Api *api, VaultIterator **ret)
{
        _cleanup_(vault_iterator_freep) VaultIterator *iterator = calloc(1, sizeof(VaultIterator));
        int r;

        if (!iterator)
                return -ENOMEM;
        iterator->api = api_ref(api);
        r = id_set_new(&iterator->cursors);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(iterator);
        return 0;
}

VaultIterator *vault_iterator_free(VaultIterator *iterator)
{
        if (!iterator)
                return NULL;
        api_call_cancel(iterator->call);
        id_set_free(iterator->cursors);
        free(iterator->cursor);
        api_unref(iterator->api);
        free(iterator);
        return NULL;
}

/* A repeated cursor would make the iteration endless. */
static int take_cursor(VaultIterator *iterator, const char *next_cursor)
{
        char *copy;

        iterator->done = isempty(next_cursor);
        if (iterator->done)
                return 0;
        if (id_set_has(iterator->cursors, next_cursor))
                return ERROR_MALFORMED_REPLY;
        copy = strdup(next_cursor);
        if (!copy || id_set_add(iterator->cursors, next_cursor) < 0) {
                free(copy);
                return -ENOMEM;
        }
        free(iterator->cursor);
        iterator->cursor = copy;
        return 0;
}

static void on_page(const Result *result, void *userdata)
{
        VaultIterator *iterator = userdata;
        Result page = {.r = result->r, .retry_after_s = result->retry_after_s};

        iterator->call = NULL;
        if (page.r == 0)
                page.r = take_cursor(iterator, result->next_cursor);
        if (page.r == 0)
                page.passkeys = result->passkeys;
        iterator->func(&page, iterator->userdata);
}

int vault_iterator_next(VaultIterator *iterator, ResultFunc func, void *userdata)
{
        iterator->func = func;
        iterator->userdata = userdata;
        return api_list_passkeys(iterator->api, iterator->cursor, API_BACKGROUND, on_page, iterator,
                                 &iterator->call);
}

bool vault_iterator_is_done(const VaultIterator *iterator)
{
        return iterator->done;
}

bool vault_iterator_is_asking(const VaultIterator *iterator)
{
        return iterator->call;
}
