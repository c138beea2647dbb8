/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <jansson.h>

#include "base/log.h"
#include "base/strv.h"
#include "daemon/api/api-json.h"
#include "daemon/model/valid.h"

/* The largest integer up to which a double holds every one: 2^53. */
#define INTEGER_END 9007199254740992.0

typedef bool (*ValidFunc)(const char *s);

static bool token_is_valid(const char *s)
{
        return text_is_valid(s, 8192);
}

static bool authenticator_type_is_valid(const char *s)
{
        return streq(s, "passkey");
}

static bool platform_name_is_valid(const char *s)
{
        return text_is_valid(s, 256);
}

static bool ip_address_is_valid(const char *s)
{
        return text_is_valid(s, 64);
}

static bool user_agent_is_valid(const char *s)
{
        return text_is_valid(s, 4096);
}

static int json_errno(const json_error_t *error, int otherwise)
{
        return json_error_code(error) == json_error_out_of_memory ? -ENOMEM : otherwise;
}

/* Domain names are compared without regard to case; the API wants them in lower case. */
static char *ascii_lower(const char *s)
{
        char *lower = strdup(s);

        for (char *p = lower; p && *p; p++)
                if (*p >= 'A' && *p <= 'Z')
                        *p = (char) (*p - 'A' + 'a');
        return lower;
}

/* NULL also for an empty vector: nothing is to be sent then. */
static int make_array(char *const *strv, json_t **ret)
{
        json_auto_t *array = NULL;

        if (strv_len(strv) == 0)
                return 0;
        array = json_array();
        if (!array)
                return -ENOMEM;
        for (; *strv; strv++) {
                if (!id_is_valid(*strv))
                        return -EINVAL;
                if (json_array_append_new(array, json_string(*strv)) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(array);
        return 0;
}

int api_json_write_registration(const Registration *registration, char **ret)
{
        _cleanup_(freep) char *rp_id = NULL;
        json_auto_t *root = NULL, *timeout = NULL, *exclude = NULL;
        json_error_t error;
        char *text;
        int r;

        if (!registration->rp_id)
                return -EINVAL;
        rp_id = ascii_lower(registration->rp_id);
        if (!rp_id)
                return -ENOMEM;
        if (registration->timeout_ms > 0) {
                timeout = json_integer(registration->timeout_ms);
                if (!timeout)
                        return -ENOMEM;
        }
        r = make_array(registration->exclude_credentials, &exclude);
        if (r < 0)
                return r;

        /* A star leaves out what is NULL. */
        root = json_pack_ex(&error, 0, "{s:s, s:s, s:s, s:s, s:s*, s:O*, s:s*, s:O*}", "rpId",
                            rp_id, "rpName", registration->rp_name, "userId", registration->user_id,
                            "username", registration->username, "displayName",
                            registration->display_name, "excludeCredentials", exclude,
                            "userVerification", registration->user_verification, "timeout",
                            timeout);
        if (!root)
                return json_errno(&error, -EINVAL);
        text = json_dumps(root, JSON_COMPACT);
        if (!text)
                return -ENOMEM;

        *ret = text;
        return 0;
}

/* jansson itself refuses NUL in strings, text that is not UTF-8, numbers that overflow, and nesting
 * deeper than it can recurse. */
static int parse(const char *body, size_t body_len, json_t **ret)
{
        json_auto_t *root = NULL;
        json_error_t error;

        root = json_loadb(body, body_len, JSON_REJECT_DUPLICATES, &error);
        if (!root)
                return json_errno(&error, ERROR_MALFORMED_REPLY);
        if (!json_is_object(root))
                return ERROR_MALFORMED_REPLY;
        *ret = TAKE_PTR(root);
        return 0;
}

static int parse_tagged(const char *body, size_t body_len, const char *tag, json_t **ret)
{
        json_auto_t *root = NULL;
        int r;

        r = parse(body, body_len, &root);
        if (r != 0)
                return r;
        if (!streq_ptr(json_string_value(json_object_get(root, "_tag")), tag))
                return ERROR_MALFORMED_REPLY;
        *ret = TAKE_PTR(root);
        return 0;
}

static int read_text(const json_t *object, const char *key, ValidFunc is_valid, char **ret)
{
        const char *value = json_string_value(json_object_get(object, key));
        char *copy;

        if (!value || !is_valid(value))
                return ERROR_MALFORMED_REPLY;
        copy = strdup(value);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

/* A field that tells nothing is as good as one that is absent. */
static bool is_absent(const json_t *value)
{
        return !value || json_is_null(value) ||
               (json_is_string(value) && json_string_length(value) == 0);
}

static int read_optional_text(const json_t *object, const char *key, ValidFunc is_valid, char **ret)
{
        return is_absent(json_object_get(object, key)) ? 0 : read_text(object, key, is_valid, ret);
}

static int read_time(const json_t *object, const char *key, uint64_t *ret)
{
        const json_t *value = json_object_get(object, key);
        double time = json_number_value(value);

        if (!json_is_number(value) || !(time >= 0 && time < INTEGER_END))
                return ERROR_MALFORMED_REPLY;
        *ret = (uint64_t) time;
        return 0;
}

static int read_bool(const json_t *object, const char *key, bool *ret)
{
        const json_t *value = json_object_get(object, key);

        if (!json_is_boolean(value))
                return ERROR_MALFORMED_REPLY;
        *ret = json_is_true(value);
        return 0;
}

int api_json_read_registration_token(const char *body, size_t body_len, Token *ret)
{
        _cleanup_(freep) char *text = NULL;
        json_auto_t *root = NULL;
        uint64_t expires_at_ms;
        int r;

        r = parse_tagged(body, body_len, "AuthorizedPasskeyRegistration", &root);
        if (r != 0)
                return r;
        r = read_time(root, "expiresAt", &expires_at_ms);
        if (r != 0)
                return r;
        r = read_text(root, "registrationToken", token_is_valid, &text);
        if (r != 0)
                return r;

        *ret = (Token){.token = TAKE_PTR(text), .expires_at_ms = expires_at_ms};
        return 0;
}

static int read_identity(const json_t *root, Principal *principal)
{
        int r;

        r = read_text(root, "id", id_is_valid, &principal->id);
        if (r == 0)
                r = read_text(root, "userId", user_id_is_valid, &principal->user_id);
        if (r == 0)
                r = read_text(root, "authenticatorId", id_is_valid, &principal->authenticator_id);
        if (r == 0)
                r = read_text(root, "authenticatorType", authenticator_type_is_valid,
                              &principal->authenticator_type);
        if (r == 0)
                r = read_time(root, "createdAt", &principal->created_at_ms);
        if (r == 0)
                r = read_time(root, "expiresAt", &principal->expires_at_ms);
        return r;
}

/* Without this object nothing is known to be verified. */
static int read_passkey(const json_t *passkey, Principal *principal)
{
        int r;

        if (!passkey || json_is_null(passkey))
                return 0;
        r = read_bool(passkey, "verified", &principal->verified);
        if (r == 0)
                r = read_bool(passkey, "userVerified", &principal->user_verified);
        if (r == 0)
                r = read_optional_text(passkey, "platformName", platform_name_is_valid,
                                       &principal->platform_name);
        return r;
}

static int read_metadata(const json_t *metadata, Principal *principal)
{
        int r;

        if (!json_is_object(metadata))
                return ERROR_MALFORMED_REPLY;
        r = read_optional_text(metadata, "ipAddress", ip_address_is_valid, &principal->ip_address);
        if (r == 0)
                r = read_optional_text(metadata, "userAgent", user_agent_is_valid,
                                       &principal->user_agent);
        return r;
}

int api_json_read_principal(const char *body, size_t body_len, Principal **ret)
{
        _cleanup_(principal_freep) Principal *principal = NULL;
        json_auto_t *root = NULL;
        int r;

        r = parse_tagged(body, body_len, "ExtendedPrincipal", &root);
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

static bool is_known(const Error *known, int error)
{
        for (; *known; known++)
                if ((int) *known == error)
                        return true;
        return error == ERROR_API_DENIED;
}

static int error_of_tag(const char *tag, const Error *known)
{
        int error = error_from_api_tag(tag);

        if (error != 0 && is_known(known, error))
                return error;
        log_debug("The API answered with an error that this call does not have: %.64s",
                  tag ? tag : "(no tag)");
        return ERROR_UNREACHABLE;
}

static uint32_t read_retry_after(const json_t *root)
{
        json_int_t value = json_integer_value(json_object_get(root, "retryAfterSeconds"));

        return value > 0 && value <= UINT32_MAX ? (uint32_t) value : 0;
}

int api_json_read_error(unsigned status, const char *body, size_t body_len, const Error *known,
                        uint32_t *ret_retry_after_s)
{
        json_auto_t *root = NULL;
        int error, r;

        r = parse(body, body_len, &root);
        if (r < 0)
                return r;

        if (status == 429)
                error = ERROR_RATE_LIMITED;
        else if (status >= 400 && status < 500)
                error = error_of_tag(json_string_value(json_object_get(root, "_tag")), known);
        else
                error = ERROR_UNREACHABLE;
        *ret_retry_after_s = error == ERROR_RATE_LIMITED ? read_retry_after(root) : 0;
        return error;
}
