/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>

#include "base/macro.h"

/* One line on standard error, whatever is quoted in it. */
_printf_(1, 2) void report(const char *format, ...);

/* Says why the client's last call failed. Returns the exit status for it; 0 for 0, silently. */
int report_call(passlock *client, int r);

/* The same for what came with the failure of an asynchronous call. */
int report_failure(int r, const char *text);

/* The exit status for what a call returned. */
int exit_status(int r);
