/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/secret.h"

/* Whether a string is valid as credential name and file name. */
bool credential_name_is_valid(const char *name);

/*
 * Path of a credential in `dir`, NULL: in systemd's search path. Free with free(); NULL if out of
 * memory.
 */
char *credential_path(const char *dir, const char *name, bool plain);

/*
 * Stores a key atomically as a systemd credential, encrypted by systemd-creds or plain. Without
 * `dir`, also removes the plain or encrypted credential that the new one replaces. Reports errors.
 * Returns 0 or a negative errno.
 */
int credential_store(const char *dir, const char *name, const Secret *key, bool plain,
                     const char *path);
