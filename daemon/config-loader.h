/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/audit/audit.h"
#include "daemon/config/config.h"

/*
 * Loads the configuration, at the start and whenever it is told to: reads the files, asks the host
 * for the users and groups that they name, and puts it in force. The host may be slow to answer. It
 * gets CONFIG_LOADER_TIMEOUT_MS, during which the old configuration stays in force; what it has not
 * said by then counts as missing, and is put into the grants when it is known, as is what is
 * missing and comes later.
 */
typedef struct ConfigLoader ConfigLoader;

#define CONFIG_LOADER_TIMEOUT_MS 2000U

typedef struct ConfigLoaderOwner {
        /* Puts a configuration in force. It may take the grants out of it; the rest is lent, and
         * stays as it is until another one is in force. */
        int (*apply)(Config *config, void *userdata);
        /* The grants in force. */
        GrantList *(*grants)(void *userdata);
        /* All that it was told has been done, well or not. */
        void (*idle)(void *userdata);
        void *userdata;
} ConfigLoaderOwner;

/*
 * A load has ended. r is 0, an Error or a negative errno; unless it is 0, `text` may say why, with
 * the file and maybe the line. Called once, not before config_loader_reload() has returned.
 */
typedef void (*ConfigLoadedFunc)(int r, const char *text, void *userdata);

/* `file` is NULL for the system's configuration. Returns 0 or a negative errno. */
int config_loader_new(sd_event *event, const char *file, const ConfigLoaderOwner *owner,
                      ConfigLoader **ret);
/* Whoever waits for a load is not told any more. */
ConfigLoader *config_loader_free(ConfigLoader *loader);
DEFINE_CLEANUP(ConfigLoader *, config_loader_free);

/* The first load, which waits for the host outside of the event loop. Returns 0, an Error or a
 * negative errno; a failure has left a record. */
int config_loader_start(ConfigLoader *loader);

/*
 * Begins a load. `origin` is NULL if a signal told to; `done` may be NULL. Returns 0, or an Error
 * or a negative errno with *ret_text (the caller's) as `text` above. Each load leaves a record,
 * whatever comes of it. One that begins before another has ended takes its place; both end
 * together.
 */
int config_loader_reload(ConfigLoader *loader, const AuditOrigin *origin, ConfigLoadedFunc done,
                         void *userdata, char **ret_text);

/* The configuration in force, without its grants; NULL before the first load. */
const Config *config_loader_config(const ConfigLoader *loader);

/* Adds what is missing or odd about the configuration in force. Returns 0 or -ENOMEM. */
int config_loader_diagnose(const ConfigLoader *loader, FindingList *list);
