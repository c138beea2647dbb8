/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Directories that contain a store. Nobody may have the store open. Functions return 0 or a
 * negative errno. */

/* Removes the files of a store. A missing directory is no error. */
int store_directory_clear(const char *directory);
/* Also removes the directory, which must contain nothing else. */
int store_directory_remove(const char *directory);
