/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "client/passlockctl/command-line/completion.h"
#include "client/passlockctl/host/system-bus.h"
#include "dbus/event.h"

#define LINKS_MAX       1000U
#define CALL_TIMEOUT_MS 5000U

DEFINE_CLEANUP(passlock_link_list *, passlock_link_list_unref);
DEFINE_CLEANUP(passlock_tenancy_list *, passlock_tenancy_list_unref);

/* What comes from elsewhere may be anything; a terminal shows it. */
static bool is_tame(const char *s)
{
        for (; *s; s++)
                if ((unsigned char) *s < ' ' || *s == 0x7f)
                        return false;
        return true;
}

void offer_word(const char *prefix, const char *word, HelpText meaning)
{
        if (strncmp(word, prefix, strlen(prefix)) == 0 && is_tame(word))
                printf("%s\t%.*s\n", word, (int) meaning.len, meaning.text ?: "");
}

/* A call would start the daemon, which nobody has asked for by pressing a key. */
static bool service_is_running(void)
{
        _cleanup_(system_bus_freep) SystemBus *bus = system_bus_new(SYSTEM_BUS_TIMEOUT_MS);

        return bus && system_bus_has_service(bus);
}

static bool service_is_ready(const Offer *offer)
{
        return service_is_running() &&
               passlock_set_timeout_ms(offer->client, CALL_TIMEOUT_MS) == 0 &&
               passlock_set_tenancy(offer->client, offer->tenancy) == 0;
}

static void offer_labels(const Offer *offer)
{
        _cleanup_(passlock_tenancy_list_unrefp) passlock_tenancy_list *tenancies = NULL;

        if (!service_is_ready(offer) || passlock_list_tenancies(offer->client, &tenancies) != 0)
                return;
        for (size_t i = 0; i < passlock_tenancy_list_get_size(tenancies); i++) {
                passlock_tenancy *tenancy = passlock_tenancy_list_get(tenancies, i);
                const char *id = passlock_tenancy_get_id(tenancy);

                if (is_tame(id))
                        offer_word(offer->prefix, passlock_tenancy_get_label(tenancy),
                                   (HelpText){id, strlen(id)});
        }
}

/* Of the host's first links. Passkeys are looked up here, too: the API is not asked. */
static void offer_linked(const Offer *offer, bool users)
{
        _cleanup_(passlock_link_list_unrefp) passlock_link_list *links = NULL;

        if (!service_is_ready(offer) ||
            passlock_links_list(offer->client, NULL, LINKS_MAX, &links) != 0)
                return;
        for (size_t i = 0; i < passlock_link_list_get_size(links); i++) {
                passlock_link *link = passlock_link_list_get(links, i);
                const char *user = passlock_link_get_user_id(link);

                if (users)
                        offer_word(offer->prefix, user, (HelpText){});
                else if (is_tame(user))
                        offer_word(offer->prefix, passlock_link_get_authenticator_id(link),
                                   (HelpText){user, strlen(user)});
        }
}

/* "required, preferred or discouraged" */
static void offer_listed(const Offer *offer, HelpText meaning)
{
        char list[128], *next = list, *word;

        snprintf(list, sizeof(list), "%.*s", (int) meaning.len, meaning.text);
        while ((word = strsep(&next, ", ")))
                if (*word && !streq(word, "or"))
                        offer_word(offer->prefix, word, (HelpText){});
}

static void offer_events(const Offer *offer)
{
        for (int e = 0; e < N_EVENTS; e++) {
                const char *text = event_text((Event) e);

                offer_word(offer->prefix, event_name((Event) e), (HelpText){text, strlen(text)});
        }
}

static bool is(HelpText kind, const char *name)
{
        return kind.len == strlen(name) && strncmp(kind.text, name, kind.len) == 0;
}

static void offer_kind(const Offer *offer, HelpText kind, HelpText meaning)
{
        if (is(kind, "FILE"))
                puts("files");
        else if (is(kind, "DIR"))
                puts("directories");
        else
                puts("words");
        if (is(kind, "LABEL"))
                offer_labels(offer);
        else if (is(kind, "USER_ID"))
                offer_linked(offer, true);
        else if (is(kind, "AUTHENTICATOR_ID") || is(kind, "PASSKEY_ID"))
                offer_linked(offer, false);
        else if (is(kind, "EVENT"))
                offer_events(offer);
        else if (is(kind, "HOW"))
                offer_listed(offer, meaning);
}

void offer_value(const Offer *offer, HelpLine help)
{
        offer_kind(offer, help.arguments, help.meaning);
}

void offer_argument(const Offer *offer, HelpLine help, size_t index)
{
        const char *p = help.arguments.text, *end = p + help.arguments.len;
        HelpText kind = {};

        /* [USER_ID], PASSKEY_ID... and [CODE|-] are words with something around them. */
        for (size_t i = 0; p < end; i++) {
                size_t len = strcspn(p, " \n");
                const char *name = p + strspn(p, "[");
                bool repeats = len > 3 && strncmp(p + len - 3, "...", 3) == 0;

                if (i == index || (repeats && i < index))
                        kind = (HelpText){name, strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_")};
                p += len + strspn(p + len, " ");
        }
        offer_kind(offer, kind, (HelpText){});
}
