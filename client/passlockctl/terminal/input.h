/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/secret.h"
#include "client/passlockctl/invocation.h"

/*
 * Reads a line without the newline. An overlong line is truncated to a length that is still too
 * long for any argument. False at the end of the input.
 */
bool input_line(char *line, size_t size);

/*
 * Returns the argument or, if it is "-" or missing, a line of standard input. `what` names it in
 * the error message. Borrowed from the argument or `line`; NULL after a reported error.
 */
const char *input_argument(const char *argument, const char *what, char *line, size_t size);

/*
 * Asks for confirmation on a terminal; any answer but "y" or "yes" is reported as cancelled. True
 * without a terminal and with --yes.
 */
bool input_confirm(const Invocation *invocation, const char *question);

/*
 * Reads a secret from the first line without leaving a copy in memory; on a terminal with a prompt
 * and without echo. Returns 0, or a negative errno: -EINVAL if empty, -E2BIG if too long, -EINTR on
 * a signal.
 */
int input_secret(const char *prompt, Secret **ret);
