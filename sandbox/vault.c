/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "sandbox/random.h"
#include "sandbox/vault.h"

/* "pk_", a number of fixed width, and a part that nobody can guess */
#define ID_PREFIX "pk_"
enum {
        NUMBER_DIGITS = 8,
        RANDOM_LEN = 12,
        ID_LEN = 3 + NUMBER_DIGITS + 1 + RANDOM_LEN / 3 * 4,
};

static bool is_id(const char *text)
{
        return startswith(text, ID_PREFIX) && strlen(text) == ID_LEN &&
               strspn(text + strlen(ID_PREFIX), "0123456789abcdef") >= NUMBER_DIGITS &&
               text[ID_LEN - RANDOM_LEN / 3 * 4 - 1] == '_';
}

static const char *id_at(const Vault *vault, size_t i)
{
        return passkey_id(json_array_get(vault->passkeys, i));
}

/* Returns how many passkeys have an id up to and including this one. */
static size_t count_through(const Vault *vault, const char *id)
{
        size_t low = 0, high = json_array_size(vault->passkeys);

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(id_at(vault, middle), id) <= 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static bool saved_is_valid(json_t *saved)
{
        const char *last = "";
        json_t *passkey;
        size_t i;

        if (!json_is_array(saved))
                return false;
        json_array_foreach(saved, i, passkey)
        {
                if (!passkey_is_valid(passkey) || !is_id(passkey_id(passkey)) ||
                    strcmp(passkey_id(passkey), last) <= 0)
                        return false;
                last = passkey_id(passkey);
        }
        return true;
}

int vault_init(Vault *vault, json_t *saved)
{
        if (saved && !saved_is_valid(saved))
                return -EBADMSG;
        vault->passkeys = saved ? json_incref(saved) : must(json_array());
        return 0;
}

void vault_done(Vault *vault)
{
        json_decref(vault->passkeys);
        vault->passkeys = NULL;
}

json_t *vault_find(const Vault *vault, const char *id)
{
        size_t n = count_through(vault, id);

        return n > 0 && streq(id_at(vault, n - 1), id) ? json_array_get(vault->passkeys, n - 1)
                                                       : NULL;
}

json_t *vault_find_credential(const Vault *vault, const char *credential_id)
{
        json_t *passkey;
        size_t i;

        json_array_foreach(vault->passkeys, i, passkey) if (streq(passkey_credential_id(passkey),
                                                                  credential_id)) return passkey;
        return NULL;
}

static char *next_id(const Vault *vault)
{
        size_t n = json_array_size(vault->passkeys);
        unsigned long number = 1;
        char prefix[32];

        if (n > 0)
                number += strtoul(id_at(vault, n - 1) + strlen(ID_PREFIX), NULL, 16);
        snprintf(prefix, sizeof(prefix), ID_PREFIX "%0*lx_", NUMBER_DIGITS, number);
        return random_text(prefix, RANDOM_LEN);
}

const json_t *vault_add(Vault *vault, const PasskeyOwner *owner, const Credential *credential,
                        int64_t now_ms)
{
        _cleanup_(freep) char *id = next_id(vault);
        json_t *passkey = passkey_new(id, owner, credential, now_ms);

        if (json_array_append_new(vault->passkeys, passkey) < 0)
                abort();
        return passkey;
}

json_t *vault_page(const Vault *vault, const char *cursor, char **ret_cursor)
{
        size_t size = json_array_size(vault->passkeys), i, end;
        json_t *page;

        if (cursor && !is_id(cursor))
                return NULL;
        page = must(json_array());
        i = cursor ? count_through(vault, cursor) : 0;
        end = size - i > VAULT_PAGE_LEN ? i + VAULT_PAGE_LEN : size;
        for (; i < end; i++)
                json_array_append_new(page, passkey_summary(json_array_get(vault->passkeys, i)));
        *ret_cursor = end < size ? must(strdup(id_at(vault, end - 1))) : NULL;
        return page;
}
