/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "daemon/model/passkey.h"

Passkey *passkey_new(void)
{
        return calloc(1, sizeof(Passkey));
}

Passkey *passkey_free(Passkey *passkey)
{
        if (!passkey)
                return NULL;
        free(passkey->id);
        free(passkey->user_id);
        free(passkey->credential_id);
        free(passkey->credential_user_id);
        free(passkey->username);
        free(passkey->aaguid);
        free(passkey->device_type);
        free(passkey->public_key);
        free(passkey->rp_id);
        strv_free(passkey->transports);
        free(passkey->platform_name);
        free(passkey->platform_icon);
        free(passkey);
        return NULL;
}

int passkey_list_push(PasskeyList *list, Passkey *passkey)
{
        _cleanup_(passkey_freep) Passkey *owned = passkey;
        Passkey **grown;

        grown = reallocarray(list->passkeys, list->n_passkeys + 1, sizeof(Passkey *));
        if (!grown)
                return -ENOMEM;
        list->passkeys = grown;
        list->passkeys[list->n_passkeys++] = TAKE_PTR(owned);
        return 0;
}

void passkey_list_clear(PasskeyList *list)
{
        for (size_t i = 0; i < list->n_passkeys; i++)
                passkey_free(list->passkeys[i]);
        free(list->passkeys);
        strv_free(list->unreadable_ids);
        *list = (PasskeyList){};
}
