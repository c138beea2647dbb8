/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/audit/audit.h"
#include "daemon/config/config.h"

/*
 * Loads the configuration, at the start and whenever it is told to: reads the files, asks the host
 * for the users and groups that they name, and puts it in force. The host may be slow to answer. It
 * gets LOADER_PATIENCE_MS, during which the old configuration stays in force; what it has not said
 * by then counts as missing, and is put into the grants when it is known, as is what is missing and
 * comes later.
 */
typedef struct Loader Loader;

#define LOADER_PATIENCE_MS 2000U

typedef struct LoaderOwner {
        /* Puts a configuration in force. It may take the grants out of it; the rest is lent, and
         * stays as it is until another one is in force. */
        int (*apply)(Config *config, void *userdata);
        /* The grants in force. */
        GrantList *(*grants)(void *userdata);
        /* All that it was told has been done, well or not. */
        void (*settled)(void *userdata);
        void *userdata;
} LoaderOwner;

/*
 * A load has ended. r is 0, an Error or a negative errno; unless it is 0, `text` may say why, with
 * the file and maybe the line. Called once, not before loader_reload() has returned.
 */
typedef void (*LoaderFunc)(int r, const char *text, void *userdata);

/* `file` is NULL for the system's configuration. Returns 0 or a negative errno. */
int loader_new(sd_event *event, const char *file, const LoaderOwner *owner, Loader **ret);
/* Whoever waits for a load is not told any more. */
Loader *loader_free(Loader *loader);
DEFINE_CLEANUP(Loader *, loader_free);

/* The first load, which waits for the host outside of the event loop. Returns 0, an Error or a
 * negative errno; a failure has left a record. */
int loader_start(Loader *loader);

/*
 * Begins a load. `cause` is NULL if a signal told to; `done` may be NULL. Returns 0, or an Error or
 * a negative errno with *ret_text (the caller's) as `text` above. Each load leaves a record,
 * whatever comes of it. One that begins before another has ended takes its place; both end
 * together.
 */
int loader_reload(Loader *loader, const Cause *cause, LoaderFunc done, void *userdata,
                  char **ret_text);

/* The configuration in force, without its grants; NULL before the first load. */
const Config *loader_config(const Loader *loader);

/* Adds what is missing or odd about the configuration in force. Returns 0 or -ENOMEM. */
int loader_find(const Loader *loader, FindingList *list);
