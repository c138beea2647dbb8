/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>

#include "base/macro.h"

/* Prints an error message as one line on standard error; unsafe characters are escaped. */
_printf_(1, 2) void report(const char *format, ...);

/*
 * Reports the error of the client's last call. Returns its exit status; 0 for 0, without a message.
 */
int report_call(passlock *client, int r);

/* Like report_call(), for the error message of an asynchronous call. */
int report_failure(int r, const char *text);

/* Reports a failed write to standard output; silent for EPIPE, as of `passlockctl ... | head`.
 * Returns the exit status. */
int report_write_error(int e);

/* Reports a failure to read the journal, a negative errno. Returns the exit status. */
int report_journal(int r);

/* Maps the return value of a call to an exit status. */
int exit_status(int r);
