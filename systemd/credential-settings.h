/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include "base/macro.h"

/* The credential without a configuration. */
#define CREDENTIAL_DEFAULT "passlock.default"

/*
 * Writes the settings that load each named credential. A sealed one, which has a file in
 * credstore.encrypted/ of the NULL-terminated `parents`, is loaded from
 * passlock-unseal@NAME.service, because LoadCredentialEncrypted= would not start a unit if one of
 * its credentials cannot be decrypted; the credential is then an empty line. Without a file, a
 * later file in credstore/ is found.
 *
 * Names that need quoting are skipped and logged. Returns the number of credentials.
 */
size_t credential_settings_write(FILE *to, char *const *names, const char *const *parents);
