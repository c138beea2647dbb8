/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/text.h"
#include "gate/http-error.h"

#define RETRY_AFTER_TEXT "retry after "
#define RETRY_AFTER_MAX  86400U

static const struct {
        unsigned status;
        const char *name;
        const char *text;
} table[] = {
#define X(name_, status_, json_name, text_) \
        [HTTP_ERROR_##name_ - \
                HTTP_ERROR_FIRST] = {.status = (status_), .name = (json_name), .text = (text_)},
        HTTP_ERROR_TABLE(X)
#undef X
};

static bool is_own(int error)
{
        return error > HTTP_ERROR_FIRST && error < HTTP_ERROR_END;
}

int http_error_from_result(int r)
{
        switch (r) {
        case -EHOSTDOWN:
        case -ENOTCONN:
                return HTTP_ERROR_UNAVAILABLE;
        case -ECONNRESET:
                return HTTP_ERROR_REPLY_LOST;
        case -ETIMEDOUT:
                return HTTP_ERROR_TIMED_OUT;
        case -EOPNOTSUPP:
                return HTTP_ERROR_UNSUPPORTED;
        default:
                return is_own(r) || error_text(r) ? r : HTTP_ERROR_INTERNAL;
        }
}

const char *http_error_name(int error)
{
        return is_own(error) ? table[error - HTTP_ERROR_FIRST].name
                             : strrchr(error_dbus_name(error), '.') + 1;
}

const char *http_error_text(int error)
{
        return is_own(error) ? table[error - HTTP_ERROR_FIRST].text : error_text(error);
}

unsigned http_error_status(int error)
{
        return is_own(error) ? table[error - HTTP_ERROR_FIRST].status : error_http_status(error);
}

uint32_t http_error_retry_after_s(const char *text)
{
        const char *found = NULL;
        char digits[8] = "";
        size_t n;

        for (const char *s = text; (s = strstr(s, RETRY_AFTER_TEXT)); s++)
                found = s + strlen(RETRY_AFTER_TEXT);
        n = found ? strspn(found, "0123456789") : 0;
        if (n == 0 || n >= sizeof(digits) || !streq(found + n, " s"))
                return 0;
        memcpy(digits, found, n);
        return text_parse_number(digits, RETRY_AFTER_MAX);
}
