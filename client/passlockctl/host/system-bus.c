/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>
#include <systemd/sd-bus.h>

#include "base/clock.h"
#include "client/passlockctl/host/system-bus.h"
#include "dbus/names.h"

#define DRIVER          "org.freedesktop.DBus"
#define DRIVER_PATH     "/org/freedesktop/DBus"
#define CALL_TIMEOUT_US (SYSTEM_BUS_TIMEOUT_MS * UINT64_C(1000))
/* Longer than the bus's own activation timeout. */
#define ACTIVATION_TIMEOUT_US (600U * UINT64_C(1000000))

struct SystemBus {
        sd_bus *bus;
        sd_bus_slot *query, *call;
        bool answered, has_service;
        Activation activation;
};

static int on_has_owner(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        SystemBus *bus = userdata;
        int has_owner;

        bus->answered = true;
        bus->has_service = sd_bus_message_is_method_error(m, NULL) <= 0 &&
                           sd_bus_message_read(m, "b", &has_owner) > 0 && has_owner;
        return 0;
}

/* The query is sent right after Hello, without waiting for its reply. */
static int connect_and_query(SystemBus *bus)
{
        int r;

        r = sd_bus_open_system_with_description(&bus->bus, "passlockctl");
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(bus->bus, CALL_TIMEOUT_US);
        if (r >= 0)
                r = sd_bus_call_method_async(bus->bus, &bus->query, DRIVER, DRIVER_PATH, DRIVER,
                                             "NameHasOwner", on_has_owner, bus, "s",
                                             PASSLOCK_BUS_NAME);
        return r;
}

/* Waits for input on either connection. */
static int wait_for_both(sd_bus *bus, const SystemBusPeer *peer, uint64_t timeout_ms)
{
        struct pollfd fds[] = {{.fd = sd_bus_get_fd(bus), .events = (short) sd_bus_get_events(bus)},
                               {.fd = peer ? peer->fd : -1, .events = POLLIN}};
        uint64_t due_us = 0, now_us = monotonic_us();

        if (sd_bus_get_timeout(bus, &due_us) > 0 && due_us < now_us + timeout_ms * 1000)
                timeout_ms = due_us > now_us ? (due_us - now_us + 999) / 1000 : 0;
        if (poll(fds, ARRAY_SIZE(fds), (int) timeout_ms) < 0)
                return -errno;
        if (fds[1].revents)
                peer->dispatch(peer->userdata);
        return 0;
}

/* sd-bus waits up to 90 seconds for an unresponsive bus. */
static bool wait_for_answer(SystemBus *bus, unsigned timeout_ms, const SystemBusPeer *peer)
{
        uint64_t end_ms = monotonic_ms() + timeout_ms;

        while (!bus->answered) {
                uint64_t now_ms = monotonic_ms();
                int r;

                r = sd_bus_process(bus->bus, NULL);
                if (bus->answered)
                        break;
                if (r == 0 && now_ms < end_ms)
                        r = wait_for_both(bus->bus, peer, end_ms - now_ms);
                if (now_ms >= end_ms || (r < 0 && r != -EINTR))
                        return sd_bus_is_ready(bus->bus) > 0;
        }
        return sd_bus_is_ready(bus->bus) > 0;
}

SystemBus *system_bus_new_beside(unsigned timeout_ms, const SystemBusPeer *peer)
{
        _cleanup_(system_bus_freep) SystemBus *bus = calloc(1, sizeof(SystemBus));

        if (!bus || connect_and_query(bus) < 0 || !wait_for_answer(bus, timeout_ms, peer))
                return NULL;
        return TAKE_PTR(bus);
}

SystemBus *system_bus_new(unsigned timeout_ms)
{
        return system_bus_new_beside(timeout_ms, NULL);
}

SystemBus *system_bus_free(SystemBus *bus)
{
        if (!bus)
                return NULL;
        sd_bus_slot_unref(bus->query);
        sd_bus_slot_unref(bus->call);
        sd_bus_close_unref(bus->bus);
        free(bus);
        return NULL;
}

bool system_bus_has_service(const SystemBus *bus)
{
        return bus->has_service;
}

pid_t system_bus_service_process(SystemBus *bus)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        uint32_t pid;

        if (sd_bus_call_method(bus->bus, DRIVER, DRIVER_PATH, DRIVER, "GetConnectionUnixProcessID",
                               NULL, &reply, "s", PASSLOCK_BUS_NAME) < 0 ||
            sd_bus_message_read(reply, "u", &pid) <= 0)
                return 0;
        return (pid_t) pid;
}

static int on_activated(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        SystemBus *bus = userdata;

        if (sd_bus_message_is_method_error(m, NULL) <= 0)
                bus->activation = ACTIVATION_DONE;
        else if (sd_bus_message_is_method_error(m, "org.freedesktop.DBus.Error.TimedOut") > 0 ||
                 sd_bus_message_is_method_error(m, SD_BUS_ERROR_NO_REPLY) > 0)
                bus->activation = ACTIVATION_LATE;
        else
                bus->activation = ACTIVATION_REFUSED;
        return 0;
}

int system_bus_activate(SystemBus *bus)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus->bus, &m, DRIVER, DRIVER_PATH, DRIVER,
                                           "StartServiceByName");
        if (r >= 0)
                r = sd_bus_message_append(m, "su", PASSLOCK_BUS_NAME, 0U);
        if (r >= 0)
                r = sd_bus_call_async(bus->bus, &bus->call, m, on_activated, bus,
                                      ACTIVATION_TIMEOUT_US);
        return r < 0 ? r : 0;
}

Activation system_bus_wait_for_activation(SystemBus *bus, unsigned timeout_ms)
{
        uint64_t end_ms = monotonic_ms() + timeout_ms;

        while (bus->activation == ACTIVATION_PENDING) {
                uint64_t now_ms = monotonic_ms();
                int r;

                r = sd_bus_process(bus->bus, NULL);
                if (r == 0 && now_ms >= end_ms)
                        break;
                if (r == 0)
                        r = sd_bus_wait(bus->bus, (end_ms - now_ms) * 1000);
                if (r < 0 && r != -EINTR)
                        return ACTIVATION_REFUSED;
        }
        return bus->activation;
}
