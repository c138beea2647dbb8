/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "daemon/bus/bus.h"
#include "daemon/bus/interfaces/subscription.h"
#include "daemon/bus/objects.h"

static BusTenancy *bus_tenancy_free(BusTenancy *object)
{
        if (object->bus && object->bus->recent == object)
                object->bus->recent = NULL;
        subscriptions_free(object->subscriptions);
        tenancy_unref(object->tenancy);
        free(object->label);
        free(object->path);
        free(object->endpoint);
        free(object);
        return NULL;
}
DEFINE_CLEANUP(BusTenancy *, bus_tenancy_free);

static void on_state_changed(Tenancy *tenancy _unused_, void *userdata)
{
        BusTenancy *object = userdata;

        (void) sd_bus_emit_properties_changed(object->bus->bus, object->path,
                                              PASSLOCK_INTERFACE_TENANCY, "State", NULL);
}

static void on_link_added(Tenancy *tenancy _unused_, const Link *link, void *userdata)
{
        const BusTenancy *object = userdata;

        subscriptions_on_added(object->subscriptions, link);
}

static void on_link_removed(Tenancy *tenancy _unused_, const Link *link, void *userdata)
{
        const BusTenancy *object = userdata;

        subscriptions_on_removed(object->subscriptions, link);
}

/* Points the label to a tenancy. */
static int object_set_tenancy(BusTenancy *object, Tenancy *tenancy)
{
        const TenancyListener listener = {
                .state_changed = on_state_changed,
                .link_added = on_link_added,
                .link_removed = on_link_removed,
                .userdata = object,
        };
        char *endpoint = strdup(tenancy_endpoint(tenancy));

        if (!endpoint)
                return -ENOMEM;
        if (object->tenancy != tenancy) {
                /* Another label may point to the old tenancy by now. */
                if (object->tenancy && streq(tenancy_label(object->tenancy), object->label))
                        tenancy_set_listener(object->tenancy, NULL);
                tenancy_ref(tenancy);
                tenancy_unref(object->tenancy);
                object->tenancy = tenancy;
        }
        free(object->endpoint);
        object->endpoint = endpoint;
        tenancy_set_listener(tenancy, &listener);
        return 0;
}

static int object_update(BusTenancy *object, Tenancy *tenancy)
{
        bool same =
                object->tenancy == tenancy && streq(object->endpoint, tenancy_endpoint(tenancy));
        int r;

        r = object_set_tenancy(object, tenancy);
        if (r < 0 || same)
                return r;
        subscriptions_end_all(object->subscriptions);
        (void) sd_bus_emit_properties_changed(object->bus->bus, object->path,
                                              PASSLOCK_INTERFACE_TENANCY, "TenancyId", "Endpoint",
                                              "CaFile", "State", NULL);
        return 0;
}

static int object_add(Bus *bus, Tenancy *tenancy)
{
        _cleanup_(bus_tenancy_freep) BusTenancy *object = calloc(1, sizeof(BusTenancy));
        int r;

        if (!object)
                return -ENOMEM;
        object->bus = bus;
        object->label = strdup(tenancy_label(tenancy));
        if (!object->label ||
            asprintf(&object->path, PASSLOCK_TENANCY_PATH "/%s", object->label) < 0)
                return -ENOMEM;
        r = subscriptions_new(object, &object->subscriptions);
        if (r == 0)
                r = object_set_tenancy(object, tenancy);
        if (r < 0)
                return r;
        LIST_INSERT_HEAD(&bus->tenancies, object, entry);
        (void) sd_bus_emit_object_added(bus->bus, TAKE_PTR(object)->path);
        return 0;
}

static bool has_label(Tenancy *const *tenancies, size_t n_tenancies, const char *label)
{
        for (size_t i = 0; i < n_tenancies; i++)
                if (streq(tenancy_label(tenancies[i]), label))
                        return true;
        return false;
}

static void remove_objects(Bus *bus, Tenancy *const *tenancies, size_t n_tenancies)
{
        for (BusTenancy *object = LIST_FIRST(&bus->tenancies), *next; object; object = next) {
                next = LIST_NEXT(object, entry);
                if (has_label(tenancies, n_tenancies, object->label))
                        continue;
                subscriptions_end_all(object->subscriptions);
                /* Must come before the removal: the signal lists the object's interfaces. */
                (void) sd_bus_emit_object_removed(bus->bus, object->path);
                if (streq(tenancy_label(object->tenancy), object->label))
                        tenancy_set_listener(object->tenancy, NULL);
                LIST_REMOVE(object, entry);
                bus_tenancy_free(object);
        }
}

int bus_show_tenancies(Bus *bus, Tenancy *const *tenancies, size_t n_tenancies)
{
        int r = 0;

        remove_objects(bus, tenancies, n_tenancies);
        for (size_t i = 0; r == 0 && i < n_tenancies; i++) {
                BusTenancy *object = bus_find_tenancy(bus, tenancy_label(tenancies[i]));

                r = object ? object_update(object, tenancies[i]) : object_add(bus, tenancies[i]);
        }
        return r;
}

void objects_free(Bus *bus)
{
        BusTenancy *object;

        while ((object = LIST_FIRST(&bus->tenancies))) {
                LIST_REMOVE(object, entry);
                tenancy_set_listener(object->tenancy, NULL);
                bus_tenancy_free(object);
        }
}
