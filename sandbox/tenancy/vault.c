/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "sandbox/tenancy/random.h"
#include "sandbox/tenancy/vault.h"

/* "pk_", a number of fixed width, and random characters */
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

/* Returns the number of passkeys with an id less than or equal to this one (binary search). */
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

static json_t *users_passkeys(const Vault *vault, const json_t *passkey)
{
        return json_object_get(vault->by_user, passkey_owner(passkey).user_id);
}

static void append(Vault *vault, unsigned long number, json_t *passkey)
{
        const char *id = passkey_id(passkey);
        json_t *of_user = users_passkeys(vault, passkey);

        if (!of_user) {
                of_user = must(json_object());
                json_object_set_new(vault->by_user, passkey_owner(passkey).user_id, of_user);
        }
        if (json_array_append(vault->passkeys, passkey) < 0 ||
            json_object_set(vault->by_id, id, passkey) < 0 ||
            json_object_set(vault->by_credential, passkey_credential_id(passkey), passkey) < 0 ||
            json_object_set(of_user, id, passkey) < 0)
                abort();
        vault->last_number = number;
}

static unsigned long id_number(const char *id)
{
        return strtoul(id + strlen(ID_PREFIX), NULL, 16);
}

/* Appends saved passkeys; fails if one is malformed or out of order. */
static int restore(Vault *vault, json_t *saved)
{
        const char *last = "";
        json_t *passkey;
        size_t i;

        if (!json_is_array(saved))
                return -EBADMSG;
        json_array_foreach(saved, i, passkey) {
                if (!passkey_is_valid(passkey) || !is_id(passkey_id(passkey)) ||
                    strcmp(passkey_id(passkey), last) <= 0 ||
                    vault_find_credential(vault, passkey_credential_id(passkey)))
                        return -EBADMSG;
                last = passkey_id(passkey);
                append(vault, id_number(last), passkey);
        }
        return 0;
}

int vault_init(Vault *vault, json_t *saved)
{
        *vault = (Vault){
                .passkeys = must(json_array()),
                .by_id = must(json_object()),
                .by_credential = must(json_object()),
                .by_user = must(json_object()),
        };
        return saved ? restore(vault, saved) : 0;
}

void vault_done(Vault *vault)
{
        json_decref(vault->passkeys);
        json_decref(vault->by_id);
        json_decref(vault->by_credential);
        json_decref(vault->by_user);
        *vault = (Vault){};
}

json_t *vault_find(const Vault *vault, const char *id)
{
        return json_object_get(vault->by_id, id);
}

json_t *vault_find_credential(const Vault *vault, const char *credential_id)
{
        return json_object_get(vault->by_credential, credential_id);
}

json_t *vault_of_user(const Vault *vault, const char *user_id)
{
        json_t *passkeys = must(json_array()), *passkey;
        const char *id;

        json_object_foreach(json_object_get(vault->by_user, user_id), id, passkey) {
                json_array_append(passkeys, passkey);
        }
        return passkeys;
}

json_t *vault_pick(const Vault *vault, const json_t *ids)
{
        json_t *passkeys = must(json_array()), *id;
        size_t i;

        json_array_foreach(ids, i, id) {
                json_t *passkey = vault_find(vault, json_string_value(id));

                if (passkey)
                        json_array_append(passkeys, passkey);
        }
        return passkeys;
}

void vault_insert(Vault *vault, unsigned long number, json_t *passkey)
{
        append(vault, number, passkey);
        json_decref(passkey);
}

void vault_remove(Vault *vault, json_t *passkey)
{
        const char *id = passkey_id(passkey);
        json_t *of_user = users_passkeys(vault, passkey);

        json_object_del(of_user, id);
        if (json_object_size(of_user) == 0)
                json_object_del(vault->by_user, passkey_owner(passkey).user_id);
        json_object_del(vault->by_credential, passkey_credential_id(passkey));
        json_object_del(vault->by_id, id);
        /* Remove the passkey from the list last, which may free it. */
        json_array_remove(vault->passkeys, count_through(vault, id) - 1);
}

static char *make_id(unsigned long number)
{
        char prefix[32];

        snprintf(prefix, sizeof(prefix), ID_PREFIX "%0*lx_", NUMBER_DIGITS, number);
        return random_text(prefix, RANDOM_LEN);
}

const json_t *vault_add(Vault *vault, const PasskeyOwner *owner, const Credential *credential,
                        int64_t now_ms)
{
        unsigned long number = vault->last_number + 1;
        _cleanup_(freep) char *id = make_id(number);
        json_t *passkey = passkey_new(id, owner, credential, now_ms);

        vault_insert(vault, number, passkey);
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
