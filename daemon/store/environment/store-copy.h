/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Makes a compact, consistent snapshot of the store in a new file: all acknowledged changes, no
 * partial one. The store may be in use by another process, which cannot reuse freed pages
 * meanwhile.
 *
 * The file appears complete, with mode 0600, and never replaces another file. If root calls this, a
 * child process reads the directory as its owner: root must not parse data that the service could
 * have written.
 *
 * The caller must have blocked SIGINT, SIGTERM and SIGHUP; they end the copy with -EINTR. Returns 0
 * or a negative errno, and logs a failure.
 */
int store_copy(const char *directory, const char *path);
