/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/secret.h"

/* Whether it can be the name of a credential and of a file. */
bool credential_name_is_valid(const char *name);

/*
 * Stores a key as a credential for systemd: sealed by systemd-creds, in
 * /etc/credstore.encrypted, or as it is, in /etc/credstore; `dir` is another place for it. It is
 * there as a whole and on disk, or what was there before is still there. Without `dir`, one that
 * was stored in the other way goes, so that there is one key of that name. `ret_path` is for
 * free(). What goes wrong has been reported. Returns 0 or a negative errno.
 */
int credential_store(const char *dir, const char *name, const Secret *key, bool plain,
                     char **ret_path);
