/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/audit/audit.h"
#include "daemon/config/config.h"
#include "daemon/metrics/report.h"

/*
 * Loads the configuration at the start and on reload: parses the files, looks up the users and
 * groups that they name, has the keys loaded, and puts the result in force. This may be slow: after
 * CONFIG_LOADER_TIMEOUT_MS, during which the old configuration stays in force, names without a
 * result count as missing, and the old keys stay in use. Names that are found later are added to
 * the grants in force.
 */
typedef struct ConfigLoader ConfigLoader;

#define CONFIG_LOADER_TIMEOUT_MS 2000U

typedef struct ConfigLoaderOwner {
        /* Puts a configuration in force. May take its grants; the rest is lent until the next
         * configuration is in force. */
        int (*apply)(Config *config, void *userdata);
        /* Begins to load the keys of the tenancies again, and whether that has ended. Both may be
         * NULL. */
        void (*reload_keys)(void *userdata);
        bool (*has_keys)(void *userdata);
        /* The grants in force. */
        GrantList *(*grants)(void *userdata);
        /* All reloads have ended, successfully or not. */
        void (*idle)(void *userdata);
        void *userdata;
} ConfigLoaderOwner;

/*
 * A reload has ended. r is 0, an Error or a negative errno; on failure `text` may give the reason,
 * with file and line. Called once, never before config_loader_reload() has returned.
 */
typedef void (*ConfigLoadedFunc)(int r, const char *text, void *userdata);

/* `file` NULL: the system's configuration. Returns 0 or a negative errno. */
int config_loader_new(sd_event *event, const char *file, const ConfigLoaderOwner *owner,
                      ConfigLoader **ret);
/* Pending reloads are dropped without a report. */
ConfigLoader *config_loader_free(ConfigLoader *loader);
DEFINE_CLEANUP(ConfigLoader *, config_loader_free);

/* The first load; blocks outside of the event loop until names are looked up. Returns 0, an Error
 * or a negative errno; records a failure. */
int config_loader_start(ConfigLoader *loader);

/*
 * Starts a reload. `origin` NULL: a signal requested it. `done` may be NULL. Returns 0, or an Error
 * or a negative errno with *ret_text (the caller's) as in ConfigLoadedFunc. Records the result. A
 * reload that starts before another has ended supersedes it; both end together.
 */
int config_loader_reload(ConfigLoader *loader, const AuditOrigin *origin, ConfigLoadedFunc done,
                         void *userdata, char **ret_text);

/* has_keys() may have become true. */
void config_loader_on_keys(ConfigLoader *loader);

/* Whether a reload has not ended yet. */
bool config_loader_is_pending(const ConfigLoader *loader);

/* The configuration in force, without its grants; NULL before the first load. */
const Config *config_loader_config(const ConfigLoader *loader);

/* Adds the findings on the configuration in force. Returns 0 or -ENOMEM. */
int config_loader_diagnose(const ConfigLoader *loader, FindingList *list);

void config_loader_report(const ConfigLoader *loader, MetricsReport *report);
