/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "daemon/config-loader.h"
#include "daemon/grant-name-resolver.h"
#include "dbus/error.h"

/* Somebody who told to load and is to hear what came of it. */
typedef struct PendingReload {
        struct PendingReload *next;
        bool has_origin;
        AuditOrigin origin;
        ConfigLoadedFunc done;
        void *userdata;
} PendingReload;

struct ConfigLoader {
        char *file;
        ConfigLoaderOwner owner;
        GrantNameResolver *names;
        Config *config;         /* in force; its grants are the owner's */
        Config *pending;        /* read, and not in force yet: its names are being looked up */
        PendingReload *waiters; /* for `pending`, in the order in which they came */
        sd_event_source *deadline;
};

/* What a failure is called on the bus: not every errno is worth to be told apart, but who reads the
 * text has to learn whether to look at the file or at the host. */
static int error_of(int r)
{
        if (r >= 0 || r == -ENOMEM)
                return r;
        return r == -EMFILE || r == -ENFILE ? ERROR_LIMITS_EXCEEDED : ERROR_INVALID_ARGS;
}

static int describe_failure(int r, char **ret_text)
{
        if (asprintf(ret_text, "Failed to put the configuration to use: %s", strerror(-r)) < 0) {
                *ret_text = NULL;
                return -ENOMEM;
        }
        return r == -EMFILE || r == -ENFILE ? ERROR_LIMITS_EXCEEDED : r;
}

static void record_end(const PendingReload *waiter, int r, const char *text)
{
        const AuditOrigin *origin = waiter && waiter->has_origin ? &waiter->origin : NULL;

        if (r == 0)
                audit(EVENT_CONFIGURATION_LOADED, .origin = origin);
        else
                audit(EVENT_CONFIGURATION_REFUSED, .origin = origin, .error = r, .text = text);
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

/* Puts in force what is pending, with what is known of its names. */
static int apply_pending(ConfigLoader *loader, char **ret_text)
{
        _cleanup_(config_freep) Config *config = TAKE_PTR(loader->pending);
        int r;

        grant_name_resolver_apply(loader->names, &config->grants, false);
        r = loader->owner.apply(config, loader->owner.userdata);
        if (r < 0) {
                r = describe_failure(r, ret_text);
                (void) grant_name_resolver_start(loader->names,
                                                 loader->owner.grants(loader->owner.userdata));
                return r;
        }
        config_free(loader->config);
        loader->config = TAKE_PTR(config);
        record_findings(loader);
        return 0;
}

static void end_pending(ConfigLoader *loader)
{
        _cleanup_(freep) char *text = NULL;
        PendingReload *waiters = TAKE_PTR(loader->waiters);
        int r;

        (void) sd_event_source_set_enabled(loader->deadline, SD_EVENT_OFF);
        r = apply_pending(loader, &text);
        for (const PendingReload *waiter = waiters; waiter; waiter = waiter->next)
                record_end(waiter, r, text);
        loader->owner.idle(loader->owner.userdata);
        while (waiters) {
                _cleanup_(freep) PendingReload *waiter = waiters;

                waiters = waiter->next;
                if (waiter->done)
                        waiter->done(r, text, waiter->userdata);
        }
}

static void on_names_changed(void *userdata)
{
        ConfigLoader *loader = userdata;

        if (!loader->waiters && !loader->pending)
                grant_name_resolver_apply(loader->names,
                                          loader->owner.grants(loader->owner.userdata), true);
        else if (loader->waiters && grant_name_resolver_is_done(loader->names))
                end_pending(loader);
}

static int on_lookup_deadline(sd_event_source *source _unused_, uint64_t usec _unused_,
                              void *userdata)
{
        end_pending(userdata);
        return 0;
}

int config_loader_new(sd_event *event, const char *file, const ConfigLoaderOwner *owner,
                      ConfigLoader **ret)
{
        _cleanup_(config_loader_freep) ConfigLoader *loader = calloc(1, sizeof(ConfigLoader));
        int r;

        if (!loader)
                return -ENOMEM;
        loader->owner = *owner;
        loader->file = file ? strdup(file) : NULL;
        if (file && !loader->file)
                return -ENOMEM;
        r = grant_name_resolver_new(event, on_names_changed, loader, &loader->names);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &loader->deadline, CLOCK_MONOTONIC, 0, 1,
                                               on_lookup_deadline, loader);
        if (r >= 0)
                r = sd_event_source_set_enabled(loader->deadline, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(loader);
        return 0;
}

ConfigLoader *config_loader_free(ConfigLoader *loader)
{
        if (!loader)
                return NULL;
        while (loader->waiters) {
                PendingReload *waiter = loader->waiters;

                loader->waiters = waiter->next;
                free(waiter);
        }
        grant_name_resolver_free(loader->names);
        sd_event_source_disable_unref(loader->deadline);
        config_free(loader->pending);
        config_free(loader->config);
        free(loader->file);
        free(loader);
        return NULL;
}

/* Reads the files, and has their names looked up; what was pending is forgotten. */
static int load_files(ConfigLoader *loader, char **ret_text)
{
        _cleanup_(config_freep) Config *config = NULL;
        int r;

        r = config_load(loader->file, &config, ret_text);
        if (r < 0)
                return error_of(r);
        r = grant_name_resolver_start(loader->names, &config->grants);
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
                grant_name_resolver_wait(loader->names, CONFIG_LOADER_TIMEOUT_MS);
                r = apply_pending(loader, &text);
        }
        if (r != 0)
                record_end(NULL, r, text);
        return r;
}

/* The deadline is that of the first who waits: who comes later does not put it off. */
static int schedule_apply(ConfigLoader *loader)
{
        bool answered = grant_name_resolver_is_done(loader->names);
        int r;

        if (loader->waiters && !answered)
                return 0;
        r = sd_event_source_set_time_relative(loader->deadline,
                                              answered ? 0 : CONFIG_LOADER_TIMEOUT_MS * 1000);
        return r < 0 ? r : sd_event_source_set_enabled(loader->deadline, SD_EVENT_ONESHOT);
}

static int begin_reload(ConfigLoader *loader, PendingReload *waiter, char **ret_text)
{
        PendingReload **end = &loader->waiters;
        int r;

        r = load_files(loader, ret_text);
        if (r != 0)
                return r;
        r = schedule_apply(loader);
        if (r < 0 && !loader->waiters) {
                loader->pending = config_free(loader->pending);
                (void) grant_name_resolver_start(loader->names,
                                                 loader->owner.grants(loader->owner.userdata));
                return r;
        }
        while (*end)
                end = &(*end)->next;
        *end = waiter;
        return 0;
}

int config_loader_reload(ConfigLoader *loader, const AuditOrigin *origin, ConfigLoadedFunc done,
                         void *userdata, char **ret_text)
{
        _cleanup_(freep) PendingReload *waiter = calloc(1, sizeof(PendingReload));
        int r;

        if (!waiter)
                return -ENOMEM;
        waiter->has_origin = origin;
        if (origin)
                waiter->origin = *origin;
        waiter->done = done;
        waiter->userdata = userdata;
        r = begin_reload(loader, waiter, ret_text);
        if (r == 0) {
                (void) TAKE_PTR(waiter);
                return 0;
        }
        record_end(waiter, r, *ret_text);
        if (!loader->waiters)
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
                r = grant_name_resolver_diagnose(loader->owner.grants(loader->owner.userdata),
                                                 list);
        return r == 0 ? config_diagnose_ca_files(loader->config, list) : r;
}
