/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "client/libpasslock/passlock.h"
#include "client/libpasslock/transport/bus-error.h"
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

int bus_error_from_message(sd_bus_message *m)
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

char *bus_error_text_from_message(sd_bus_message *m)
{
        const sd_bus_error *error = sd_bus_message_get_error(m);

        return strdup(isempty(error->message) ? error->name : error->message);
}

/* Why there is no connection. "The socket" is the bus's. */
static const char *connect_error_reason(int r)
{
        switch (r) {
        case -ENOENT:
                return "there is no socket at the address of the bus";
        case -ECONNREFUSED:
                return "nothing listens on the socket of the bus";
        case -EACCES:
        case -EPERM:
                return "the bus does not let this user in";
        case -ECONNRESET:
        case -EPIPE:
        case -ENOTCONN:
                return "the bus closed the connection at once: it does not know this user, or has "
                       "no "
                       "room for more connections";
        case -ETIMEDOUT:
                return "the bus does not answer";
        case -EMFILE:
                return "this process has too many files open";
        case -ENFILE:
                return "this host has too many files open";
        case -EINVAL:
                return "the address of the bus is not valid";
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
        /* What the bus answers to Hello: org.freedesktop.DBus.Error.LimitsExceeded. */
        if (r == -ENOBUFS) {
                snprintf(
                        ret_text, BUS_ERROR_TEXT_MAX,
                        "The bus refuses user %u another connection: as many as it allows one user "
                        "(256 unless configured otherwise) are open",
                        geteuid());
                return PASSLOCK_ERROR_LIMITS_EXCEEDED;
        }
        snprintf(ret_text, BUS_ERROR_TEXT_MAX, "%s%s",
                 reason ?: "the connection to it failed with ",
                 reason ? "" : (strerrorname_np(-r) ?: "an unknown error"));
        return -ENOTCONN;
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
