/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/clock.h"
#include "client/passlockctl/doctor/doctor.h"
#include "client/passlockctl/doctor/service.h"
#include "client/passlockctl/host/system-bus.h"
#include "client/passlockctl/host/systemd-unit.h"
#include "client/passlockctl/terminal/report.h"

#define TIMEOUT_MS_DEFAULT 30000U
#define LOOK_PAUSE_MS      100U
/* Within this time systemd begins or refuses to start the unit. */
#define BEGIN_MS 2000U

static uint32_t timeout_ms(const Invocation *invocation)
{
        return invocation->timeout_ms ?: TIMEOUT_MS_DEFAULT;
}

static ServiceStart wait_for_service(SystemBus *bus, uint32_t limit_ms)
{
        uint64_t begin_us = monotonic_us(), last_failure_us = 0;

        for (;;) {
                Activation activation = system_bus_wait_for_activation(bus, LOOK_PAUSE_MS);
                uint64_t waited_ms = (monotonic_us() - begin_us) / 1000;

                if (activation == ACTIVATION_DONE)
                        return SERVICE_RUNS;
                if (activation == ACTIVATION_REFUSED)
                        return SERVICE_UNKNOWN;
                switch (systemd_unit_get_progress(begin_us, &last_failure_us)) {
                case UNIT_FAILED:
                        return SERVICE_FAILS;
                case UNIT_FAILED_BEFORE:
                        if (waited_ms > BEGIN_MS)
                                return SERVICE_FAILS;
                        break;
                case UNIT_STARTS:
                        break;
                }
                if (activation == ACTIVATION_LATE || waited_ms > limit_ms)
                        return SERVICE_LATE;
        }
}

static void on_version(passlock *client _unused_, int r _unused_, const char *error _unused_,
                       const char *version _unused_, void *userdata _unused_)
{
}

/* Lets the library connect meanwhile, without a call: this one is cancelled before it is sent. */
static void begin_to_connect(passlock *client)
{
        passlock_call *call;

        if (passlock_get_version_async(client, on_version, NULL, &call) == 0)
                passlock_call_cancel(call);
}

static void dispatch(void *userdata)
{
        (void) passlock_dispatch(userdata);
}

static SystemBus *connect_both(const Invocation *invocation, unsigned limit_ms)
{
        SystemBusPeer peer = {.dispatch = dispatch, .userdata = invocation->client};

        begin_to_connect(invocation->client);
        peer.fd = passlock_get_fd(invocation->client);
        return system_bus_new_beside(limit_ms, &peer);
}

ServiceStart service_start(const Invocation *invocation)
{
        uint32_t limit_ms = timeout_ms(invocation);
        _cleanup_(system_bus_freep) SystemBus *bus = connect_both(
                invocation, limit_ms < SYSTEM_BUS_TIMEOUT_MS ? limit_ms : SYSTEM_BUS_TIMEOUT_MS);

        if (!bus || system_bus_has_service(bus))
                return bus ? SERVICE_RUNS : SERVICE_UNKNOWN;
        if (systemd_unit_is_masked(UNIT))
                return SERVICE_FAILS;
        if (system_bus_activate(bus) < 0)
                return SERVICE_UNKNOWN;
        return wait_for_service(bus, limit_ms);
}

/* Reports the unit's faults. Returns whether there are any. */
static bool report_faults(void)
{
        _cleanup_(check_report_freep) CheckReport *checks =
                check_report_new(CHECK_REPORT_FAULTS_ONLY);

        if (!checks)
                return false;
        (void) doctor_check_unit(checks);
        return check_report_n_faults(checks) > 0;
}

int service_report(const Invocation *invocation, ServiceStart start)
{
        if (start == SERVICE_LATE)
                report(UNIT " did not start within %u s; see journalctl -u passlockd",
                       timeout_ms(invocation) / 1000);
        else if (!report_faults())
                report(UNIT " failed to start; see journalctl -u passlockd");
        return EXIT_OURS;
}

int service_require(const Invocation *invocation)
{
        ServiceStart start = service_start(invocation);

        if (start == SERVICE_RUNS || start == SERVICE_UNKNOWN)
                return 0;
        return service_report(invocation, start);
}

void service_report_absence(void)
{
        _cleanup_(system_bus_freep) SystemBus *bus = system_bus_new(SYSTEM_BUS_TIMEOUT_MS);

        if (bus && !system_bus_has_service(bus))
                (void) report_faults();
}
