/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "sandbox/endpoints/signal-api.h"

/* Returns the instruction of the passkey's account, lent; creates it if necessary. */
static json_t *account_of(json_t *accounts, const json_t *passkey)
{
        PasskeyOwner owner = passkey_owner(passkey);
        _cleanup_(freep) char *key = NULL;
        json_t *account;

        if (asprintf(&key, "%s %s", owner.rp_id, owner.user_handle) < 0)
                abort();
        account = json_object_get(accounts, key);
        if (!account) {
                account = must(
                        json_pack("{s:s, s:s}", "rpId", owner.rp_id, "userId", owner.user_handle));
                json_object_set_new(accounts, key, account);
        }
        return account;
}

static json_t *values(json_t *object)
{
        json_t *array = must(json_array()), *value;
        const char *key;

        json_object_foreach(object, key, value) {
                json_array_append(array, value);
        }
        return array;
}

json_t *signal_api_user_details(const json_t *passkeys, const char *username,
                                const char *display_name)
{
        _cleanup_(json_decrefp) json_t *accounts = must(json_object());
        json_t *passkey;
        size_t i;

        json_array_foreach(passkeys, i, passkey) {
                json_t *account = account_of(accounts, passkey);

                json_object_set_new(account, "username", json_string(username));
                json_object_set_new(account, "displayName", json_string(display_name));
        }
        return values(accounts);
}

json_t *signal_api_unknown_credentials(const json_t *passkeys)
{
        json_t *instructions = must(json_array()), *passkey;
        size_t i;

        json_array_foreach(passkeys, i, passkey) {
                PasskeyOwner owner = passkey_owner(passkey);

                json_array_append_new(instructions,
                                      must(json_pack("{s:s, s:s, s:s}", "rpId", owner.rp_id,
                                                     "userId", owner.user_handle, "credentialId",
                                                     passkey_credential_id(passkey))));
        }
        return instructions;
}

json_t *signal_api_accepted_credentials(const json_t *passkeys)
{
        _cleanup_(json_decrefp) json_t *accounts = must(json_object());
        json_t *passkey;
        size_t i;

        json_array_foreach(passkeys, i, passkey) {
                json_t *account, *accepted;

                if (!passkey_is_enabled(passkey))
                        continue;
                account = account_of(accounts, passkey);
                accepted = json_object_get(account, "allAcceptedCredentialIds");
                if (!accepted) {
                        accepted = must(json_array());
                        json_object_set_new(account, "allAcceptedCredentialIds", accepted);
                }
                json_array_append_new(accepted, json_string(passkey_credential_id(passkey)));
        }
        return values(accounts);
}
