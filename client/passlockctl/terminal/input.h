/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/secret.h"
#include "client/passlockctl/invocation.h"

/* What is read from standard input, and asked for there. */

/*
 * The next line, without its end. What is longer than any argument may be is cut, and then too long
 * still. False at the end of the input.
 */
bool input_line(char *line, size_t size);

/*
 * The argument, or, if it is "-" or not there, the next line. `what` is named if there is none.
 * Lent by the arguments or `line`; NULL if there is none, which has been reported.
 */
const char *input_argument(const char *argument, const char *what, char *line, size_t size);

/*
 * Asks on a terminal; anything but "y" or "yes" is a no, which has been reported. Without a
 * terminal, and with --yes, the answer is yes.
 */
bool input_confirm(const Invocation *invocation, const char *question);

/*
 * The first line, with no copy left behind; on a terminal after a prompt, without echo. Returns 0,
 * or a negative errno: -EINVAL for nothing, -E2BIG for too much, -EINTR when we are asked to end.
 */
int input_secret(const char *prompt, Secret **ret);
