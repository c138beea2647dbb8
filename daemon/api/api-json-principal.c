/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/api/api-json-internal.h"
#include "daemon/model/valid.h"

#define USER_AGENT_LEN_MAX 4096U

static bool authenticator_type_is_valid(const char *s)
{
        return streq(s, "passkey");
}

static DEFINE_TEXT_RULE(ip_address_is_valid, 64);

static int read_identity(const json_t *root, Principal *principal)
{
        int r;

        r = json_read_text(root, "id", id_is_valid, &principal->id);
        if (r == 0)
                r = json_read_text(root, "userId", user_id_is_valid, &principal->user_id);
        if (r == 0)
                r = json_read_text(root, "authenticatorId", id_is_valid,
                                   &principal->authenticator_id);
        if (r == 0)
                r = json_read_text(root, "authenticatorType", authenticator_type_is_valid,
                                   &principal->authenticator_type);
        if (r == 0)
                r = json_read_number(root, "createdAt", &principal->created_at_ms);
        if (r == 0)
                r = json_read_number(root, "expiresAt", &principal->expires_at_ms);
        return r;
}

/* A missing object means: not verified. */
static int read_passkey(const json_t *passkey, Principal *principal)
{
        int r;

        if (!passkey || json_is_null(passkey))
                return 0;
        r = json_read_bool(passkey, "verified", &principal->verified);
        if (r == 0)
                r = json_read_bool(passkey, "userVerified", &principal->user_verified);
        if (r == 0)
                r = json_read_label(passkey, "platformName", PLATFORM_NAME_LEN_MAX,
                                    &principal->platform_name);
        return r;
}

/* Browser and address: informational only. */
static int read_metadata(const json_t *metadata, Principal *principal)
{
        int r;

        r = json_read_hint(metadata, "ipAddress", ip_address_is_valid, &principal->ip_address);
        if (r == 0)
                r = json_read_label(metadata, "userAgent", USER_AGENT_LEN_MAX,
                                    &principal->user_agent);
        return r;
}

int api_json_read_principal(const char *body, size_t body_len, Principal **ret)
{
        _cleanup_(principal_freep) Principal *principal = NULL;
        json_auto_t *root = NULL;
        int r;

        r = api_json_read_tagged(body, body_len, "ExtendedPrincipal", &root);
        if (r != 0)
                return r;
        principal = principal_new();
        if (!principal)
                return -ENOMEM;
        r = read_identity(root, principal);
        if (r == 0)
                r = read_passkey(json_object_get(root, "passkey"), principal);
        if (r == 0)
                r = read_metadata(json_object_get(root, "metadata"), principal);
        if (r != 0)
                return r;

        *ret = TAKE_PTR(principal);
        return 0;
}
