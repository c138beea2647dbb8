/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/api/api-json-internal.h"

int api_json_check_key_set(const char *body, size_t body_len)
{
        json_auto_t *root = NULL;
        int r;

        r = json_read_object(body, body_len, &root);
        if (r != 0)
                return r;
        return json_is_array(json_object_get(root, "keys")) ? 0 : ERROR_MALFORMED_REPLY;
}
