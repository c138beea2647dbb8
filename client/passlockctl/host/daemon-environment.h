/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * The environment that the daemon has, or would be started with, as far as we may look: of its
 * process; else, of its unit, as systemd knows it; else, without systemd, our own.
 */
typedef struct DaemonEnvironment DaemonEnvironment;

/* NULL for lack of memory. */
DaemonEnvironment *daemon_environment_new(void);
DaemonEnvironment *daemon_environment_free(DaemonEnvironment *environment);
DEFINE_CLEANUP(DaemonEnvironment *, daemon_environment_free);

/* The value of a variable, lent; NULL if it has none. */
const char *daemon_environment_get(const DaemonEnvironment *environment, const char *name);

/* The proxy by which the daemon reaches an endpoint; NULL for none, and for an endpoint that takes
 * none. Lent. It may have a password in it: show proxy_host_and_port() of it. */
const char *daemon_environment_find_proxy(const DaemonEnvironment *environment,
                                          const char *endpoint);

/* Its host and port, to be given to free(). NULL for lack of memory. */
char *proxy_host_and_port(const char *proxy);
