/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/* The state file: a JSON object, mode 0600 because of the private key. */

/*
 * Returns 0 and the owned object, -ENOENT if the file is missing, -EBADMSG if the file is not one
 * JSON object, or another negative errno.
 */
int state_load(const char *path, json_t **ret);

/*
 * Replaces the file atomically: after a crash or power failure the file is the old or the new one.
 * Returns 0 or a negative errno.
 */
int state_save(const char *path, const json_t *state);
