/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "dbus/names.h"
#include "tests/load/calls.h"

#define TENANCY PASSLOCK_TENANCY_PATH "/default"
#define DRIVER  "org.freedesktop.DBus"

typedef struct CallType {
        const char *name, *destination, *path, *interface, *member;
        int (*append)(sd_bus_message *m); /* NULL: no arguments */
} CallType;

static int append_authenticator(sd_bus_message *m)
{
        return sd_bus_message_append(m, "s", "load-key");
}

/* A random one of the $PASSLOCK_LOAD_LINKS links that bench/load.py imports. */
static int append_any_authenticator(sd_bus_message *m)
{
        static unsigned long n_links;
        char id[48];

        if (n_links == 0)
                n_links = strtoul(getenv("PASSLOCK_LOAD_LINKS") ?: "1", NULL, 10);
        snprintf(id, sizeof(id), "key-%032lu", (unsigned long) random() % n_links);
        return sd_bus_message_append(m, "s", id);
}

static int append_state(sd_bus_message *m)
{
        return sd_bus_message_append(m, "ss", PASSLOCK_INTERFACE_TENANCY, "State");
}

/* Filled by call_new(). */
static char long_path[32 * 1024] = PASSLOCK_TENANCY_PATH "/";

static int append_page(sd_bus_message *m)
{
        return sd_bus_message_append(m, "su", "", UINT32_C(1000));
}

static int append_link(sd_bus_message *m)
{
        return sd_bus_message_append(m, "ss", "load-user", "load-key");
}

/* Another link at each call. */
static int append_new_link(sd_bus_message *m)
{
        static unsigned n;
        char user[32], authenticator[64];

        snprintf(user, sizeof(user), "load-user-%d-%u", getpid(), n / 500);
        snprintf(authenticator, sizeof(authenticator), "load-%d-%u", getpid(), n++);
        return sd_bus_message_append(m, "ss", user, authenticator);
}

static int append_authorize(sd_bus_message *m)
{
        return sd_bus_message_append(m, "sssa{sv}", "shop.example.com", "load-user", "load-user",
                                     0);
}

/* Another code at each call. */
static int append_code(sd_bus_message *m)
{
        static unsigned n;
        char code[32];

        snprintf(code, sizeof(code), "c%d-%u", getpid(), n++);
        return sd_bus_message_append(m, "s", code);
}

static int append_exchange(sd_bus_message *m)
{
        int r = append_code(m);

        return r < 0 ? r : sd_bus_message_append(m, "a{sv}", 0);
}

static int append_exchange_unlinked(sd_bus_message *m)
{
        int r = append_code(m);

        return r < 0 ? r : sd_bus_message_append(m, "a{sv}", 1, "link", "b", 0);
}

#define STANDARD(name_, interface_, append_) \
        { \
#name_, PASSLOCK_BUS_NAME, TENANCY, DRIVER "." interface_, #name_, append_ \
        }

static const CallType types[] = {
        {"GetId", DRIVER, "/org/freedesktop/DBus", DRIVER, "GetId", NULL},
        STANDARD(Ping, "Peer", NULL),
        STANDARD(Introspect, "Introspectable", NULL),
        STANDARD(Get, "Properties", append_state),
        {"GetManagedObjects", PASSLOCK_BUS_NAME, PASSLOCK_OBJECT_PATH, DRIVER ".ObjectManager",
         "GetManagedObjects", NULL},
        {"ListTenancies", PASSLOCK_BUS_NAME, PASSLOCK_OBJECT_PATH, PASSLOCK_INTERFACE_MANAGER,
         "ListTenancies", NULL},
        /* Calls that sd-bus answers with an error. */
        {"BadSignature", PASSLOCK_BUS_NAME, TENANCY, PASSLOCK_INTERFACE_LINKS, "Subscribe",
         append_authenticator},
        {"BadPath", PASSLOCK_BUS_NAME, long_path, PASSLOCK_INTERFACE_LINKS, "GetUser",
         append_authenticator},
        {"GetUser", PASSLOCK_BUS_NAME, TENANCY, PASSLOCK_INTERFACE_LINKS, "GetUser",
         append_authenticator},
        {"GetUserAny", PASSLOCK_BUS_NAME, TENANCY, PASSLOCK_INTERFACE_LINKS, "GetUser",
         append_any_authenticator},
        /* The no-op method of floor.c. */
        {"Floor", FLOOR_BUS_NAME, TENANCY, PASSLOCK_INTERFACE_LINKS, "GetUser",
         append_authenticator},
        {"List", PASSLOCK_BUS_NAME, TENANCY, PASSLOCK_INTERFACE_LINKS, "List", append_page},
        {"Add", PASSLOCK_BUS_NAME, TENANCY, PASSLOCK_INTERFACE_LINKS, "Add", append_link},
        {"AddNew", PASSLOCK_BUS_NAME, TENANCY, PASSLOCK_INTERFACE_LINKS, "Add", append_new_link},
        {"Subscribe", PASSLOCK_BUS_NAME, TENANCY, PASSLOCK_INTERFACE_LINKS, "Subscribe", NULL},
        {"Authorize", PASSLOCK_BUS_NAME, TENANCY, PASSLOCK_INTERFACE_TENANCY, "Authorize",
         append_authorize},
        {"Exchange", PASSLOCK_BUS_NAME, TENANCY, PASSLOCK_INTERFACE_TENANCY, "Exchange",
         append_exchange},
        {"ExchangeUnlinked", PASSLOCK_BUS_NAME, TENANCY, PASSLOCK_INTERFACE_TENANCY, "Exchange",
         append_exchange_unlinked},
};

void check(int r, const char *action)
{
        if (r < 0)
                errx(EXIT_FAILURE, "Failed to %s: %s", action, strerror(-r));
}

sd_bus *connect_bus(void)
{
        sd_bus *bus;

        check(sd_bus_open_system(&bus), "connect to the bus");
        return bus;
}

sd_bus_message *call_new(sd_bus *bus, const char *name)
{
        size_t len = strlen(long_path);
        sd_bus_message *m;

        if (len < sizeof(long_path) - 1)
                memset(long_path + len, 'x', sizeof(long_path) - 1 - len);
        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
                const CallType *type = &types[i];

                if (!streq(type->name, name))
                        continue;
                check(sd_bus_message_new_method_call(bus, &m, type->destination, type->path,
                                                     type->interface, type->member),
                      "make a call");
                check(type->append ? type->append(m) : 0, "append arguments");
                return m;
        }
        errx(EXIT_FAILURE, "Unknown call: %s", name);
}
