/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "client/libpasslock/passlock.h"
#include "client/libpasslock/transport/bus-error.h"
#include "dbus/error.h"

#define X(name, value, http_status, dbus_name, api_tag, text) \
        _Static_assert((int) PASSLOCK_ERROR_##name == (int) ERROR_##name, \
                       "passlock.h and dbus/error.h number the errors alike");
ERROR_TABLE(X)
#undef X

static bool is_unknown_member(const char *name)
{
        return streq(name, SD_BUS_ERROR_UNKNOWN_METHOD) ||
               streq(name, SD_BUS_ERROR_UNKNOWN_INTERFACE) ||
               streq(name, SD_BUS_ERROR_UNKNOWN_PROPERTY);
}

int bus_error_from_message(sd_bus_message *m)
{
        const char *name = sd_bus_message_get_error(m)->name;
        int error = error_from_dbus_name(name);

        /* sd-bus fails pending calls with NoReply when the connection closes. */
        if (sd_bus_is_open(sd_bus_message_get_bus(m)) <= 0)
                return -ECONNRESET;
        if (error > 0)
                return error;
        if (streq_ptr(sd_bus_message_get_sender(m), "org.freedesktop.DBus"))
                return streq(name, SD_BUS_ERROR_NO_REPLY) ? -ECONNRESET : -EHOSTDOWN;
        return is_unknown_member(name) ? -EOPNOTSUPP : -EPROTO;
}

char *bus_error_text_from_message(sd_bus_message *m)
{
        const sd_bus_error *error = sd_bus_message_get_error(m);

        return strdup(isempty(error->message) ? error->name : error->message);
}

static const char *connect_error_reason(int r)
{
        switch (r) {
        case -ENOENT:
                return "the bus socket does not exist";
        case -ECONNREFUSED:
                return "nothing listens on the bus socket";
        case -EACCES:
        case -EPERM:
                return "the bus denies access to this user";
        case -ECONNRESET:
        case -EPIPE:
        case -ENOTCONN:
                return "the bus closed the connection: it does not know this user, or its "
                       "connection limit is reached";
        case -ETIMEDOUT:
                return "the bus does not respond";
        case -EMFILE:
                return "this process has too many files open";
        case -ENFILE:
                return "this host has too many files open";
        case -EINVAL:
                return "the bus address is invalid";
        default:
                return NULL;
        }
}

int bus_error_from_connect(int r, char ret_text[static BUS_ERROR_TEXT_MAX])
{
        const char *reason = connect_error_reason(r);

        if (r == -ENOMEM) {
                snprintf(ret_text, BUS_ERROR_TEXT_MAX, "%s", passlock_strerror(r));
                return r;
        }
        /* The bus replied LimitsExceeded to Hello. */
        if (r == -ENOBUFS) {
                snprintf(ret_text, BUS_ERROR_TEXT_MAX,
                         "The bus refuses another connection of user %u: its limit per user "
                         "(max_connections_per_user, 256 by default) is reached",
                         geteuid());
                return PASSLOCK_ERROR_LIMITS_EXCEEDED;
        }
        snprintf(ret_text, BUS_ERROR_TEXT_MAX, "%s%s",
                 reason ?: "connect: ", reason ? "" : (strerrorname_np(-r) ?: "unknown error"));
        return -ENOTCONN;
}

_public_ const char *passlock_strerror(int r)
{
        switch (r) {
        case 0:
                return "Success";
        case -ENOTCONN:
                return "Failed to connect to the system bus";
        case -EHOSTDOWN:
                return "The service is not running";
        case -ETIMEDOUT:
                return "Timed out waiting for a reply";
        case -ECONNRESET:
                return "The connection to the service was lost during the call";
        case -ECHILD:
                return "The client was created before fork()";
        case -EDEADLK:
                return "Synchronous calls are not allowed inside a callback";
        case -EPROTO:
                return "The service sent an unexpected reply";
        case -EOPNOTSUPP:
                return "The service does not support this method";
        case -ENOBUFS:
                return "The service ended the subscription";
        default:
                break;
        }
        if (r > 0)
                return error_text(r) ?: "Unknown error";
        return (r > -4096 ? strerrordesc_np(-r) : NULL) ?: "Unknown error";
}
