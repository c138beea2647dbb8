/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include "base/macro.h"

/* The default credential: any start of the unit finds a sealed key by this name, without a
 * daemon-reload. */
#define CREDENTIAL_DEFAULT "passlock.default"

/*
 * Writes a LoadCredential= or LoadCredentialEncrypted= setting for each name. A name must be
 * either: LoadCredentialEncrypted= also searches credstore/ and fails on a plain file there. So
 * files in credstore.encrypted/ and credstore/ of the NULL-terminated `parents` decide. Without a
 * file, the unit starts, and a later file is found if it is plain, or sealed for
 * CREDENTIAL_DEFAULT.
 *
 * Names that need quoting are skipped and logged. Returns the number of settings written.
 */
size_t credential_settings_write(FILE *to, char *const *names, const char *const *parents);
