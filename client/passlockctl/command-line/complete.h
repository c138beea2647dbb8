/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <getopt.h>

#include "client/passlockctl/invocation.h"

/*
 * What the completions of the shells ask: passlockctl --complete WORD... prints what the last word
 * may become. The first line is `words`, `files` or `directories`; with `words` each line after it
 * is one, a tab, and what it means (or nothing). An option that takes a value ends in `=`; after
 * the
 * `=`, values are printed without the option.
 *
 * What is known by heart comes from the tables of verbs and options and from the help. Labels and
 * ids are asked of the daemon, if it is running and with the caller's grants; it is not started for
 * this. All of it takes five seconds at most, and failures are silent.
 *
 * `options` are those of getopt_long(), of which every verb has the first `n_common`. `words` end
 * in NULL. Returns the exit status.
 */
int complete(passlock *client, const struct option *options, size_t n_common, char **words);
