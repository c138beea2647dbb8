/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Probes the API while the tenancy is degraded, so that its state and its circuit breaker recover
 * without a caller. */

#include <errno.h>

#include "base/clock.h"
#include "base/jitter.h"
#include "base/log.h"
#include "daemon/core/api-watch.h"

/* Most probes are quick, so that a dead connection or network is given up soon. A server that is
 * slow would never pass one, so a patient probe runs beside them. */
#define QUICK_MS 1000U

/* Pauses before a probe, with jitter: half to one and a half of it. */
#define QUICK_PAUSE_MS   500U
#define PATIENT_PAUSE_MS 2000U

typedef struct Probe {
        ApiWatch *watch;
        bool patient;
        sd_event_source *timer; /* enabled: the next probe */
        ApiCall *call;          /* in flight, or NULL */
} Probe;

struct ApiWatch {
        Tenancy *tenancy;
        Probe quick, patient;
        bool stopped;
};

static void schedule(Probe *probe);

static bool is_needed(const Probe *probe)
{
        const Tenancy *tenancy = probe->watch->tenancy;

        return !probe->watch->stopped && tenancy_is_usable(tenancy) &&
               (tenancy->state == TENANCY_DEGRADED || api_has_doubts(tenancy->api));
}

static void on_probed(const Result *result _unused_, void *userdata)
{
        Probe *probe = userdata;

        probe->call = NULL;
        schedule(probe);
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        Probe *probe = userdata;
        const Tenancy *tenancy = probe->watch->tenancy;
        uint64_t timeout_ms = tenancy_timeout_ms(tenancy);
        int r;

        /* A Retry-After may have arrived since. */
        if (!is_needed(probe) || api_probe_at_ms(tenancy->api) > monotonic_ms()) {
                schedule(probe);
                return 0;
        }
        if (!probe->patient && timeout_ms > QUICK_MS)
                timeout_ms = QUICK_MS;
        r = api_probe(tenancy->api, timeout_ms, on_probed, probe, &probe->call);
        if (r < 0) {
                log_debug("Failed to probe the API of %s: %s", tenancy_label(tenancy),
                          strerror(-r));
                schedule(probe);
        }
        return 0;
}

static void schedule(Probe *probe)
{
        const Tenancy *tenancy = probe->watch->tenancy;
        uint64_t probe_at_ms;

        if (!is_needed(probe) || probe->call || sd_event_source_get_enabled(probe->timer, NULL) > 0)
                return;
        probe_at_ms =
                monotonic_ms() + jitter_ms(probe->patient ? PATIENT_PAUSE_MS : QUICK_PAUSE_MS);
        if (probe_at_ms < api_probe_at_ms(tenancy->api))
                probe_at_ms = api_probe_at_ms(tenancy->api);
        (void) sd_event_source_set_time(probe->timer, probe_at_ms * 1000);
        (void) sd_event_source_set_enabled(probe->timer, SD_EVENT_ONESHOT);
}

/* Creates the timer: enabling it later needs no memory. */
static int add_timer(Probe *probe)
{
        int r;

        r = sd_event_add_time(probe->watch->tenancy->event, &probe->timer, CLOCK_MONOTONIC, 0, 1000,
                              on_timer, probe);
        return log_errno_origin(r < 0 ? r
                                      : sd_event_source_set_enabled(probe->timer, SD_EVENT_OFF));
}

static void cancel(Probe *probe)
{
        (void) sd_event_source_set_enabled(probe->timer, SD_EVENT_OFF);
        probe->call = api_call_cancel(probe->call);
}

static void api_doubted(Tenancy *tenancy)
{
        ApiWatch *watch = tenancy->api_watch;

        schedule(&watch->quick);
        schedule(&watch->patient);
}

static int attach(Tenancy *tenancy)
{
        ApiWatch *watch = calloc(1, sizeof(ApiWatch));
        int r;

        if (!watch)
                return -ENOMEM;
        tenancy->api_watch = watch;
        watch->tenancy = tenancy;
        watch->quick.watch = watch;
        watch->patient = (Probe){.watch = watch, .patient = true};
        r = add_timer(&watch->quick);
        return r < 0 ? r : add_timer(&watch->patient);
}

static void stop(Tenancy *tenancy)
{
        ApiWatch *watch = tenancy->api_watch;

        watch->stopped = true;
        cancel(&watch->quick);
        cancel(&watch->patient);
}

static void start(Tenancy *tenancy)
{
        tenancy->api_watch->stopped = false;
        api_doubted(tenancy);
}

static void detach(Tenancy *tenancy)
{
        ApiWatch *watch = tenancy->api_watch;

        if (!watch)
                return;
        stop(tenancy);
        sd_event_source_disable_unref(watch->quick.timer);
        sd_event_source_disable_unref(watch->patient.timer);
        free(watch);
}

const TenancyPart api_watch_part = {
        .attach = attach,
        .detach = detach,
        .start = start,
        .stop = stop,
        .api_doubted = api_doubted,
};
