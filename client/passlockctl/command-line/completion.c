/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "client/passlockctl/command-line/completion.h"
#include "client/passlockctl/host/system-bus.h"
#include "dbus/event.h"

#define LINKS_MAX       1000U
#define CALL_TIMEOUT_MS 5000U
#define TIME_LIMIT_SEC  15U

/* Control characters would garble the terminal, newlines and tabs the output. */
static bool has_control_character(const char *s)
{
        for (; *s; s++)
                if ((unsigned char) *s < ' ' || *s == 0x7f)
                        return true;
        return false;
}

static void print_word(const char *prefix, const char *word, const char *description)
{
        if (strncmp(word, prefix, strlen(prefix)) == 0 && !has_control_character(word))
                printf("%s\t%s\n", word, has_control_character(description) ? "" : description);
}

/* Pressing Tab must not start the daemon, so check before a call. */
static bool service_is_ready(const Invocation *invocation)
{
        _cleanup_(system_bus_freep) SystemBus *bus = system_bus_new(SYSTEM_BUS_TIMEOUT_MS);

        return bus && system_bus_has_service(bus) &&
               passlock_set_timeout_ms(invocation->client, CALL_TIMEOUT_MS) == 0 &&
               passlock_set_tenancy(invocation->client, invocation->tenancy) == 0;
}

static void print_labels(const Invocation *invocation, const char *prefix)
{
        _cleanup_(passlock_tenancy_list_unrefp) passlock_tenancy_list *tenancies = NULL;

        if (!service_is_ready(invocation) ||
            passlock_list_tenancies(invocation->client, &tenancies) != 0)
                return;
        for (size_t i = 0; i < passlock_tenancy_list_get_size(tenancies); i++) {
                passlock_tenancy *tenancy = passlock_tenancy_list_get(tenancies, i);

                print_word(prefix, passlock_tenancy_get_label(tenancy),
                           passlock_tenancy_get_id(tenancy));
        }
}

/* Prints ids of the first LINKS_MAX links. Passkey ids come from the links as well, without an API
 * call. */
static void print_linked(const Invocation *invocation, const char *prefix, bool users)
{
        _cleanup_(passlock_link_list_unrefp) passlock_link_list *links = NULL;

        if (!service_is_ready(invocation) ||
            passlock_links_list(invocation->client, NULL, LINKS_MAX, &links) != 0)
                return;
        for (size_t i = 0; i < passlock_link_list_get_size(links); i++) {
                const passlock_link *link = passlock_link_list_get(links, i);
                const char *user_id = passlock_link_get_user_id(link);

                print_word(prefix, users ? user_id : passlock_link_get_authenticator_id(link),
                           users ? "" : user_id);
        }
}

int complete(const Invocation *invocation, const char *kind, const char *prefix)
{
        alarm(TIME_LIMIT_SEC);
        if (streq(kind, "labels"))
                print_labels(invocation, prefix);
        else if (streq(kind, "users") || streq(kind, "authenticators"))
                print_linked(invocation, prefix, streq(kind, "users"));
        else if (streq(kind, "events"))
                for (int e = 0; e < N_EVENTS; e++)
                        print_word(prefix, event_name((Event) e), event_text((Event) e));
        else
                return EXIT_USAGE;
        return fflush(stdout) == 0 ? 0 : EXIT_OURS;
}
