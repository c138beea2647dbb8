/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/api/api-json-internal.h"
#include "daemon/model/valid.h"

#define WARNINGS_MAX    1000U
#define WARNING_LEN_MAX 4096U

static DEFINE_TEXT_RULE(warning_code_is_valid, 128);

int api_json_write_update(const char *user_id, const char *username, const char *display_name,
                          char **ret)
{
        json_error_t error;
        json_t *root = json_pack_ex(&error, 0, "{s:s, s:s, s:s*}", "userId", user_id, "username",
                                    username, "displayName", display_name);

        return json_print(root, &error, ret);
}

int api_json_write_passkey_ids(char *const *passkey_ids, char **ret)
{
        json_auto_t *ids = NULL;
        json_error_t error;
        int r;

        r = api_json_make_ids(passkey_ids, &ids);
        if (r < 0)
                return r;
        return json_print(json_pack_ex(&error, 0, "{s:O}", "passkeyIds", ids), &error, ret);
}

int api_json_write_user(const char *user_id, char **ret)
{
        json_error_t error;

        return json_print(json_pack_ex(&error, 0, "{s:s}", "userId", user_id), &error, ret);
}

static int read_warning(const json_t *object, Management *management)
{
        _cleanup_(freep) char *code = NULL, *message = NULL, *passkey_id = NULL;
        int r;

        r = json_read_hint(object, "code", warning_code_is_valid, &code);
        if (r == 0)
                r = json_read_label(object, "message", WARNING_LEN_MAX, &message);
        if (r == 0)
                r = json_read_hint(object, "passkeyId", id_is_valid, &passkey_id);
        if (r < 0 || !code)
                return r;
        if (!message)
                message = strdup("");
        return message ? management_add_warning(management, TAKE_PTR(code), TAKE_PTR(message),
                                                TAKE_PTR(passkey_id))
                       : -ENOMEM;
}

static int read_warnings(const json_t *warnings, Management *management)
{
        const json_t *warning;
        size_t i;
        int r;

        if (!json_is_array(warnings))
                return ERROR_MALFORMED_REPLY;
        json_array_foreach(warnings, i, warning) {
                if (management->n_warnings == WARNINGS_MAX)
                        break;
                r = read_warning(warning, management);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_prepared(const char *body, size_t body_len, const char *tag, const char *token_key,
                         Management *ret)
{
        _cleanup_(management_clear) Management management = {};
        json_auto_t *root = NULL;
        Token token;
        int r;

        r = api_json_read_tagged(body, body_len, tag, &root);
        if (r == 0)
                r = api_json_read_token(root, token_key, &token);
        if (r != 0)
                return r;
        management.token = token.token;
        management.expires_at_ms = token.expires_at_ms;
        r = read_warnings(json_object_get(root, "warnings"), &management);
        if (r != 0)
                return r;

        *ret = TAKE(management, (Management){});
        return 0;
}

int api_json_read_update(const char *body, size_t body_len, Management *ret)
{
        return read_prepared(body, body_len, "PreparedPasskeyUpdate", "updatePasskeysToken", ret);
}

int api_json_read_deletion(const char *body, size_t body_len, Management *ret)
{
        return read_prepared(body, body_len, "PreparedPasskeyDeletion", "deletePasskeysToken", ret);
}

int api_json_read_pruning(const char *body, size_t body_len, Management *ret)
{
        return read_prepared(body, body_len, "PreparedPasskeyPruning", "prunePasskeysToken", ret);
}
