/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Credentials of the daemon's unit with the file and line of their settings, parsed from `systemctl
 * cat` by systemd's rules.
 */
typedef struct UnitCredentials UnitCredentials;

typedef struct CredentialSetting {
        char *setting; /* LoadCredential, LoadCredentialEncrypted, SetCredential,
                          SetCredentialEncrypted */
        char *id;
        char *path; /* NULL: systemd searches for the id */
        bool sealed;
        bool literal;   /* inline in the unit file */
        bool generated; /* by passlock-credentials-generator or the shipped unit */
        char *file;     /* of the setting */
        unsigned line;
} CredentialSetting;

/* NULL if systemctl fails. */
UnitCredentials *unit_credentials_new(void);
UnitCredentials *unit_credentials_free(UnitCredentials *credentials);
DEFINE_CLEANUP(UnitCredentials *, unit_credentials_free);

/* Finds the setting in effect for a credential; NULL if there is none. Borrowed. */
const CredentialSetting *unit_credentials_find(const UnitCredentials *credentials, const char *id);

/* Iterates over the settings in effect. NULL after the last one. */
const CredentialSetting *unit_credentials_at(const UnitCredentials *credentials, size_t index);

/*
 * File that a setting loads, which may not exist; NULL for an inline credential and if out of
 * memory. Free with free().
 */
char *credential_setting_file(const CredentialSetting *setting);

/* Whether a path is in systemd's search path for plain credentials. */
bool credential_file_is_in_plain_place(const char *path);

/*
 * A file that takes precedence over `path` in systemd's search for a credential: in an earlier
 * directory, or encrypted while `path` is plain. NULL if there is none. Free with free().
 */
char *credential_file_before(const char *id, bool sealed, const char *path);

/*
 * First file in systemd's search path, encrypted ones first. NULL if there is none. Free with
 * free().
 */
char *credential_file_anywhere(const char *id);
