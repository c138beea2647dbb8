/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/macro.h"

/* The key holder as a child process. It ends with the daemon, however the daemon ends. */
typedef struct HolderProcess HolderProcess;

/* Starts passlock-keyholder: the one beside the daemon's executable, or in a build tree. SIGCHLD
 * must be blocked. Returns 0 with the daemon's end of a socket that is connected to it, or a
 * negative errno, -ENOENT if there is no executable. */
int holder_process_new(sd_event *event, const char *config_file, HolderProcess **ret, int *ret_fd);

/* Kills the process, which the event loop reaps. NULL is fine. Returns NULL. */
HolderProcess *holder_process_kill(HolderProcess *process);
DEFINE_CLEANUP(HolderProcess *, holder_process_kill);

/* Waits outside of the event loop until the process has ended by itself, because its connection is
 * closed; kills it after the timeout. */
HolderProcess *holder_process_wait(HolderProcess *process, uint64_t timeout_ms);
