/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/config-loader.h"
#include "daemon/grant-name-resolver.h"
#include "dbus/error.h"

/* A reload whose result has not been reported yet. */
typedef struct PendingReload {
        STAILQ_ENTRY(PendingReload) entry;
        bool has_origin;
        AuditOrigin origin;
        ConfigLoadedFunc done;
        void *userdata;
} PendingReload;

typedef STAILQ_HEAD(PendingReloadQueue, PendingReload) PendingReloadQueue;

struct ConfigLoader {
        char *file;
        ConfigLoaderOwner owner;
        GrantNameResolver *resolver;
        Config *config;             /* in force; its grants belong to the owner */
        Config *pending;            /* parsed; its names are being looked up */
        PendingReloadQueue reloads; /* callers waiting for `pending` */
        sd_event_source *deadline;
        uint64_t n_reloads[2]; /* failed, and successful */
        uint64_t loaded_at_ms; /* the configuration in force, since the epoch */
        bool last_failed;      /* the last reload */
};

static GrantList *grants_in_force(const ConfigLoader *loader)
{
        return loader->owner.grants(loader->owner.userdata);
}

/* Maps an errno of reading the files to a D-Bus error: the host is at fault if it lacks memory or
 * descriptors, else the files are. */
static int error_of(int r)
{
        if (r >= 0 || r == -ENOMEM)
                return r;
        return r == -EMFILE || r == -ENFILE ? ERROR_LIMITS_EXCEEDED : ERROR_INVALID_ARGS;
}

static int describe_failure(int r, char **ret_text)
{
        if (asprintf(ret_text, "Failed to apply the configuration: %s", strerror(-r)) < 0) {
                *ret_text = NULL;
                return -ENOMEM;
        }
        return r == -EMFILE || r == -ENFILE ? ERROR_LIMITS_EXCEEDED : r;
}

/* `reload` NULL: the start. */
static void record_end(ConfigLoader *loader, const PendingReload *reload, int r, const char *text)
{
        const AuditOrigin *origin = reload && reload->has_origin ? &reload->origin : NULL;

        if (r == 0)
                audit(EVENT_CONFIGURATION_LOADED, .origin = origin);
        else
                audit(EVENT_CONFIGURATION_REFUSED, .origin = origin, .error = r, .text = text);
        loader->last_failed = r != 0;
        if (reload)
                loader->n_reloads[r == 0]++;
}

static void record_findings(const ConfigLoader *loader)
{
        FindingList list = {};

        if (config_loader_diagnose(loader, &list) == 0)
                for (size_t i = 0; i < list.n_findings; i++) {
                        const Finding *finding = &list.findings[i];
                        char text[1024];

                        (void) snprintf(text, sizeof(text), "%s: %s",
                                        *finding->place ? finding->place : finding->name,
                                        finding->text);
                        audit(EVENT_CONFIGURATION_MISSING,
                              .tenancy = *finding->tenancy ? finding->tenancy : NULL, .text = text);
                }
        finding_list_clear(&list);
}

/* Puts the pending configuration in force, with the names resolved so far. */
static int apply_pending(ConfigLoader *loader, char **ret_text)
{
        _cleanup_(config_freep) Config *config = TAKE_PTR(loader->pending);
        int r;

        assert(config);
        grant_name_resolver_apply(loader->resolver, &config->grants, false);
        r = loader->owner.apply(config, loader->owner.userdata);
        if (r < 0) {
                r = describe_failure(r, ret_text);
                (void) grant_name_resolver_start(loader->resolver, grants_in_force(loader));
                return r;
        }
        config_free(loader->config);
        loader->config = TAKE_PTR(config);
        loader->loaded_at_ms = realtime_ms();
        record_findings(loader);
        return 0;
}

static void finish_reload(ConfigLoader *loader)
{
        PendingReloadQueue reloads = STAILQ_HEAD_INITIALIZER(reloads);
        _cleanup_(freep) char *text = NULL;
        PendingReload *reload;
        int r;

        (void) sd_event_source_set_enabled(loader->deadline, SD_EVENT_OFF);
        STAILQ_CONCAT(&reloads, &loader->reloads);
        r = apply_pending(loader, &text);
        STAILQ_FOREACH(reload, &reloads, entry)
                record_end(loader, reload, r, text);
        loader->owner.idle(loader->owner.userdata);
        while ((reload = STAILQ_FIRST(&reloads))) {
                STAILQ_REMOVE_HEAD(&reloads, entry);
                if (reload->done)
                        reload->done(r, text, reload->userdata);
                free(reload);
        }
}

static bool is_ready(const ConfigLoader *loader)
{
        const ConfigLoaderOwner *owner = &loader->owner;

        return grant_name_resolver_is_done(loader->resolver) &&
               (!owner->has_keys || owner->has_keys(owner->userdata));
}

void config_loader_on_keys(ConfigLoader *loader)
{
        if (!STAILQ_EMPTY(&loader->reloads) && is_ready(loader))
                finish_reload(loader);
}

bool config_loader_is_pending(const ConfigLoader *loader)
{
        return !STAILQ_EMPTY(&loader->reloads);
}

static void on_names_changed(void *userdata)
{
        ConfigLoader *loader = userdata;

        if (STAILQ_EMPTY(&loader->reloads) && !loader->pending)
                grant_name_resolver_apply(loader->resolver, grants_in_force(loader), true);
        else
                config_loader_on_keys(loader);
}

static int on_lookup_timeout(sd_event_source *source _unused_, uint64_t usec _unused_,
                             void *userdata)
{
        finish_reload(userdata);
        return 0;
}

int config_loader_new(sd_event *event, const char *file, const ConfigLoaderOwner *owner,
                      ConfigLoader **ret)
{
        _cleanup_(config_loader_freep) ConfigLoader *loader = calloc(1, sizeof(ConfigLoader));
        int r;

        if (!loader)
                return -ENOMEM;
        STAILQ_INIT(&loader->reloads);
        loader->owner = *owner;
        loader->file = file ? strdup(file) : NULL;
        if (file && !loader->file)
                return -ENOMEM;
        r = grant_name_resolver_new(event, on_names_changed, loader, &loader->resolver);
        if (r >= 0)
                r = log_errno_origin(sd_event_add_time_relative(event, &loader->deadline,
                                                                CLOCK_MONOTONIC, 0, 1,
                                                                on_lookup_timeout, loader));
        if (r >= 0)
                r = log_errno_origin(sd_event_source_set_enabled(loader->deadline, SD_EVENT_OFF));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(loader);
        return 0;
}

ConfigLoader *config_loader_free(ConfigLoader *loader)
{
        PendingReload *reload;

        if (!loader)
                return NULL;
        while ((reload = STAILQ_FIRST(&loader->reloads))) {
                STAILQ_REMOVE_HEAD(&loader->reloads, entry);
                free(reload);
        }
        grant_name_resolver_free(loader->resolver);
        sd_event_source_disable_unref(loader->deadline);
        config_free(loader->pending);
        config_free(loader->config);
        free(loader->file);
        free(loader);
        return NULL;
}

/* Parses the files and starts the name lookups. Replaces an earlier pending configuration. */
static int load_files(ConfigLoader *loader, char **ret_text)
{
        _cleanup_(config_freep) Config *config = NULL;
        int r;

        r = config_load(loader->file, &config, ret_text);
        if (r >= 0 && loader->config)
                r = config_check_reload(loader->config, config, ret_text);
        if (r < 0)
                return error_of(r);
        r = grant_name_resolver_start(loader->resolver, &config->grants);
        if (r < 0)
                return r;
        config_free(loader->pending);
        loader->pending = TAKE_PTR(config);
        return 0;
}

int config_loader_start(ConfigLoader *loader)
{
        _cleanup_(freep) char *text = NULL;
        int r;

        r = load_files(loader, &text);
        if (r == 0) {
                grant_name_resolver_wait(loader->resolver, CONFIG_LOADER_TIMEOUT_MS);
                r = apply_pending(loader, &text);
        }
        if (r != 0)
                record_end(loader, NULL, r, text);
        return r;
}

/* A later reload does not extend the deadline of an earlier one. */
static int schedule_apply(ConfigLoader *loader)
{
        bool done = is_ready(loader);
        int r;

        if (!STAILQ_EMPTY(&loader->reloads) && !done)
                return 0;
        r = log_errno_origin(sd_event_source_set_time_relative(
                loader->deadline, done ? 0 : CONFIG_LOADER_TIMEOUT_MS * 1000));
        return r < 0 ? r
                     : log_errno_origin(
                               sd_event_source_set_enabled(loader->deadline, SD_EVENT_ONESHOT));
}

static int begin_reload(ConfigLoader *loader, char **ret_text)
{
        int r;

        r = load_files(loader, ret_text);
        if (r != 0)
                return r;
        if (loader->owner.reload_keys)
                loader->owner.reload_keys(loader->owner.userdata);
        r = schedule_apply(loader);
        if (r < 0 && STAILQ_EMPTY(&loader->reloads)) {
                loader->pending = config_free(loader->pending);
                (void) grant_name_resolver_start(loader->resolver, grants_in_force(loader));
                return r;
        }
        return 0;
}

int config_loader_reload(ConfigLoader *loader, const AuditOrigin *origin, ConfigLoadedFunc done,
                         void *userdata, char **ret_text)
{
        _cleanup_(freep) PendingReload *reload = calloc(1, sizeof(PendingReload));
        int r;

        if (!reload)
                return -ENOMEM;
        reload->has_origin = origin;
        if (origin)
                reload->origin = *origin;
        reload->done = done;
        reload->userdata = userdata;
        r = begin_reload(loader, ret_text);
        if (r == 0) {
                STAILQ_INSERT_TAIL(&loader->reloads, reload, entry);
                (void) TAKE_PTR(reload);
                return 0;
        }
        record_end(loader, reload, r, *ret_text);
        if (STAILQ_EMPTY(&loader->reloads))
                loader->owner.idle(loader->owner.userdata);
        return r;
}

const Config *config_loader_config(const ConfigLoader *loader)
{
        return loader->config;
}

int config_loader_diagnose(const ConfigLoader *loader, FindingList *list)
{
        int r;

        if (!loader->config)
                return 0;
        r = finding_list_append(list, &loader->config->findings);
        if (r == 0)
                r = grant_name_resolver_diagnose(grants_in_force(loader), list);
        if (r == 0)
                r = config_diagnose_grants(grants_in_force(loader), list);
        return r == 0 ? config_diagnose_files(loader->config, list) : r;
}

void config_loader_report(const ConfigLoader *loader, MetricsReport *report)
{
        metrics_report_add(report, METRIC_RELOADS, loader->n_reloads[true], "ok");
        metrics_report_add(report, METRIC_RELOADS, loader->n_reloads[false], "failed");
        metrics_report_add(report, METRIC_RELOAD_OK, !loader->last_failed);
        metrics_report_add(report, METRIC_CONFIG_LOADED, (double) loader->loaded_at_ms / 1000);
}
