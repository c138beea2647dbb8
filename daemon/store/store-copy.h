/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Copies the store in a directory to a new file, compactly and as of one moment: with all that was
 * acknowledged before, and no change by half. The store may be in use meanwhile, by another
 * process; that goes on, but for the disk space of what it frees while the copy is made.
 *
 * The file comes into being whole, is the caller's own with mode 0600, and replaces none. Whoever
 * calls as root reads the directory as its owner, in a process of its own: what the service could
 * have put there does not get to act as root.
 *
 * SIGINT, SIGTERM and SIGHUP, which the caller has blocked, end it with -EINTR. Logs why it fails,
 * with a negative errno.
 */
int store_copy(const char *directory, const char *path);
