/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * The daemon as a whole: puts the layers together, reads configuration and credentials, and lives
 * until it is told to stop.
 */
typedef struct Service Service;

/* `config_file` is NULL for the system's configuration. What goes wrong is logged. */
int service_new(const char *config_file, Service **ret);
Service *service_free(Service *service);
DEFINE_CLEANUP(Service *, service_free);

/* Serves until SIGTERM, then until the calls in flight are answered. Returns 0 or a negative errno.
 */
int service_run(Service *service);

/* Copies the store of a daemon that may be running, and nothing else; see store_copy(). */
int service_copy_store(const char *path);
