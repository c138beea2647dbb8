/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/core/id-set.h"
#include "daemon/core/vault-iterator.h"
#include "dbus/error.h"

struct VaultWalk {
        Api *api;
        ApiCall *call;
        char *cursor;   /* NULL for the first page */
        IdSet *cursors; /* that the vault has given */
        bool done;
        ResultFunc func;
        void *userdata;
};

int vault_walk_new(Api *api, VaultWalk **ret)
{
        _cleanup_(vault_walk_freep) VaultWalk *walk = calloc(1, sizeof(VaultWalk));
        int r;

        if (!walk)
                return -ENOMEM;
        walk->api = api_ref(api);
        r = id_set_new(&walk->cursors);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(walk);
        return 0;
}

VaultWalk *vault_walk_free(VaultWalk *walk)
{
        if (!walk)
                return NULL;
        api_call_cancel(walk->call);
        id_set_free(walk->cursors);
        free(walk->cursor);
        api_unref(walk->api);
        free(walk);
        return NULL;
}

/* A vault whose pages went round in a circle would never end. */
static int take_cursor(VaultWalk *walk, const char *next_cursor)
{
        char *copy;

        walk->done = isempty(next_cursor);
        if (walk->done)
                return 0;
        if (id_set_has(walk->cursors, next_cursor))
                return ERROR_MALFORMED_REPLY;
        copy = strdup(next_cursor);
        if (!copy || id_set_add(walk->cursors, next_cursor) < 0) {
                free(copy);
                return -ENOMEM;
        }
        free(walk->cursor);
        walk->cursor = copy;
        return 0;
}

static void on_page(const Result *result, void *userdata)
{
        VaultWalk *walk = userdata;
        Result page = {.r = result->r, .retry_after_s = result->retry_after_s};

        walk->call = NULL;
        if (page.r == 0)
                page.r = take_cursor(walk, result->next_cursor);
        if (page.r == 0)
                page.passkeys = result->passkeys;
        walk->func(&page, walk->userdata);
}

int vault_walk_next(VaultWalk *walk, ResultFunc func, void *userdata)
{
        walk->func = func;
        walk->userdata = userdata;
        return api_list_passkeys(walk->api, walk->cursor, API_BACKGROUND, on_page, walk,
                                 &walk->call);
}

bool vault_walk_is_done(const VaultWalk *walk)
{
        return walk->done;
}

bool vault_walk_is_asking(const VaultWalk *walk)
{
        return walk->call;
}
