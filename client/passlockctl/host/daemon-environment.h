/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * The environment of the daemon: that of its process if accessible, else that of its unit, else,
 * without systemd, that of this process.
 */
typedef struct DaemonEnvironment DaemonEnvironment;

/* NULL if out of memory. */
DaemonEnvironment *daemon_environment_new(void);
/* The environment of the key holder, which has the credentials and the network. */
DaemonEnvironment *daemon_environment_new_for_keys(void);
DaemonEnvironment *daemon_environment_free(DaemonEnvironment *environment);
DEFINE_CLEANUP(DaemonEnvironment *, daemon_environment_free);

/* Returns the value of a variable, borrowed; NULL if unset. */
const char *daemon_environment_get(const DaemonEnvironment *environment, const char *name);

/*
 * The daemon's proxy for an endpoint; NULL for none. Borrowed. It may contain a password: print
 * proxy_host_and_port() instead.
 */
const char *daemon_environment_find_proxy(const DaemonEnvironment *environment,
                                          const char *endpoint);

/* Host and port of a proxy URL, without the password. Free with free(). NULL if out of memory. */
char *proxy_host_and_port(const char *proxy);
