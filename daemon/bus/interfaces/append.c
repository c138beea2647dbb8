/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/bus/interfaces/append.h"

int bus_append_string(sd_bus_message *m, const char *name, const char *value)
{
        return value ? sd_bus_message_append(m, "{sv}", name, "s", value) : 0;
}

int bus_append_strings(sd_bus_message *m, const BusString *strings, size_t n_strings)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n_strings; i++)
                r = bus_append_string(m, strings[i].name, strings[i].value);
        return r;
}

int bus_append_bool(sd_bus_message *m, const char *name, bool value)
{
        return sd_bus_message_append(m, "{sv}", name, "b", value);
}

int bus_append_uint64(sd_bus_message *m, const char *name, uint64_t value)
{
        return sd_bus_message_append(m, "{sv}", name, "t", value);
}

int bus_append_strv(sd_bus_message *m, const char *name, char *const *value)
{
        static char *const empty[] = {NULL};
        int r;

        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", name);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_append_strv(m, (char **) (value ?: empty));
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int bus_append_principal(sd_bus_message *m, const Principal *principal)
{
        const BusString strings[] = {
                {"id", principal->id},
                {"user_id", principal->user_id},
                {"authenticator_id", principal->authenticator_id},
                {"authenticator_type", principal->authenticator_type},
                {"platform_name", principal->platform_name},
                {"ip_address", principal->ip_address},
                {"user_agent", principal->user_agent},
        };
        int r;

        r = bus_append_strings(m, strings, ARRAY_SIZE(strings));
        return r < 0 ? r
                     : sd_bus_message_append(
                               m, "{sv}{sv}{sv}{sv}", "created_at", "t", principal->created_at_ms,
                               "expires_at", "t", principal->expires_at_ms, "verified", "b",
                               principal->verified, "user_verified", "b", principal->user_verified);
}
