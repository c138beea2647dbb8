/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

/*
 * polkit's agent for terminals, which asks for passwords on ours, for as long as we live. Returns
 * when it is ready, or that takes too long. 0 if it cannot be had: then nobody is asked.
 */
pid_t polkit_agent_start(void);
/* 0 is fine. */
void polkit_agent_stop(pid_t pid);
