/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "base/log.h"
#include "build-config.h"
#include "daemon/api/api.h"
#include "daemon/audit/audit.h"
#include "daemon/bus/bus.h"
#include "daemon/health.h"
#include "daemon/keys.h"
#include "daemon/loader.h"
#include "daemon/notify.h"
#include "daemon/outcomes.h"
#include "daemon/service.h"
#include "daemon/status.h"
#include "daemon/store/store-copy.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

#define STATE_DIRECTORY "/var/lib/passlockd"

struct Service {
        sd_event *event;
        Store *store;
        Outcomes *outcomes;
        Bus *bus;
        Loader *loader;
        Keys *keys;
        Tenancy **tenancies;
        size_t n_tenancies;
        Notify *notify;
        Health *health;
        Status *status;
        bool stopping;
        int result; /* of service_run(), once it stops */
};

/* Tenancies */

static Tenancy *find_tenancy(const Service *service, const char *label)
{
        for (size_t i = 0; i < service->n_tenancies; i++)
                if (streq(tenancy_label(service->tenancies[i]), label))
                        return service->tenancies[i];
        return NULL;
}

static int configure_tenancy(Service *service, Tenancy *tenancy, const TenancyConfig *config)
{
        _cleanup_(secret_unrefp) Secret *key = NULL;

        /* A key that works is better than none. */
        if (keys_load(service->keys, config, tenancy_key(tenancy), &key) < 0 && tenancy_id(tenancy))
                key = secret_ref(tenancy_key(tenancy));
        return tenancy_configure(tenancy, config->tenancy_id, config->endpoint, config->ca_file,
                                 config->timeout_ms, key);
}

static int add_tenancy(Service *service, const TenancyConfig *config)
{
        _cleanup_(tenancy_unrefp) Tenancy *tenancy = NULL;
        _cleanup_(api_freep) Api *api = NULL;
        Tenancy **grown;
        int r;

        r = api_new(service->event, &api);
        if (r < 0)
                return r;
        r = tenancy_new(config->label, TAKE_PTR(api), service->store, &tenancy);
        if (r < 0)
                return r;
        r = configure_tenancy(service, tenancy, config);
        if (r < 0)
                return r;
        grown = reallocarray(service->tenancies, service->n_tenancies + 1, sizeof(Tenancy *));
        if (!grown)
                return -ENOMEM;
        service->tenancies = grown;
        r = bus_add_tenancy(service->bus, tenancy);
        if (r < 0)
                return r;
        service->tenancies[service->n_tenancies++] = TAKE_PTR(tenancy);
        return 0;
}

static void remove_tenancies(Service *service, const Config *config)
{
        size_t n_kept = 0;

        for (size_t i = 0; i < service->n_tenancies; i++) {
                Tenancy *tenancy = service->tenancies[i];

                if (config_find_tenancy(config, tenancy_label(tenancy))) {
                        service->tenancies[n_kept++] = tenancy;
                } else {
                        bus_remove_tenancy(service->bus, tenancy);
                        tenancy_unref(tenancy);
                }
        }
        service->n_tenancies = n_kept;
}

static void stop_tenancies(Service *service)
{
        for (size_t i = 0; i < service->n_tenancies; i++)
                tenancy_stop(service->tenancies[i]);
}

/* The configuration has been checked, so that nothing but lack of memory stops this halfway. Grants
 * come first: then what was taken away is surely gone. */
static int apply(Config *config, void *userdata)
{
        Service *service = userdata;
        int r;

        r = bus_configure(service->bus, config->default_tenancy, config->max_pending_per_user,
                          &config->grants);
        if (r < 0)
                return r;
        for (size_t i = 0; i < config->n_tenancies; i++) {
                const TenancyConfig *wanted = config->tenancies[i];
                Tenancy *tenancy = find_tenancy(service, wanted->label);
                bool moves = tenancy && (!streq(tenancy_id(tenancy), wanted->tenancy_id) ||
                                         !streq(tenancy_endpoint(tenancy), wanted->endpoint));

                r = tenancy ? configure_tenancy(service, tenancy, wanted)
                            : add_tenancy(service, wanted);
                if (r < 0)
                        return r;
                if (moves)
                        bus_tell_tenancy_changed(service->bus, tenancy);
        }
        remove_tenancies(service, config);
        keys_retain(service->keys, config);
        /* A reload may have been waiting for users when the stop began. */
        if (service->stopping)
                stop_tenancies(service);
        return 0;
}

static GrantList *grants(void *userdata)
{
        const Service *service = userdata;

        return bus_grants(service->bus);
}

/* A key has come that was missing. */
static void on_key_found(const char *label, Secret *key, void *userdata)
{
        Service *service = userdata;
        const TenancyConfig *config = config_find_tenancy(loader_config(service->loader), label);
        Tenancy *tenancy = find_tenancy(service, label);

        if (config && tenancy && !service->stopping &&
            tenancy_configure(tenancy, config->tenancy_id, config->endpoint, config->ca_file,
                              config->timeout_ms, key) < 0)
                log_error("Failed to give tenancy %s its key for lack of memory", label);
}

/* Reloading */

static void notify_reloading(void)
{
        (void) sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%llu",
                          (unsigned long long) monotonic_ms() * 1000);
}

static void on_settled(void *userdata)
{
        const Service *service = userdata;

        if (!service->stopping)
                (void) sd_notify(false, "READY=1");
}

/* Told over the bus: whoever told is told what comes of it. */
static int on_reload_call(void *userdata, const Cause *cause, BusReloadedFunc done,
                          void *done_userdata, char **ret_text)
{
        Service *service = userdata;

        notify_reloading();
        return loader_reload(service->loader, cause, done, done_userdata, ret_text);
}

static int on_diagnose(void *userdata, FindingList *list)
{
        const Service *service = userdata;
        int r;

        r = loader_find(service->loader, list);
        return r == 0 ? keys_find(service->keys, list) : r;
}

/* Stopping: the name goes first, so that new calls find the next instance; those in flight are
 * answered before the process ends. */

static void exit_if_done(void *userdata)
{
        Service *service = userdata;

        if (!service->stopping || !bus_is_idle(service->bus))
                return;
        for (size_t i = 0; i < service->n_tenancies; i++)
                if (tenancy_is_busy(service->tenancies[i]))
                        return;
        (void) sd_event_exit(service->event, 0);
}

static void stop(Service *service, int result)
{
        if (!service->stopping) {
                service->stopping = true;
                service->result = result;
                (void) sd_notify(false, "STOPPING=1");
                status_update(service->status);
                stop_tenancies(service);
        }
        exit_if_done(service);
}

static void on_disconnected(void *userdata)
{
        audit(EVENT_BUS_LOST);
        stop(userdata, -ECONNRESET);
}

static int on_stop_signal(sd_event_source *source _unused_,
                          const struct signalfd_siginfo *info _unused_, void *userdata)
{
        Service *service = userdata;

        if (service->stopping) {
                /* Not through what the calls in flight still hold: what is on disk is safe. */
                log_warning("Told to stop again: calls in flight are abandoned");
                _exit(EXIT_FAILURE);
        }
        (void) bus_release_name(service->bus);
        stop(service, 0);
        return 0;
}

static int on_reload_signal(sd_event_source *source _unused_,
                            const struct signalfd_siginfo *info _unused_, void *userdata)
{
        _cleanup_(freep) char *text = NULL;
        Service *service = userdata;

        notify_reloading();
        (void) loader_reload(service->loader, NULL, NULL, NULL, &text);
        return 0;
}

/* Starting */

static char *state_directory(void)
{
        const char *given = getenv("STATE_DIRECTORY");

        /* systemd lists several, with colons, if the unit has several. */
        return given ? strndup(given, strcspn(given, ":")) : strdup(STATE_DIRECTORY);
}

int service_copy_store(const char *path)
{
        _cleanup_(freep) char *directory = state_directory();

        return directory ? store_copy(directory, path) : -ENOMEM;
}

static int open_store(Service *service)
{
        _cleanup_(freep) char *directory = state_directory();
        int r;

        if (!directory)
                return -ENOMEM;
        if (mkdir(directory, 0700) < 0 && errno != EEXIST) {
                r = -errno;
                log_error("Cannot create %s: %s", directory, strerror(-r));
                return r;
        }
        r = store_open(directory, &service->store);
        if (r != 0)
                return r < 0 ? r : -EIO;
        return outcomes_new(service->event, service->store, exit_if_done, service,
                            &service->outcomes);
}

static int add_signals(Service *service)
{
        int r;

        r = sd_event_add_signal(service->event, NULL, SIGTERM, on_stop_signal, service);
        if (r >= 0)
                r = sd_event_add_signal(service->event, NULL, SIGINT, on_stop_signal, service);
        if (r >= 0)
                r = sd_event_add_signal(service->event, NULL, SIGHUP, on_reload_signal, service);
        return r;
}

static int open_bus(Service *service)
{
        const BusOwner owner = {
                .reload = on_reload_call,
                .diagnose = on_diagnose,
                .disconnected = on_disconnected,
                .idle = exit_if_done,
                .userdata = service,
        };
        int r;

        r = bus_new(service->event, &owner, &service->bus);
        if (r < 0)
                log_error("Cannot connect to the system bus: %s", strerror(-r));
        return r;
}

static int open_loader(Service *service, const char *config_file)
{
        const LoaderOwner owner = {
                .apply = apply,
                .grants = grants,
                .settled = on_settled,
                .userdata = service,
        };
        int r;

        r = keys_new(service->event, on_key_found, service, &service->keys);
        return r < 0 ? r : loader_new(service->event, config_file, &owner, &service->loader);
}

static char *describe(void *userdata)
{
        const Service *service = userdata;

        return status_describe(service->tenancies, service->n_tenancies,
                               bus_count_calls(service->bus), service->stopping);
}

/* What systemd is told of how we are. */
static int add_reports(Service *service)
{
        int r;

        r = notify_new(&service->notify);
        if (r >= 0)
                r = health_new(service->event, service->store, service->outcomes, service->notify,
                               &service->health);
        if (r >= 0)
                r = status_new(service->event, service->notify, describe, service,
                               &service->status);
        return r;
}

int service_new(const char *config_file, Service **ret)
{
        _cleanup_(service_freep) Service *service = calloc(1, sizeof(Service));
        int r;

        if (!service)
                return -ENOMEM;
        r = audit_open();
        if (r >= 0)
                r = sd_event_new(&service->event);
        if (r >= 0)
                r = add_signals(service);
        if (r >= 0)
                r = open_store(service);
        if (r >= 0)
                r = open_bus(service);
        if (r >= 0)
                r = open_loader(service, config_file);
        if (r < 0)
                return r;
        r = loader_start(service->loader);
        if (r != 0)
                return r < 0 ? r : -EINVAL;
        r = add_reports(service);
        if (r < 0)
                return r;
        r = bus_acquire_name(service->bus);
        if (r < 0) {
                log_error("Cannot have the bus name %s: %s", PASSLOCK_BUS_NAME,
                          r == -EEXIST ? "another process has it" : strerror(-r));
                return r;
        }

        *ret = TAKE_PTR(service);
        return 0;
}

Service *service_free(Service *service)
{
        if (!service)
                return NULL;
        status_free(service->status);
        health_free(service->health);
        notify_free(service->notify);
        loader_free(service->loader);
        keys_free(service->keys);
        bus_free(service->bus);
        for (size_t i = 0; i < service->n_tenancies; i++)
                tenancy_unref(service->tenancies[i]);
        free(service->tenancies);
        outcomes_free(service->outcomes);
        store_free(service->store);
        sd_event_unref(service->event);
        free(service);
        audit_close();
        return NULL;
}

int service_run(Service *service)
{
        int r;

        audit(EVENT_STARTED, .text = PACKAGE_VERSION);
        (void) sd_notify(false, "READY=1");
        r = sd_event_loop(service->event);
        audit(EVENT_STOPPED, .error = r < 0 ? r : service->result);
        return r < 0 ? r : service->result;
}
