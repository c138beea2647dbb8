/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * A file that comes into being whole, or not at all. It is written under a name of its own beside
 * the final one (`.NAME.` and six characters), with mode 0600.
 */
typedef struct NewFile NewFile;

/* Returns 0 or a negative errno; -EISDIR if `path` ends in a slash. */
int new_file_open(const char *path, NewFile **ret);
/* To write to: the file's own. */
int new_file_fd(const NewFile *file);

/* Gives it its name, once all of it is on the disk. With `replace` in the place of what has that
 * name; else that is -EEXIST. Returns 0 or a negative errno. */
int new_file_publish(NewFile *file, bool replace);

/* Removes what was not published. Returns NULL. */
NewFile *new_file_free(NewFile *file);
DEFINE_CLEANUP(NewFile *, new_file_free);
