/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "base/text.h"
#include "base/wiping-allocator.h"
#include "daemon/api/api-json-internal.h"
#include "daemon/model/valid.h"

bool api_json_has_tag(const json_t *object, const char *tag)
{
        return json_has_text(object, "_tag", tag);
}

int api_json_read_tagged(const char *body, size_t body_len, const char *tag, json_t **ret)
{
        json_auto_t *root = NULL;
        int r;

        r = json_read_reply(body, body_len, &root);
        if (r != 0)
                return r;
        if (!api_json_has_tag(root, tag))
                return ERROR_MALFORMED_REPLY;
        *ret = TAKE_PTR(root);
        return 0;
}

static DEFINE_TEXT_RULE(token_is_valid, 8192);

int api_json_read_token(const json_t *object, const char *key, Token *ret)
{
        Token token = {};
        int r;

        r = json_read_number(object, "expiresAt", &token.expires_at_ms);
        if (r == 0)
                r = json_read_text(object, key, token_is_valid, &token.token);
        if (r != 0)
                return r;
        *ret = token;
        return 0;
}

int api_json_make_ids(char *const *ids, json_t **ret)
{
        json_auto_t *array = NULL;

        if (strv_len(ids) == 0)
                return 0;
        array = json_array();
        if (!array)
                return -ENOMEM;
        for (; *ids; ids++) {
                if (!id_is_valid(*ids))
                        return -EINVAL;
                if (json_array_append_new(array, json_string(*ids)) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(array);
        return 0;
}
