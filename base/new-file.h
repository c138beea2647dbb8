/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Atomic file creation: written as a temporary file (`.NAME.XXXXXX`, mode 0600) in the same
 * directory, then renamed. Own code, because libc and libsystemd have no function that keeps the
 * directory open between the two steps.
 */
typedef struct NewFile NewFile;

/* Returns 0 or a negative errno; -EISDIR if `path` ends in a slash. */
int new_file_open(const char *path, NewFile **ret);
/* The descriptor to write to, owned by the NewFile. */
int new_file_fd(const NewFile *file);

/* Syncs the file and renames it. Without `replace`, an existing file is -EEXIST. Returns 0 or a
 * negative errno. */
int new_file_publish(NewFile *file, bool replace);

/* Removes the temporary file, if not published. Returns NULL. */
NewFile *new_file_free(NewFile *file);
DEFINE_CLEANUP(NewFile *, new_file_free);
