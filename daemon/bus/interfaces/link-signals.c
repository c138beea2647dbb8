/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/log.h"
#include "daemon/bus/interfaces/interfaces.h"

/* A signal to be sent. */
typedef struct Emission {
        BusTenancy *object;
        const char *member;
        const Link *link;
} Emission;

static int emit_to(const Emission *emission, const char *unique_name)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        sd_bus *sd = emission->object->bus->bus;
        int r;

        r = sd_bus_message_new_signal(sd, &m, emission->object->path, PASSLOCK_INTERFACE_LINKS,
                                      emission->member);
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", emission->link->user_id,
                                          emission->link->authenticator_id);
        if (r >= 0)
                r = sd_bus_message_set_destination(m, unique_name);
        return r < 0 ? r : sd_bus_send(sd, m, NULL);
}

static void emit_if_allowed(const Peer *peer, void *userdata)
{
        const Emission *emission = userdata;
        const char *label = emission->object->label;
        int r;

        if (!grants_allow(&emission->object->bus->grants, peer_caller(peer), label,
                          RIGHT_LINKS_READ, NULL) &&
            !peer_may_read(peer, label))
                return;
        r = emit_to(emission, peer_unique_name(peer));
        if (r < 0)
                log_warning("Failed to send a link signal to %s: %s", peer_unique_name(peer),
                            strerror(-r));
}

void links_emit(BusTenancy *object, const char *member, const Link *link)
{
        Emission emission = {.object = object, .member = member, .link = link};

        peers_foreach(object->bus->peers, emit_if_allowed, &emission);
}
