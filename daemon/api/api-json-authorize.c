/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/api/api-json-internal.h"

/* Domain names are case-insensitive; the API requires lower case. */
static char *ascii_lower(const char *s)
{
        char *lower = strdup(s);

        for (char *p = lower; p && *p; p++)
                if (*p >= 'A' && *p <= 'Z')
                        *p = (char) (*p - 'A' + 'a');
        return lower;
}

/* Common fields, as JSON values. */
typedef struct Ceremony {
        char *rp_id;
        json_t *passkey_ids; /* NULL: none */
        json_t *timeout;     /* NULL: the API's default */
} Ceremony;

static void ceremony_clear(Ceremony *ceremony)
{
        free(ceremony->rp_id);
        json_decref(ceremony->passkey_ids);
        json_decref(ceremony->timeout);
}

static int ceremony_init(Ceremony *ceremony, const char *rp_id, char *const *passkey_ids,
                         uint32_t timeout_ms)
{
        if (!rp_id)
                return -EINVAL;
        ceremony->rp_id = ascii_lower(rp_id);
        if (!ceremony->rp_id)
                return -ENOMEM;
        if (timeout_ms > 0) {
                ceremony->timeout = json_integer(timeout_ms);
                if (!ceremony->timeout)
                        return -ENOMEM;
        }
        return api_json_make_ids(passkey_ids, &ceremony->passkey_ids);
}

/* "*" in a format skips a NULL value. */

int api_json_write_registration(const Registration *registration, char **ret)
{
        _cleanup_(ceremony_clear) Ceremony ceremony = {};
        json_error_t error;
        json_t *root;
        int r;

        r = ceremony_init(&ceremony, registration->rp_id, registration->exclude_credentials,
                          registration->timeout_ms);
        if (r < 0)
                return r;
        root = json_pack_ex(&error, 0, "{s:s, s:s, s:s, s:s, s:s*, s:O*, s:s*, s:O*}", "rpId",
                            ceremony.rp_id, "rpName", registration->rp_name, "userId",
                            registration->user_id, "username", registration->username,
                            "displayName", registration->display_name, "excludeCredentials",
                            ceremony.passkey_ids, "userVerification",
                            registration->user_verification, "timeout", ceremony.timeout);
        return json_print(root, &error, ret);
}

int api_json_write_authentication(const Authentication *authentication, char **ret)
{
        _cleanup_(ceremony_clear) Ceremony ceremony = {};
        json_error_t error;
        json_t *root;
        int r;

        if (!authentication_is_valid(authentication))
                return -EINVAL;
        r = ceremony_init(&ceremony, authentication->rp_id, authentication->allow_credentials,
                          authentication->timeout_ms);
        if (r < 0)
                return r;
        root = json_pack_ex(&error, 0, "{s:s, s:s*, s:O*, s:o*, s:s*, s:s*, s:O*}", "rpId",
                            ceremony.rp_id, "userId", authentication->user_id, "allowCredentials",
                            ceremony.passkey_ids, "discoverable",
                            authentication->discoverable ? json_true() : NULL, "mediation",
                            authentication->mediation, "userVerification",
                            authentication->user_verification, "timeout", ceremony.timeout);
        return json_print(root, &error, ret);
}

static int read_token(const char *body, size_t body_len, const char *tag, const char *key,
                      Token *ret)
{
        json_auto_t *root = NULL;
        int r;

        r = api_json_read_tagged(body, body_len, tag, &root);
        return r == 0 ? api_json_read_token(root, key, ret) : r;
}

int api_json_read_registration_token(const char *body, size_t body_len, Token *ret)
{
        return read_token(body, body_len, "AuthorizedPasskeyRegistration", "registrationToken",
                          ret);
}

int api_json_read_authentication_token(const char *body, size_t body_len, Token *ret)
{
        return read_token(body, body_len, "AuthorizedPasskeyAuthentication", "authenticationToken",
                          ret);
}
