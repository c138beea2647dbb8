/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Blocks the signals that terminate (SIGINT, SIGTERM, SIGHUP, SIGQUIT) or stop (SIGTSTP) the
 * process, so that the terminal or a call can be cleaned up first. Freeing it delivers a pending
 * signal.
 */
typedef struct Interrupt Interrupt;

/* Returns 0 or a negative errno. */
int interrupt_new(Interrupt **ret);
Interrupt *interrupt_free(Interrupt *interrupt);
DEFINE_CLEANUP(Interrupt *, interrupt_free);

/* Readable once a signal is pending. Not to be read. */
int interrupt_fd(const Interrupt *interrupt);
/* Whether a signal is pending, without blocking. False for NULL. */
bool interrupt_is_due(const Interrupt *interrupt);
