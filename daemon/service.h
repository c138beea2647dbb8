/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* The daemon: wires the layers together and runs until a stop signal. */
typedef struct Service Service;

/* `config_file` NULL: the system's configuration. `key_holder`: the socket of the key holder, or
 * NULL to start one. Logs failures. */
int service_new(const char *config_file, const char *key_holder, Service **ret);
Service *service_free(Service *service);
DEFINE_CLEANUP(Service *, service_free);

/* Runs until SIGTERM, then until calls in flight are answered. Returns 0 or a negative errno. */
int service_run(Service *service);

/* Copies the store of a possibly running daemon; see store_copy(). */
int service_copy_store(const char *path);
