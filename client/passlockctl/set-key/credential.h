/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/secret.h"

/* Whether it can be the name of a credential and of a file. */
bool credential_name_is_valid(const char *name);

/* Where a key goes: into `dir`, or, without one, where systemd looks. To be given to free(); NULL
 * for lack of memory. */
char *credential_path(const char *dir, const char *name, bool plain);

/*
 * Stores a key as a credential for systemd, at that path: sealed by systemd-creds, or as it is. It
 * is there as a whole and on disk, or what was there before is still there. Without `dir`, one that
 * was stored in the other way goes, so that there is one key of that name. What goes wrong has been
 * reported. Returns 0 or a negative errno.
 */
int credential_store(const char *dir, const char *name, const Secret *key, bool plain,
                     const char *path);
