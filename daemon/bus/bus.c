/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/strv.h"
#include "daemon/bus/bus-internal.h"
#include "daemon/bus/request.h"
#include "dbus/names.h"

#define SYSTEM_BUS_ADDRESS "unix:path=/run/dbus/system_bus_socket"

/* What is still to be sent at the end gets this long. */
#define FLUSH_TIMEOUT_MS 2000U

static BusTenancy *bus_tenancy_free(BusTenancy *object)
{
        tenancy_unref(object->tenancy);
        free(object->label);
        free(object->path);
        free(object->endpoint);
        free(object);
        return NULL;
}
DEFINE_CLEANUP(BusTenancy *, bus_tenancy_free);

BusTenancy *bus_find_tenancy(Bus *bus, const char *label)
{
        for (BusTenancy *t = bus->tenancies; t; t = t->next)
                if (streq(t->label, label))
                        return t;
        return NULL;
}

/* Which tenancy an object path is. */
static int find_object(sd_bus *sd _unused_, const char *path, const char *interface _unused_,
                       void *userdata, void **ret_found, sd_bus_error *error _unused_)
{
        Bus *bus = userdata;

        for (BusTenancy *t = bus->tenancies; t; t = t->next)
                if (streq(t->path, path)) {
                        *ret_found = t;
                        return 1;
                }
        return 0;
}

static int enumerate_objects(sd_bus *sd _unused_, const char *prefix _unused_, void *userdata,
                             char ***ret_nodes, sd_bus_error *error _unused_)
{
        _cleanup_(strv_freep) char **paths = NULL;
        Bus *bus = userdata;

        for (BusTenancy *t = bus->tenancies; t; t = t->next)
                if (strv_push(&paths, t->path) < 0)
                        return -ENOMEM;
        *ret_nodes = TAKE_PTR(paths);
        return 0;
}

/* What is done for a caller alone is called off when it goes. */
static void on_caller_gone(const char *unique_name, void *userdata)
{
        Bus *bus = userdata;

        for (Request *request = bus->requests, *next; request; request = next) {
                next = request->next;
                if (request_is_cancellable(request) &&
                    streq(sd_bus_message_get_sender(request->message), unique_name))
                        request_free(request);
        }
}

/* There is nobody left to answer; what is carried through all the same goes on. */
static int on_disconnected(sd_bus_message *m _unused_, void *userdata, sd_bus_error *error _unused_)
{
        Bus *bus = userdata;

        bus->releasing = false;
        for (Request *request = bus->requests, *next; request; request = next) {
                next = request->next;
                if (request_is_cancellable(request))
                        request_free(request);
        }
        bus->owner.disconnected(bus->owner.userdata);
        return 0;
}

static sd_bus_slot **new_slot(Bus *bus)
{
        return &bus->slots[bus->n_slots++];
}

static int add_objects(Bus *bus)
{
        static const struct {
                const char *interface;
                const sd_bus_vtable *vtable;
        } of_tenancies[] = {
                {PASSLOCK_INTERFACE_TENANCY, tenancy_vtable},
                {PASSLOCK_INTERFACE_LINKS, links_vtable},
                {PASSLOCK_INTERFACE_VAULT, vault_vtable},
                {PASSLOCK_INTERFACE_MAILBOX, mailbox_vtable},
        };
        sd_bus *sd = bus->bus;
        int r;

        r = sd_bus_add_object_vtable(sd, new_slot(bus), PASSLOCK_OBJECT_PATH,
                                     PASSLOCK_INTERFACE_MANAGER, manager_vtable, bus);
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(of_tenancies); i++)
                r = sd_bus_add_fallback_vtable(sd, new_slot(bus), PASSLOCK_TENANCY_PATH,
                                               of_tenancies[i].interface, of_tenancies[i].vtable,
                                               find_object, bus);
        if (r >= 0)
                r = sd_bus_add_node_enumerator(sd, new_slot(bus), PASSLOCK_OBJECT_PATH,
                                               enumerate_objects, bus);
        return r < 0 ? r : sd_bus_add_object_manager(sd, new_slot(bus), PASSLOCK_OBJECT_PATH);
}

/*
 * The system bus; by hand, since the ready-made way takes file descriptors. No method here has any,
 * and who may not call at all could use up ours with those that wait beside his messages.
 */
static int open_connection(sd_bus **ret)
{
        _cleanup_(sd_bus_unrefp) sd_bus *sd = NULL;
        const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
        int r;

        r = sd_bus_new(&sd);
        if (r >= 0)
                r = sd_bus_set_description(sd, "passlockd");
        if (r >= 0)
                r = sd_bus_set_address(sd, isempty(address) ? SYSTEM_BUS_ADDRESS : address);
        if (r >= 0)
                r = sd_bus_set_bus_client(sd, true);
        if (r >= 0)
                r = sd_bus_negotiate_fds(sd, false);
        if (r >= 0)
                r = sd_bus_start(sd);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(sd);
        return 0;
}

static int connect_bus(Bus *bus, sd_event *event)
{
        int r;

        r = open_connection(&bus->bus);
        if (r < 0)
                return r;
        r = identities_new(bus->bus, on_caller_gone, bus, &bus->identities);
        if (r < 0)
                return r;
        r = polkit_new(bus->bus, &bus->polkit);
        if (r < 0)
                return r;
        r = sd_bus_match_signal(bus->bus, new_slot(bus), "org.freedesktop.DBus.Local",
                                "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                "Disconnected", on_disconnected, bus);
        if (r < 0)
                return r;
        r = add_objects(bus);
        if (r < 0)
                return r;
        return sd_bus_attach_event(bus->bus, event, SD_EVENT_PRIORITY_NORMAL);
}

int bus_new(sd_event *event, const BusOwner *owner, Bus **ret)
{
        _cleanup_(bus_freep) Bus *bus = calloc(1, sizeof(Bus));
        int r;

        if (!bus)
                return -ENOMEM;
        bus->max_pending_per_user = 1;
        r = connect_bus(bus, event);
        if (r < 0)
                return r;

        /* Only what works is told of what happens. */
        bus->owner = *owner;
        *ret = TAKE_PTR(bus);
        return 0;
}

/* Like sd_bus_flush(), which has no end if the bus does not read. */
static void flush(sd_bus *sd)
{
        uint64_t deadline_ms = monotonic_ms() + FLUSH_TIMEOUT_MS;

        while (sd && monotonic_ms() < deadline_ms) {
                int events = sd_bus_get_events(sd), r;

                /* An error if it is closed, which it is after the event loop's end. */
                if (events < 0 || !(events & POLLOUT))
                        return;
                r = sd_bus_process(sd, NULL);
                if (r < 0 || (r == 0 && sd_bus_wait(sd, 100 * 1000) < 0))
                        return;
        }
}

Bus *bus_free(Bus *bus)
{
        if (!bus)
                return NULL;
        bus->owner = (BusOwner){};
        while (bus->requests)
                request_free(bus->requests);
        while (bus->tenancies) {
                BusTenancy *object = bus->tenancies;

                bus->tenancies = object->next;
                tenancy_set_listener(object->tenancy, NULL);
                bus_tenancy_free(object);
        }
        identities_free(bus->identities);
        polkit_free(bus->polkit);
        for (size_t i = 0; i < bus->n_slots; i++)
                sd_bus_slot_unref(bus->slots[i]);
        flush(bus->bus);
        sd_bus_close_unref(bus->bus);
        grant_list_clear(&bus->grants);
        free(bus->default_tenancy);
        free(bus);
        return NULL;
}

int bus_acquire_name(Bus *bus)
{
        return sd_bus_request_name(bus->bus, PASSLOCK_BUS_NAME, 0);
}

/* What was on its way to us by the name has come before this answer has. */
static int on_name_released(sd_bus_message *m _unused_, void *userdata,
                            sd_bus_error *error _unused_)
{
        Bus *bus = userdata;

        bus->releasing = false;
        return 0;
}

int bus_release_name(Bus *bus)
{
        int r;

        bus->stopping = true;
        question_deny_all(bus);
        request_cancel_long(bus);
        r = sd_bus_release_name_async(bus->bus, NULL, PASSLOCK_BUS_NAME, on_name_released, bus);
        bus->releasing = r >= 0;
        return r;
}

bool bus_is_idle(Bus *bus)
{
        return !bus->requests && !bus->releasing;
}

size_t bus_count_calls(const Bus *bus)
{
        size_t n = 0;

        for (const Request *request = bus->requests; request; request = request->next)
                n++;
        return n;
}

int bus_configure(Bus *bus, const char *default_tenancy, unsigned max_pending_per_user,
                  GrantList *grants)
{
        char *copy = strdup(default_tenancy);

        if (!copy)
                return -ENOMEM;
        free(bus->default_tenancy);
        bus->default_tenancy = copy;
        bus->max_pending_per_user = max_pending_per_user;
        grant_list_clear(&bus->grants);
        bus->grants = *grants;
        *grants = (GrantList){};
        return 0;
}

GrantList *bus_grants(Bus *bus)
{
        return &bus->grants;
}

static void on_state_changed(Tenancy *tenancy _unused_, void *userdata)
{
        BusTenancy *object = userdata;

        (void) sd_bus_emit_properties_changed(object->bus->bus, object->path,
                                              PASSLOCK_INTERFACE_TENANCY, "State", NULL);
}

static void on_link_added(Tenancy *tenancy _unused_, const Link *link, void *userdata)
{
        links_emit(userdata, "Added", link);
}

static void on_link_removed(Tenancy *tenancy _unused_, const Link *link, void *userdata)
{
        links_emit(userdata, "Removed", link);
}

static void object_listen(BusTenancy *object)
{
        tenancy_set_listener(object->tenancy, &(TenancyListener){
                                                      .state_changed = on_state_changed,
                                                      .link_added = on_link_added,
                                                      .link_removed = on_link_removed,
                                                      .userdata = object,
                                              });
}

/* The label stands for this tenancy from now on. */
static int object_set_tenancy(BusTenancy *object, Tenancy *tenancy)
{
        char *endpoint = strdup(tenancy_endpoint(tenancy));

        if (!endpoint)
                return -ENOMEM;
        if (object->tenancy != tenancy) {
                /* Another label may have it by now. */
                if (object->tenancy && streq(tenancy_label(object->tenancy), object->label))
                        tenancy_set_listener(object->tenancy, NULL);
                tenancy_ref(tenancy);
                tenancy_unref(object->tenancy);
                object->tenancy = tenancy;
        }
        free(object->endpoint);
        object->endpoint = endpoint;
        object_listen(object);
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
        identities_forget_readable(object->bus->identities, object->label);
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
        r = object_set_tenancy(object, tenancy);
        if (r < 0)
                return r;
        object->next = bus->tenancies;
        bus->tenancies = TAKE_PTR(object);
        (void) sd_bus_emit_object_added(bus->bus, bus->tenancies->path);
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
        for (BusTenancy **t = &bus->tenancies; *t;) {
                _cleanup_(bus_tenancy_freep) BusTenancy *object = NULL;

                if (has_label(tenancies, n_tenancies, (*t)->label)) {
                        t = &(*t)->next;
                        continue;
                }
                object = *t;
                identities_forget_readable(bus->identities, object->label);
                /* While it is still there: the signal names its interfaces. */
                (void) sd_bus_emit_object_removed(bus->bus, object->path);
                *t = object->next;
                if (streq(tenancy_label(object->tenancy), object->label))
                        tenancy_set_listener(object->tenancy, NULL);
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
