/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/retry-after.h"
#include "base/text.h"
#include "daemon/api/api-json-internal.h"

static uint32_t read_retry_after(const json_t *root)
{
        const json_t *value = json_object_get(root, "retryAfterSeconds");
        double seconds = json_number_value(value);
        uint32_t whole;

        if (!value)
                return 0;
        if (!json_is_number(value))
                return RETRY_AFTER_UNREADABLE_S;
        if (seconds <= 0)
                return 0;
        if (seconds >= UINT32_MAX)
                return UINT32_MAX;
        whole = (uint32_t) seconds;
        return whole < seconds ? whole + 1 : whole;
}

int api_json_read_error(const char *body, size_t body_len, ApiErrorBody *ret)
{
        json_auto_t *root = NULL;
        ApiErrorBody error = {};
        const char *tag;
        int r;

        r = json_read_reply(body, body_len, &root);
        if (r == -ENOMEM)
                return r;
        tag = json_string_value(json_object_get(root, "_tag"));
        if (text_is_valid(tag, API_TAG_LEN_MAX))
                (void) snprintf(error.tag, sizeof(error.tag), "%s", tag);
        error.retry_after_s = read_retry_after(root);
        *ret = error;
        return 0;
}
