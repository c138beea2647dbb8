/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/strv.h"
#include "daemon/audit/audit.h"
#include "daemon/bus/bus.h"
#include "daemon/bus/dispatch/admission.h"
#include "daemon/bus/dispatch/authorization.h"
#include "daemon/bus/dispatch/dispatch.h"
#include "daemon/bus/interfaces/interfaces.h"
#include "daemon/bus/interfaces/subscription.h"
#include "daemon/bus/objects.h"
#include "daemon/bus/ping.h"
#include "daemon/metrics/call-counts.h"
#include "dbus/names.h"

#define SYSTEM_BUS_ADDRESS "unix:path=/run/dbus/system_bus_socket"

/* RequestName's reply: the connection owns the name. */
#define REPLY_PRIMARY_OWNER 1U

/* How long queued messages may take to be sent at exit. */
#define FLUSH_TIMEOUT_MS 2000U

/* Finds the tenancy of an object path. */
static int find_object(sd_bus *sd _unused_, const char *path, const char *interface _unused_,
                       void *userdata, void **ret_found, sd_bus_error *error _unused_)
{
        BusTenancy *t = bus_find_path(userdata, path);

        if (!t)
                return 0;
        *ret_found = t;
        return 1;
}

static int enumerate_objects(sd_bus *sd _unused_, const char *prefix _unused_, void *userdata,
                             char ***ret_nodes, sd_bus_error *error _unused_)
{
        _cleanup_(strv_freep) char **paths = NULL;
        const Bus *bus = userdata;
        const BusTenancy *t;

        LIST_FOREACH(t, &bus->tenancies, entry)
                if (strv_push(&paths, t->path) < 0)
                        return -ENOMEM;
        *ret_nodes = TAKE_PTR(paths);
        return 0;
}

/* Rights of methods that change something: those are carried through once they have arrived, also
 * for a caller that sends and leaves. */
#define RIGHTS_CHANGING (RIGHT_EXCHANGE | RIGHT_LINKS_WRITE | RIGHT_VAULT_WRITE | RIGHT_MAILBOX)

static bool is_cancellable(const Request *request)
{
        return request->call ||
               (request->turn.queue && !(request->method->rights & RIGHTS_CHANGING));
}

/* Cancels the requests of a caller, or all (NULL), except those that are carried through. */
static void cancel_requests(Bus *bus, const char *unique_name)
{
        for (Request *request = LIST_FIRST(&bus->requests), *next; request; request = next) {
                next = LIST_NEXT(request, entry);
                if (is_cancellable(request) &&
                    (!unique_name ||
                     streq(sd_bus_message_get_sender(request->message), unique_name)))
                        request_free(request);
        }
}

static void on_caller_gone(const char *unique_name, void *userdata)
{
        const Bus *bus = userdata;
        BusTenancy *t;

        cancel_requests(userdata, unique_name);
        LIST_FOREACH(t, &bus->tenancies, entry)
                subscriptions_remove(t->subscriptions, unique_name);
}

static int on_disconnected(sd_bus_message *m _unused_, void *userdata, sd_bus_error *error _unused_)
{
        Bus *bus = userdata;

        bus->releasing = false;
        bus->stopping = true;
        turns_end_back_pressure(bus->turns);
        cancel_requests(bus, NULL);
        if (bus->owner.disconnected)
                bus->owner.disconnected(bus->owner.userdata);
        return 0;
}

static sd_bus_slot **new_slot(Bus *bus)
{
        return &bus->slots[bus->n_slots++];
}

static const BusInterface interfaces[] = {
        {PASSLOCK_INTERFACE_MANAGER, manager_vtable, manager_methods, false},
        {PASSLOCK_INTERFACE_TENANCY, tenancy_vtable, tenancy_methods, true},
        {PASSLOCK_INTERFACE_LINKS, links_vtable, links_methods, true},
        {PASSLOCK_INTERFACE_VAULT, vault_vtable, vault_methods, true},
        {PASSLOCK_INTERFACE_MAILBOX, mailbox_vtable, mailbox_methods, true},
        {},
};

static int add_objects(Bus *bus)
{
        sd_bus *sd = bus->bus;
        int r = 0;

        for (const BusInterface *i = interfaces; r >= 0 && i->name; i++)
                r = i->of_tenancies
                            ? sd_bus_add_fallback_vtable(sd, new_slot(bus), PASSLOCK_TENANCY_PATH,
                                                         i->name, i->vtable, find_object, bus)
                            : sd_bus_add_object_vtable(sd, new_slot(bus), PASSLOCK_OBJECT_PATH,
                                                       i->name, i->vtable, bus);
        if (r >= 0)
                r = sd_bus_add_node_enumerator(sd, new_slot(bus), PASSLOCK_OBJECT_PATH,
                                               enumerate_objects, bus);
        return r < 0 ? r : sd_bus_add_object_manager(sd, new_slot(bus), PASSLOCK_OBJECT_PATH);
}

/*
 * Opens the system bus without file descriptor passing, which sd_bus_open_system() negotiates: no
 * method takes descriptors, and unauthorized callers could exhaust the daemon's by queued messages.
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

static bool on_turn(Turn *turn, void *userdata _unused_)
{
        return dispatch_request(container_of(turn, Request, turn));
}

static int connect_bus(Bus *bus, sd_event *event)
{
        int r;

        r = open_connection(&bus->bus);
        if (r < 0)
                return r;
        r = peers_new(bus->bus, on_caller_gone, bus, &bus->peers);
        if (r < 0)
                return r;
        r = polkit_new(bus->bus, &bus->polkit);
        if (r < 0)
                return r;
        r = turns_new(event, bus->bus, on_turn, bus, &bus->turns);
        if (r < 0)
                return r;
        r = sd_bus_add_filter(bus->bus, new_slot(bus), admission_filter, bus);
        if (r < 0)
                return r;
        r = ping_new(bus->bus, &bus->ping);
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
        bus->grants_generation = 1;
        bus->interfaces = interfaces;
        r = connect_bus(bus, event);
        if (r < 0)
                return r;

        /* Set the callbacks last: they must not run for a connection that failed to open. */
        bus->owner = *owner;
        *ret = TAKE_PTR(bus);
        return 0;
}

/* Like sd_bus_flush(), but with a timeout if the bus does not read. */
static void flush(sd_bus *sd)
{
        uint64_t deadline_ms = monotonic_ms() + FLUSH_TIMEOUT_MS;

        /* The connection may be closed once the event loop has ended. */
        while (sd && sd_bus_is_ready(sd) > 0 && monotonic_ms() < deadline_ms) {
                int events = sd_bus_get_events(sd), r;

                if (events < 0 || !(events & POLLOUT))
                        return;
                r = sd_bus_process(sd, NULL);
                if (r < 0 || (r == 0 && sd_bus_wait(sd, 100 * 1000) < 0))
                        return;
        }
}

/* Frees all but what requests need that have been started. */
static void free_dispatch(Bus *bus)
{
        objects_free(bus);
        bus->polkit = polkit_free(bus->polkit);
        bus->turns = turns_free(bus->turns);
        bus->ping = ping_free(bus->ping);
        while (bus->n_slots > 0)
                sd_bus_slot_unref(bus->slots[--bus->n_slots]);
}

Bus *bus_free(Bus *bus)
{
        if (!bus)
                return NULL;
        bus->owner = (BusOwner){};
        while (!LIST_EMPTY(&bus->requests))
                request_free(LIST_FIRST(&bus->requests));
        free_dispatch(bus);
        peers_free(bus->peers);
        bus_free(bus->replaced);
        flush(bus->bus);
        sd_bus_close_unref(bus->bus);
        grant_list_clear(&bus->grants);
        free(bus->default_tenancy);
        free(bus);
        return NULL;
}

/* Replaceable: the bus may not notice the end of a connection that it does not read. */
int bus_acquire_name(Bus *bus)
{
        return sd_bus_request_name(bus->bus, PASSLOCK_BUS_NAME, SD_BUS_NAME_ALLOW_REPLACEMENT);
}

static int on_name_replaced(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        const sd_bus_error *failure = sd_bus_message_get_error(m);
        uint32_t answer = 0;

        if (!failure)
                (void) sd_bus_message_read(m, "u", &answer);
        if (answer != REPLY_PRIMARY_OWNER) {
                log_error("Failed to acquire the bus name %s on a new connection: %s",
                          PASSLOCK_BUS_NAME, failure ? failure->name : "another process owns it");
                return on_disconnected(m, userdata, NULL);
        }
        audit(EVENT_BUS_REPLACED);
        return 0;
}

static int replace_name(Bus *bus)
{
        return sd_bus_request_name_async(bus->bus, NULL, PASSLOCK_BUS_NAME,
                                         SD_BUS_NAME_ALLOW_REPLACEMENT |
                                                 SD_BUS_NAME_REPLACE_EXISTING,
                                         on_name_replaced, bus);
}

/* Closes the connection, and cancels all requests but those whose change is being made. */
static void retire(Bus *bus)
{
        bus->owner = (BusOwner){};
        sd_bus_close(bus->bus);
        for (Request *request = LIST_FIRST(&bus->requests), *next; request; request = next) {
                next = LIST_NEXT(request, entry);
                if (request->call || request->turn.queue || !request->peer)
                        request_free(request);
        }
        free_dispatch(bus);
}

/* dbus-daemon does not notice the end of a connection that it does not read, until it writes to it:
 * then callers that wait get NoReply. */
static void write_to_closed(sd_bus *sd, const char *unique_name)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_signal(sd, &m, PASSLOCK_OBJECT_PATH, PASSLOCK_INTERFACE_MANAGER,
                                      "Replaced");
        if (r >= 0)
                r = sd_bus_message_set_destination(m, unique_name);
        if (r >= 0)
                r = sd_bus_send(sd, m, NULL);
        if (r < 0)
                log_warning("Failed to write to the closed connection %s: %s", unique_name,
                            strerror(-r));
}

int bus_replace(Bus *bus, Bus *old)
{
        _cleanup_(freep) char *old_name = NULL;
        const char *name;
        BusTenancy *t;
        int r;

        if (sd_bus_get_unique_name(old->bus, &name) >= 0)
                old_name = strdup(name);

        bus->owner = old->owner;
        bus->default_tenancy = TAKE_PTR(old->default_tenancy);
        bus->max_pending_per_user = old->max_pending_per_user;
        bus->grants = TAKE(old->grants, (GrantList){});
        /* The peers of the old connection have references to grants. */
        old->grants_generation++;
        /* Before the signals, which count only from the owner of the name. */
        r = replace_name(bus);
        LIST_FOREACH(t, &old->tenancies, entry)
                subscriptions_move_and_end_all(t->subscriptions, bus->bus);
        retire(old);
        bus->replaced = old;
        if (old_name)
                write_to_closed(bus->bus, old_name);
        return r;
}

bool bus_is_connected(Bus *bus)
{
        return sd_bus_is_ready(bus->bus) > 0;
}

bool bus_is_closed(Bus *bus)
{
        return sd_bus_is_open(bus->bus) <= 0;
}

void bus_ping(Bus *bus)
{
        if (bus->replaced && bus_is_idle(bus->replaced))
                bus->replaced = bus_free(bus->replaced);
        ping_send(bus->ping);
}

bool bus_is_answered(const Bus *bus)
{
        return ping_is_answered(bus->ping);
}

bool bus_has_progress(Bus *bus)
{
        return ping_has_progress(bus->ping);
}

bool bus_is_stopping(const Bus *bus)
{
        return bus->stopping;
}

/* The bus delivers all calls to the name before this reply. */
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
        turns_end_back_pressure(bus->turns);
        authorization_deny_all(bus);
        dispatch_cancel_long(bus);
        r = sd_bus_release_name_async(bus->bus, NULL, PASSLOCK_BUS_NAME, on_name_released, bus);
        bus->releasing = r >= 0;
        return r;
}

bool bus_is_idle(Bus *bus)
{
        return LIST_EMPTY(&bus->requests) && !bus->releasing &&
               (!bus->replaced || bus_is_idle(bus->replaced));
}

size_t bus_count_calls(const Bus *bus)
{
        const Request *request;
        size_t n = 0;

        LIST_FOREACH(request, &bus->requests, entry)
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
        bus->grants_generation++;
        *grants = (GrantList){};
        for (size_t i = 0; i < bus->grants.n_grants; i++) {
                Grant *grant = bus->grants.grants[i];

                grant->source = call_counts_source_of_grant(grant->name);
        }
        return 0;
}

GrantList *bus_grants(Bus *bus)
{
        /* The caller may resolve names of users and groups. */
        bus->grants_generation++;
        return &bus->grants;
}
