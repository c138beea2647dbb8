/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
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
#include "daemon/config/config.h"
#include "daemon/health.h"
#include "daemon/notify.h"
#include "daemon/outcomes.h"
#include "daemon/service.h"
#include "daemon/status.h"
#include "daemon/store/store-copy.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

#define STATE_DIRECTORY "/var/lib/passlockd"

struct Service {
        char *config_file;
        sd_event *event;
        Store *store;
        Outcomes *outcomes;
        Bus *bus;
        Tenancy **tenancies;
        size_t n_tenancies;
        Notify *notify;
        Health *health;
        Status *status;
        bool stopping;
        int result; /* of service_run(), once it stops */
};

/* Credentials */

/* What would break out of a header line, or is no key at all. */
static bool key_is_printable(const Secret *key)
{
        for (const char *c = secret_reveal(key); *c; c++)
                if (*c <= ' ' || *c > '~')
                        return false;
        return true;
}

static int open_credentials(void)
{
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        int fd;

        if (!directory)
                return -ENOENT;
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static void audit_key(Event event, const TenancyConfig *config, const char *before,
                      const char *after)
{
        char text[256];

        (void) snprintf(text, sizeof(text), "%s %s%s", before, config->api_key_credential, after);
        audit(event, .tenancy = config->label, .text = text);
}

/*
 * Returns 0 and NULL if there is no usable key: the tenancy is there all the same, and says
 * NotConfigured. A negative errno if it cannot be told whether there is one.
 */
static int load_key(const Tenancy *tenancy, const TenancyConfig *config, Secret **ret)
{
        _cleanup_(secret_unrefp) Secret *key = NULL;
        _cleanup_(closep) int fd = -1;
        int r;

        r = fd = open_credentials();
        if (fd >= 0)
                r = secret_read_at(fd, config->api_key_credential, &key);
        if (r == -ENOENT) {
                if (!tenancy_key(tenancy)) /* else its removal is recorded */
                        audit_key(EVENT_KEY_MISSING, config, "there is no credential", "");
        } else if (r == -EINVAL || r == -E2BIG || (r >= 0 && !key_is_printable(key))) {
                audit_key(EVENT_KEY_UNUSABLE, config, "the credential",
                          " is empty, too long, or has characters that no key has");
                key = secret_unref(key);
        } else if (r < 0) {
                audit(EVENT_KEY_UNUSABLE, .tenancy = config->label, .error = r);
                return r;
        }
        *ret = TAKE_PTR(key);
        return 0;
}

/* Tenancies */

static Tenancy *find_tenancy(const Service *service, const char *label)
{
        for (size_t i = 0; i < service->n_tenancies; i++)
                if (streq(tenancy_label(service->tenancies[i]), label))
                        return service->tenancies[i];
        return NULL;
}

static int configure_tenancy(Tenancy *tenancy, const TenancyConfig *config)
{
        _cleanup_(secret_unrefp) Secret *key = NULL;

        if (tenancy_set_credential(tenancy, config->api_key_credential) < 0)
                return -ENOMEM;
        /* A key that works is better than none. */
        if (load_key(tenancy, config, &key) < 0 && tenancy_id(tenancy))
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
        r = configure_tenancy(tenancy, config);
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

static bool is_configured(const Config *config, const char *label)
{
        for (size_t i = 0; i < config->n_tenancies; i++)
                if (streq(config->tenancies[i]->label, label))
                        return true;
        return false;
}

static void remove_tenancies(Service *service, const Config *config)
{
        size_t n_kept = 0;

        for (size_t i = 0; i < service->n_tenancies; i++) {
                Tenancy *tenancy = service->tenancies[i];

                if (is_configured(config, tenancy_label(tenancy))) {
                        service->tenancies[n_kept++] = tenancy;
                } else {
                        bus_remove_tenancy(service->bus, tenancy);
                        tenancy_unref(tenancy);
                }
        }
        service->n_tenancies = n_kept;
}

/* The configuration has been checked, so that nothing but lack of memory stops this halfway. Grants
 * come first: then what was taken away is surely gone. */
static int apply(Service *service, Config *config)
{
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

                r = tenancy ? configure_tenancy(tenancy, wanted) : add_tenancy(service, wanted);
                if (r < 0)
                        return r;
                if (moves)
                        bus_tell_tenancy_changed(service->bus, tenancy);
        }
        remove_tenancies(service, config);
        return 0;
}

static int load(Service *service, char **ret_text)
{
        _cleanup_(config_freep) Config *config = NULL;
        int r;

        r = config_load(service->config_file, &config, ret_text);
        return r < 0 ? r : apply(service, config);
}

static void notify_reloading(void)
{
        (void) sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%llu",
                          (unsigned long long) monotonic_ms() * 1000);
}

/* `cause` is NULL for who sent a signal. */
static int reload(Service *service, const Cause *cause, char **ret_text)
{
        int r;

        r = load(service, ret_text);
        if (r == 0)
                audit(EVENT_CONFIGURATION_LOADED, .cause = cause);
        else
                audit(EVENT_CONFIGURATION_REFUSED, .cause = cause, .error = r, .text = *ret_text);
        return r;
}

/* Told over the bus: who told us is told what is wrong. */
static int on_reload_call(void *userdata, const Cause *cause, char **ret_text)
{
        int r;

        notify_reloading();
        r = reload(userdata, cause, ret_text);
        (void) sd_notify(false, "READY=1");
        return r < 0 && *ret_text ? ERROR_INVALID_ARGS : r;
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
                for (size_t i = 0; i < service->n_tenancies; i++)
                        tenancy_stop(service->tenancies[i]);
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

        notify_reloading();
        (void) reload(userdata, NULL, &text);
        (void) sd_notify(false, "READY=1");
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
        _cleanup_(freep) char *text = NULL;
        int r;

        if (!service)
                return -ENOMEM;
        service->config_file = config_file ? strdup(config_file) : NULL;
        if (config_file && !service->config_file)
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
        if (r < 0)
                return r;
        r = load(service, &text);
        if (r < 0) {
                audit(EVENT_CONFIGURATION_REFUSED, .error = r, .text = text);
                return r;
        }
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
        bus_free(service->bus);
        for (size_t i = 0; i < service->n_tenancies; i++)
                tenancy_unref(service->tenancies[i]);
        free(service->tenancies);
        outcomes_free(service->outcomes);
        store_free(service->store);
        sd_event_unref(service->event);
        free(service->config_file);
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
