/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "sandbox/tenancy/tenancy.h"

enum { ID_MAX = 64 };

bool tenancy_id_is_valid(const char *id)
{
        size_t len = strlen(id);

        return len >= 1 && len <= ID_MAX &&
               strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") ==
                       len;
}

int tenancy_new(const char *id, json_t *saved, Tenancy **ret)
{
        _cleanup_(tenancy_freep) Tenancy *tenancy = must(calloc(1, sizeof(*tenancy)));
        json_t *passkeys = NULL, *tokens = NULL, *challenges = NULL;

        if (!tenancy_id_is_valid(id))
                return -EBADMSG;
        if (saved && json_unpack_ex(saved, NULL, JSON_STRICT, "{s:o, s:o, s?o}", "passkeys",
                                    &passkeys, "tokens", &tokens, "challenges", &challenges) < 0)
                return -EBADMSG;
        tenancy->id = must(strdup(id));
        rate_limit_init(&tenancy->challenge_rate);
        if (vault_init(&tenancy->vault, passkeys) < 0 ||
            token_store_init(&tenancy->tokens, tokens) < 0 ||
            mailbox_init(&tenancy->mailbox, challenges) < 0)
                return -EBADMSG;
        *ret = TAKE_PTR(tenancy);
        return 0;
}

Tenancy *tenancy_free(Tenancy *tenancy)
{
        if (!tenancy)
                return NULL;
        vault_done(&tenancy->vault);
        token_store_done(&tenancy->tokens);
        mailbox_done(&tenancy->mailbox);
        rate_limit_done(&tenancy->challenge_rate);
        free(tenancy->id);
        free(tenancy);
        return NULL;
}

json_t *tenancy_save(const Tenancy *tenancy)
{
        return must(json_pack("{s:O, s:O, s:O}", "passkeys", tenancy->vault.passkeys, "tokens",
                              tenancy->tokens.entries, "challenges", tenancy->mailbox.entries));
}

void tenancy_set_key(Tenancy *tenancy, const char *key)
{
        SHA256((const uint8_t *) key, strlen(key), tenancy->key_hash);
        tenancy->open = true;
}

bool tenancy_has_key(const Tenancy *tenancy, const char *key)
{
        uint8_t hash[SHA256_DIGEST_LENGTH];

        SHA256((const uint8_t *) key, strlen(key), hash);
        return tenancy->open && CRYPTO_memcmp(hash, tenancy->key_hash, sizeof(hash)) == 0;
}
