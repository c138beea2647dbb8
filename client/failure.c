/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "client/failure.h"
#include "client/passlock.h"
#include "dbus/error.h"

#define X(name, value, dbus_name, api_tag, text) \
        _Static_assert((int) PASSLOCK_ERROR_##name == (int) ERROR_##name, \
                       "the header has the table's numbers");
ERROR_TABLE(X)
#undef X

static bool is_unknown_member(const char *name)
{
        return streq(name, SD_BUS_ERROR_UNKNOWN_METHOD) ||
               streq(name, SD_BUS_ERROR_UNKNOWN_INTERFACE) ||
               streq(name, SD_BUS_ERROR_UNKNOWN_PROPERTY);
}

int failure_from_message(sd_bus_message *m)
{
        const char *name = sd_bus_message_get_error(m)->name;
        int error = error_from_dbus_name(name);

        /* All that was under way when our connection broke fails with what looks like NoReply. */
        if (sd_bus_is_open(sd_bus_message_get_bus(m)) <= 0)
                return -ECONNRESET;
        if (error > 0)
                return error;
        if (streq_ptr(sd_bus_message_get_sender(m), "org.freedesktop.DBus"))
                return streq(name, SD_BUS_ERROR_NO_REPLY) ? -ECONNRESET : -EHOSTDOWN;
        return is_unknown_member(name) ? -EOPNOTSUPP : -EPROTO;
}

_public_ const char *passlock_strerror(int r)
{
        switch (r) {
        case 0:
                return "Success";
        case -ENOTCONN:
                return "There is no system bus";
        case -EHOSTDOWN:
                return "The service is not running";
        case -ETIMEDOUT:
                return "No answer within the deadline";
        case -ECONNRESET:
                return "The service or the bus went away in the middle of the call";
        case -ECHILD:
                return "The client was made before a fork";
        case -EDEADLK:
                return "Not possible from inside a callback";
        case -EPROTO:
                return "The service gave an answer that is not understood";
        case -EOPNOTSUPP:
                return "The service does not know this call";
        default:
                break;
        }
        if (r > 0)
                return error_text(r) ?: "An error that this library does not know";
        return (r > -4096 ? strerrordesc_np(-r) : NULL) ?: "An unknown error";
}
