/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/macro.h"
#include "dbus/api-status.h"

/* Two more API tags map to API_DENIED. */
static int error_of_tag(const char *tag)
{
        if (streq_ptr(tag, "@error/Unauthorized") || streq_ptr(tag, "@error/InvalidTenancy"))
                return ERROR_API_DENIED;
        return error_from_api_tag(tag);
}

static bool is_documented(const Error *documented, int error)
{
        for (; documented && *documented; documented++)
                if ((int) *documented == error)
                        return true;
        return false;
}

static bool is_of_any_status(int error)
{
        return error == ERROR_CHALLENGE_EXPIRED || error == ERROR_CHALLENGE_ATTEMPTS_EXCEEDED;
}

int api_status_to_error(unsigned status, const char *tag, const Error *documented)
{
        int error = error_of_tag(tag);
        bool known = error != 0 && is_documented(documented, error);

        if (status >= 200 && status < 300)
                return 0;
        if (status < 400 || status >= 500)
                return ERROR_UNREACHABLE;
        if (status == 429)
                return known && is_of_any_status(error) ? error : ERROR_RATE_LIMITED;
        if (status == 401 || status == 403 || error == ERROR_API_DENIED)
                return ERROR_API_DENIED;
        return known ? error : ERROR_BAD_REQUEST;
}
