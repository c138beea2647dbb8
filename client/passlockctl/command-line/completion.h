/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/passlockctl/invocation.h"

/*
 * passlockctl --complete=KIND [PREFIX], for completions/: prints the words of that kind that begin
 * with PREFIX, one per line, each followed by a tab and its description. Kinds: labels (of
 * tenancies), users, authenticators, events.
 *
 * Labels and ids come from the daemon, if it is running, with the caller's grants. The daemon is
 * not started, failures are silent, and the deadline is five seconds. Returns the exit status.
 */
int complete(const Invocation *invocation, const char *kind, const char *prefix);
