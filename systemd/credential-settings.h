/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include "base/macro.h"

/* A sealed key under this name is found by any start of the unit, whenever it came. */
#define CREDENTIAL_DEFAULT "passlock.default"

/*
 * Has a unit load credentials: writes a setting for each name. A unit cannot have one name both
 * sealed and plain, since with LoadCredentialEncrypted= systemd looks into credstore/ as well and
 * fails with what is plain there. So it goes by the files in credstore.encrypted/ and credstore/ of
 * the directories `parents`, which end in NULL. Where there is neither, nothing fails, and what
 * comes later is found if it is plain, or sealed in the case of CREDENTIAL_DEFAULT, which most
 * hosts have.
 *
 * GrantNameResolver that would be something else in a unit file are refused, and logged. Returns how many
 * settings were written.
 */
size_t credential_settings_write(FILE *to, char *const *names, const char *const *parents);
