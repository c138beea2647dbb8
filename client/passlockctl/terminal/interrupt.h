/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * As long as this exists, what is to end us (SIGINT, SIGTERM, SIGHUP, SIGQUIT) or stop us (SIGTSTP)
 * waits, so that a terminal or a call can be put in order first. Freed, it takes its course.
 */
typedef struct Interrupt Interrupt;

/* Returns 0 or a negative errno. */
int interrupt_new(Interrupt **ret);
Interrupt *interrupt_free(Interrupt *interrupt);
DEFINE_CLEANUP(Interrupt *, interrupt_free);

/* Polls readable once there is one. Not to be read. */
int interrupt_fd(const Interrupt *interrupt);
/* Whether there is one, without waiting. NULL has none. */
bool interrupt_is_due(const Interrupt *interrupt);
