/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Runs a program from $PATH, without a shell, and waits for it. A descriptor of -1 is /dev/null.
 * Returns the exit status, 128 + N after signal N, 127 if the program is not installed; or a
 * negative errno.
 */
int command_run(const char *const argv[], int stdin_fd, int stdout_fd, int stderr_fd);

/*
 * Like command_run(), but captures standard output, truncated to `size` with the final NUL.
 * Discards standard error.
 */
int command_read_stdout(const char *const argv[], char *output, size_t size);

/* Like command_read_stdout(), but captures standard error and discards standard output. */
int command_read_stderr(const char *const argv[], char *output, size_t size);
