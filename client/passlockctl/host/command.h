/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Runs a program that is found by $PATH, without a shell, and waits for it. A descriptor of -1 is
 * /dev/null. Returns its exit status, 128 and more if a signal ended it, 127 if there is no such
 * program; or a negative errno.
 */
int command_run(const char *const argv[], int stdin_fd, int stdout_fd, int stderr_fd);

/* The same for what it writes, cut to `size` with the final NUL. What it complains of is dropped.
 */
int command_read_stdout(const char *const argv[], char *output, size_t size);

/* The same for what it complains of; what it writes is dropped. */
int command_read_stderr(const char *const argv[], char *output, size_t size);
