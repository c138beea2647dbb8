/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/macro.h"

/*
 * The key holder: makes the daemon's HTTP requests with the API keys, which the daemon does not
 * have. The daemon chooses a tenancy and a path below it, never a host, a header or a key, so that
 * a compromised daemon can make API calls, but neither learn a key nor send it elsewhere.
 */
typedef struct KeyHolder KeyHolder;

/* Takes the socket, which is connected to the daemon, also on failure. Exits the event loop when
 * the connection ends. `config_file` NULL: the system's configuration. Returns 0 or a negative
 * errno. */
int keyholder_new(sd_event *event, int fd, const char *config_file, KeyHolder **ret);
/* Takes no more requests, and closes the connection after the replies to those in flight, but after
 * some seconds at most. What may be repeated is not waited for as long: the daemon repeats it. */
void keyholder_stop(KeyHolder *holder);
KeyHolder *keyholder_free(KeyHolder *holder);
DEFINE_CLEANUP(KeyHolder *, keyholder_free);
