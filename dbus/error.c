/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/macro.h"
#include "dbus/error.h"

static const struct {
        const char *dbus_name;
        const char *api_tag;
        const char *text;
        unsigned http_status;
} table[] = {
#define X(name, value, http_status_, dbus_name_, api_tag_, text_) \
        [value] = {.dbus_name = (dbus_name_), \
                   .api_tag = (api_tag_), \
                   .text = (text_), \
                   .http_status = (http_status_)},
        ERROR_TABLE(X)
#undef X
};

_Static_assert(ARRAY_SIZE(table) == ERROR_MAX + 1, "ERROR_MAX names the last row");

static bool error_is_known(int error)
{
        return error > 0 && error <= ERROR_MAX;
}

const char *error_dbus_name(int error)
{
        return error_is_known(error) ? table[error].dbus_name : NULL;
}

const char *error_text(int error)
{
        return error_is_known(error) ? table[error].text : NULL;
}

unsigned error_http_status(int error)
{
        return error_is_known(error) ? table[error].http_status : 0;
}

const char *error_strerror(int r)
{
        return r > 0 ? error_text(r) : strerror(-r);
}

int error_from_dbus_name(const char *dbus_name)
{
        for (int e = 1; dbus_name && e <= ERROR_MAX; e++)
                if (streq(table[e].dbus_name, dbus_name))
                        return e;
        return 0;
}

int error_from_api_tag(const char *api_tag)
{
        for (int e = 1; api_tag && e <= ERROR_MAX; e++)
                if (streq_ptr(table[e].api_tag, api_tag))
                        return e;
        return 0;
}
