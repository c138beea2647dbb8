/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "sandbox/tenancy/seed.h"
#include "sandbox/webauthn/base64url.h"

#define AAGUID "00000000-0000-0000-0000-000000000000"
#define PUBLIC_KEY \
        "pQECAyYgASFYIKKAZnP1bDWAiAuz9tUT04wzt8jtfbHOE-lF-amDk0qgIlgg4SYqS5pNDCkrknwlYpucMjiu-" \
        "sZFWpFV9cpgbwVbmU8"

static void add(Tenancy *tenancy, uint32_t n, const PasskeyOwner *owner, json_t *transports,
                int64_t now_ms)
{
        char id[32], name[32];
        _cleanup_(freep) char *credential_id = NULL;
        Credential credential = {
                .public_key = (char *) PUBLIC_KEY,
                .aaguid = AAGUID,
                .backup_eligible = true,
                .backed_up = true,
                .transports = transports,
        };

        snprintf(id, sizeof(id), "pk_%08u_syntheticpasskey", n);
        snprintf(name, sizeof(name), "synthetic-%08u", n);
        credential.id = credential_id = base64url_encode(name, strlen(name));
        /* Ids have a hexadecimal number; decimal digits are valid and keep the order. */
        vault_insert(&tenancy->vault, strtoul(id + 3, NULL, 16),
                     passkey_new(id, owner, &credential, now_ms));
}

void seed_passkeys(const Sandbox *sandbox, Tenancy *tenancy, uint32_t n_passkeys, uint32_t n_users)
{
        _cleanup_(json_decrefp) json_t *transports = must(json_pack("[s]", "internal"));
        int64_t now_ms = sandbox_now_ms(sandbox);

        for (uint32_t n = 1; n <= n_passkeys; n++) {
                _cleanup_(freep) char *handle = NULL;
                char user_id[32];

                snprintf(user_id, sizeof(user_id), "user_%08u", (n - 1) % n_users + 1);
                handle = sandbox_user_handle(sandbox, tenancy, "localhost", user_id);
                add(tenancy, n, &(PasskeyOwner){"localhost", user_id, user_id, handle}, transports,
                    now_ms);
        }
}
