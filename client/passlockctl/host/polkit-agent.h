/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

/*
 * Starts pkttyagent(1) as polkit's authentication agent for this process. Returns when it is
 * registered, or after a timeout; 0 if it is not available.
 */
pid_t polkit_agent_start(void);
/* Accepts 0. */
void polkit_agent_stop(pid_t pid);
