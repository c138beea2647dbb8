/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "base/log.h"
#include "build-config.h"
#include "daemon/api/api.h"
#include "daemon/audit/audit.h"
#include "daemon/bus-check.h"
#include "daemon/bus/bus.h"
#include "daemon/commit-dispatcher.h"
#include "daemon/config-loader.h"
#include "daemon/health.h"
#include "daemon/holder/holder.h"
#include "daemon/memory/memory-trim.h"
#include "daemon/metrics-sources.h"
#include "daemon/metrics/call-counts.h"
#include "daemon/notify.h"
#include "daemon/service.h"
#include "daemon/shared-store-join.h"
#include "daemon/shared-store-leave.h"
#include "daemon/shared-store-status.h"
#include "daemon/shared-store-verify.h"
#include "daemon/shared-store.h"
#include "daemon/status.h"
#include "daemon/store-findings.h"
#include "daemon/store-retry.h"
#include "daemon/store/environment/store-copy.h"
#include "daemon/store/store.h"
#include "daemon/tenancy-set.h"
#include "daemon/vault-comparison.h"
#include "dbus/error.h"

/* For the start of the key holder. */
#define HOLDER_TIMEOUT_MS 5000U

#define STATE_DIRECTORY "/var/lib/passlockd"

struct Service {
        uint64_t started_at_ms; /* since the epoch */
        sd_event *event;
        Holder *holder;
        ApiContext *api;
        Store *store;
        SharedStore *shared;         /* has the store; NULL: the store is of this host */
        VaultComparison *comparison; /* NULL, like `shared` */
        CommitDispatcher *dispatcher;
        StoreRetry *store_retry;
        Bus *bus;
        BusCheck *bus_check;
        ConfigLoader *loader;
        Tenancies *all; /* includes tenancies that are no longer configured */
        TenancySet *tenancies;
        Notify *notify;
        Health *health;
        Status *status;
        MemoryTrim *memory_trim;
        bool stopping;
        int result; /* exit code of service_run() */
};

static char *state_directory(void)
{
        const char *given = getenv("STATE_DIRECTORY");

        /* systemd separates several directories by colons. */
        return given ? strndup(given, strcspn(given, ":")) : strdup(STATE_DIRECTORY);
}

/* Configuration */

/* Apply the grants first: access must be revoked even if a later step fails. */
static int apply_config(Config *config, void *userdata)
{
        Service *service = userdata;
        int r;

        r = bus_configure(service->bus, config->default_tenancy, config->max_pending_per_user,
                          &config->grants);
        if (r < 0)
                return r;
        if (service->shared)
                shared_store_configure(service->shared, &config->store);
        r = tenancy_set_configure(service->tenancies, config);
        /* A reload that waited for name lookups may end during the stop. */
        if (service->stopping)
                tenancy_set_stop(service->tenancies);
        return r;
}

static void reload_keys(void *userdata)
{
        const Service *service = userdata;

        holder_reload(service->holder);
}

static bool has_keys(void *userdata)
{
        const Service *service = userdata;

        return holder_is_loaded(service->holder);
}

/* During a reload, keys and configuration are applied together. */
static void on_holder_changed(void *userdata)
{
        const Service *service = userdata;

        if (service->shared)
                shared_store_update(service->shared);
        if (!service->loader || !service->tenancies)
                return;
        if (config_loader_is_pending(service->loader))
                config_loader_on_keys(service->loader);
        else
                tenancy_set_update(service->tenancies);
}

static GrantList *grants_in_force(void *userdata)
{
        const Service *service = userdata;

        return bus_grants(service->bus);
}

static void on_loader_idle(void *userdata)
{
        const Service *service = userdata;

        if (!service->stopping)
                notify_ready(service->notify);
}

/* Manager.Reload; the caller gets the result. */
static int on_reload_call(void *userdata, const AuditOrigin *origin, BusReloadedFunc done,
                          void *done_userdata, char **ret_text)
{
        Service *service = userdata;

        notify_reloading(service->notify);
        return config_loader_reload(service->loader, origin, done, done_userdata, ret_text);
}

static int on_diagnose(void *userdata, FindingList *list)
{
        const Service *service = userdata;
        const Config *config = config_loader_config(service->loader);
        int r;

        r = config_loader_diagnose(service->loader, list);
        if (r == 0 && config)
                r = store_findings_add(&config->store, service->holder, list);
        if (r == 0 && config && service->shared)
                r = shared_store_diagnose(service->shared, config->store.place, list);
        if (r == 0 && service->comparison)
                r = vault_comparison_diagnose(service->comparison, list);
        if (r == 0)
                r = tenancy_set_diagnose(service->tenancies, list);
        return r == 0 ? store_retry_diagnose(service->store_retry, list) : r;
}

static int on_get_store(void *userdata, ResultFunc func, void *func_userdata, Call **ret)
{
        static const StoreStatus local = {.engine = "local"};
        const Service *service = userdata;
        const Config *config = config_loader_config(service->loader);

        if (service->shared)
                return shared_store_status_start(service->shared,
                                                 config ? config->store.endpoints : NULL, func,
                                                 func_userdata, ret);
        func(&(Result){.store = &local}, func_userdata);
        return CALL_ANSWERED;
}

static void on_report(void *userdata, MetricsReport *report)
{
        const Service *service = userdata;
        const MetricsSources sources = {
                .started_at_ms = service->started_at_ms,
                .loader = service->loader,
                .holder = service->holder,
                .tenancies = service->tenancies,
                .store = service->store,
                .shared = service->shared,
        };

        metrics_sources_report(&sources, report);
}

static int on_verify_store(void *userdata, ResultFunc func, void *func_userdata, Call **ret)
{
        const Service *service = userdata;

        return service->shared ? shared_store_verify_start(service->event, service->shared, func,
                                                           func_userdata, ret)
                               : ERROR_NOT_CONFIGURED;
}

static int on_join_store(void *userdata, bool apply, const AuditOrigin *origin, ResultFunc func,
                         void *func_userdata, Call **ret)
{
        _cleanup_(freep) char *directory = state_directory();
        const Service *service = userdata;

        if (!service->shared)
                return ERROR_NOT_CONFIGURED;
        return directory ? shared_store_join_start(service->all, directory, apply, origin, func,
                                                   func_userdata, ret)
                         : -ENOMEM;
}

static int on_leave_store(void *userdata, bool apply, const AuditOrigin *origin, ResultFunc func,
                          void *func_userdata, Call **ret)
{
        _cleanup_(freep) char *directory = state_directory();
        const Service *service = userdata;

        if (!service->shared)
                return ERROR_NOT_CONFIGURED;
        return directory ? shared_store_leave_start(service->shared, directory, apply, origin, func,
                                                    func_userdata, ret)
                         : -ENOMEM;
}

/* Stopping: releases the bus name, so that new calls reach the next instance, and answers the calls
 * in flight before exiting. */

static bool is_idle(const Service *service)
{
        return bus_is_idle(service->bus) && !tenancies_are_busy(service->all);
}

/* Runs after each event, so it cannot miss the end of the last call. */
static int exit_when_idle(sd_event_source *source _unused_, void *userdata)
{
        Service *service = userdata;

        return is_idle(service) ? log_errno_origin(sd_event_exit(service->event, 0)) : 0;
}

static void stop(Service *service, int result)
{
        if (service->stopping)
                return;
        assert(result <= 0);
        service->stopping = true;
        service->result = result;
        notify_stopping(service->notify);
        status_update(service->status);
        tenancy_set_stop(service->tenancies);
        if (sd_event_add_post(service->event, NULL, exit_when_idle, service) < 0)
                (void) sd_event_exit(service->event, -ENOMEM);
}

static void on_request_ended(void *userdata)
{
        const Service *service = userdata;

        memory_trim_soon(service->memory_trim);
}

static bool has_calls(void *userdata)
{
        const Service *service = userdata;

        return bus_count_calls(service->bus) > 0;
}

static void on_memory_trimmed(void *userdata)
{
        const Service *service = userdata;

        store_release_memory(service->store);
}

static void on_bus_disconnected(void *userdata)
{
        audit(EVENT_BUS_LOST);
        stop(userdata, -ECONNRESET);
}

static void on_bus_replaced(Bus *fresh, void *userdata)
{
        Service *service = userdata;
        int r;

        r = bus_replace(fresh, service->bus);
        service->bus = fresh;
        if (r >= 0)
                r = tenancy_set_move(service->tenancies, fresh);
        if (r < 0) {
                log_error("Failed to replace the connection to the bus: %s", strerror(-r));
                stop(service, r);
        }
}

static int on_stop_signal(sd_event_source *source _unused_,
                          const struct signalfd_siginfo *info _unused_, void *userdata)
{
        Service *service = userdata;

        if (service->stopping) {
                /* _exit() aborts calls in flight without a cleanup; committed data is safe. */
                log_warning("Received a second stop signal: calls in flight are aborted");
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

        if (!service->stopping)
                notify_reloading(service->notify);
        (void) config_loader_reload(service->loader, NULL, NULL, NULL, &text);
        return 0;
}

/* Starting */

int service_copy_store(const char *path)
{
        _cleanup_(freep) char *directory = state_directory();

        return directory ? store_copy(directory, path) : -ENOMEM;
}

static void on_store_opened(void *userdata)
{
        const Service *service = userdata;

        tenancies_store_is_open(service->all);
}

static Tenancies *get_tenancies(void *userdata)
{
        const Service *service = userdata;

        return service->all;
}

static void on_store_restored(void *userdata)
{
        const Service *service = userdata;

        if (!service->stopping)
                vault_comparison_start(service->comparison, service->all);
}

/* Errors in the configuration are reported when it is put in force. */
static bool has_shared_store(const char *config_file, Config **ret)
{
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_(freep) char *error = NULL;

        if (config_load(config_file, &config, &error) < 0 ||
            config->store.engine != STORE_ENGINE_ETCD)
                return false;
        *ret = TAKE_PTR(config);
        return true;
}

static int open_engine(Service *service, const char *config_file, const char *directory)
{
        const SharedStoreOwner owner = {
                .tenancies = get_tenancies, .restored = on_store_restored, .userdata = service};
        _cleanup_(config_freep) Config *config = NULL;
        int r;

        if (!has_shared_store(config_file, &config)) {
                shared_store_forget(directory);
                return store_open_later(directory, &service->store);
        }
        r = shared_store_new(service->event, service->holder, &config->store, directory, &owner,
                             &service->shared);
        if (r < 0)
                return r;
        service->store = shared_store_get(service->shared);
        return vault_comparison_new(service->event, service->store, &service->comparison);
}

static int open_store(Service *service, const char *config_file)
{
        _cleanup_(freep) char *directory = state_directory();
        int r;

        if (!directory)
                return -ENOMEM;
        if (mkdir(directory, 0700) < 0 && errno != EEXIST)
                log_error("Failed to create %s: %s", directory, strerror(errno));
        r = open_engine(service, config_file, directory);
        if (r == 0)
                r = commit_dispatcher_new(service->event, service->store, &service->dispatcher);
        if (r == 0)
                r = store_retry_new(service->event, service->store, directory, on_store_opened,
                                    service, &service->store_retry);
        return r;
}

static int open_api(Service *service)
{
        int r;

        r = api_context_new(service->event, holder_transport(service->holder), &service->api);
        return r < 0 ? r
                     : tenancies_new(service->event, service->api, service->store, tenancy_parts,
                                     &service->all);
}

static int add_signals(Service *service)
{
        int r;

        r = log_errno_origin(
                sd_event_add_signal(service->event, NULL, SIGTERM, on_stop_signal, service));
        if (r >= 0)
                r = log_errno_origin(
                        sd_event_add_signal(service->event, NULL, SIGINT, on_stop_signal, service));
        if (r >= 0)
                r = log_errno_origin(sd_event_add_signal(service->event, NULL, SIGHUP,
                                                         on_reload_signal, service));
        return r;
}

static int open_bus(Service *service)
{
        const BusOwner owner = {
                .reload = on_reload_call,
                .diagnose = on_diagnose,
                .report = on_report,
                .get_store = on_get_store,
                .verify_store = on_verify_store,
                .join_store = on_join_store,
                .leave_store = on_leave_store,
                .request_ended = on_request_ended,
                .disconnected = on_bus_disconnected,
                .userdata = service,
        };
        const MemoryTrimOwner trim = {
                .is_busy = has_calls,
                .trimmed = on_memory_trimmed,
                .userdata = service,
        };
        int r;

        r = memory_trim_new(service->event, &trim, &service->memory_trim);
        if (r < 0)
                return r;
        r = bus_new(service->event, &owner, &service->bus);
        if (r < 0)
                log_error("Failed to connect to the system bus: %s", strerror(-r));
        else
                r = tenancy_set_new(service->all, service->holder, service->bus,
                                    &service->tenancies);
        return r;
}

static int open_loader(Service *service, const char *config_file)
{
        const ConfigLoaderOwner owner = {
                .apply = apply_config,
                .reload_keys = reload_keys,
                .has_keys = has_keys,
                .grants = grants_in_force,
                .idle = on_loader_idle,
                .userdata = service,
        };

        return config_loader_new(service->event, config_file, &owner, &service->loader);
}

static char *status_text(void *userdata)
{
        const Service *service = userdata;
        size_t n;
        Tenancy *const *tenancies = tenancy_set_get(service->tenancies, &n);
        _cleanup_(freep) char *text =
                status_describe(tenancies, n, bus_count_calls(service->bus), service->stopping);
        char *prefixed;

        if (!text || bus_check_is_alive(service->bus_check))
                return TAKE_PTR(text);
        return asprintf(&prefixed, "The system bus does not answer: %s", text) < 0 ? NULL
                                                                                   : prefixed;
}

/* Watchdog and status line. */
static int add_reports(Service *service)
{
        int r;

        r = bus_check_new(service->event, service->bus, on_bus_replaced, service,
                          &service->bus_check);
        if (r >= 0)
                r = health_new(service->event, service->bus_check, service->store,
                               service->dispatcher, service->notify, &service->health);
        if (r >= 0)
                r = status_new(service->event, service->notify, status_text, service,
                               &service->status);
        return r;
}

int service_new(const char *config_file, const char *key_holder, Service **ret)
{
        const HolderOptions holder = {.config_file = config_file, .socket_path = key_holder};
        _cleanup_(service_freep) Service *service = calloc(1, sizeof(Service));
        int r;

        if (!service)
                return -ENOMEM;
        service->started_at_ms = realtime_ms();
        r = audit_open();
        if (r >= 0)
                r = log_errno_origin(sd_event_new(&service->event));
        if (r >= 0)
                r = notify_new(service->event, &service->notify);
        if (r >= 0)
                r = add_signals(service);
        if (r >= 0)
                r = holder_new(service->event, &holder, on_holder_changed, service,
                               &service->holder);
        if (r >= 0)
                r = open_store(service, config_file);
        if (r >= 0)
                r = open_api(service);
        if (r >= 0)
                r = open_bus(service);
        if (r >= 0)
                r = open_loader(service, config_file);
        if (r < 0)
                return r;
        holder_wait(service->holder, HOLDER_TIMEOUT_MS);
        r = config_loader_start(service->loader);
        if (r != 0)
                return r < 0 ? r : -EINVAL;
        r = add_reports(service);
        if (r < 0)
                return r;
        r = bus_acquire_name(service->bus);
        if (r < 0) {
                log_error("Failed to acquire the bus name %s: %s", PASSLOCK_BUS_NAME,
                          r == -EEXIST ? "another process owns it" : strerror(-r));
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
        bus_check_free(service->bus_check);
        notify_free(service->notify);
        config_loader_free(service->loader);
        bus_free(service->bus);
        memory_trim_free(service->memory_trim);
        vault_comparison_free(service->comparison);
        tenancy_set_free(service->tenancies);
        tenancies_free(service->all);
        api_context_free(service->api);
        store_retry_free(service->store_retry);
        commit_dispatcher_free(service->dispatcher);
        if (service->shared)
                shared_store_free(service->shared);
        else
                store_free(service->store);
        holder_free(service->holder);
        sd_event_unref(service->event);
        call_counts_clear();
        free(service);
        audit_close();
        return NULL;
}

int service_run(Service *service)
{
        int r;

        audit(EVENT_STARTED, .text = PACKAGE_VERSION);
        notify_ready(service->notify);
        r = log_errno_origin(sd_event_loop(service->event));
        audit(EVENT_STOPPED, .error = r < 0 ? r : service->result);
        return r < 0 ? r : service->result;
}
