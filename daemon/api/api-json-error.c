/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/log.h"
#include "daemon/api/api-json-internal.h"

static bool is_known(const Error *known, int error)
{
        for (; *known; known++)
                if ((int) *known == error)
                        return true;
        return false;
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

        r = api_json_parse(body, body_len, &root);
        if (r < 0)
                return r;

        /* The tag says more than the status. */
        error = ERROR_UNREACHABLE;
        if (status >= 400 && status < 500)
                error = error_of_tag(json_string_value(json_object_get(root, "_tag")), known);
        if (status == 429 && error == ERROR_UNREACHABLE)
                error = ERROR_RATE_LIMITED;
        *ret_retry_after_s = error == ERROR_RATE_LIMITED ? read_retry_after(root) : 0;
        return error;
}
