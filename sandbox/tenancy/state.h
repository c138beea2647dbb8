/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/* A JSON object in a file that only its owner reads: it has a private key in it. */

/*
 * Returns 0 and the owned object, -ENOENT if there is no such file, -EBADMSG if it does not hold
 * one JSON object, or another negative errno if it cannot be read.
 */
int state_load(const char *path, json_t **ret);

/*
 * Puts an object in place of what the file held. After any failure, crash or power cut the file is
 * either the old or the new one, whole. Returns 0 or a negative errno.
 */
int state_save(const char *path, const json_t *state);
