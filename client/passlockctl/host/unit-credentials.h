/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Credentials of a unit with the file and line of their settings, parsed from `systemctl cat` by
 * systemd's rules.
 */
typedef struct UnitCredentials UnitCredentials;

/* In systemd's order of precedence. */
typedef enum CredentialSource {
        CREDENTIAL_LOADED,
        CREDENTIAL_IMPORTED, /* from the search path, if the name matches; systemd 254 */
        CREDENTIAL_LITERAL,  /* inline in the unit file */
} CredentialSource;

typedef struct CredentialSetting {
        char *setting; /* LoadCredential, LoadCredentialEncrypted, ImportCredential, SetCredential,
                          SetCredentialEncrypted */
        char *id;      /* imported: a glob */
        char *path;    /* NULL: systemd searches for the id */
        CredentialSource source;
        bool sealed;
        bool separate;  /* sealed, and decrypted by passlock-unseal@ID.service: a failure does not
                           keep the unit from starting */
        bool generated; /* by passlock-credentials-generator or the shipped unit */
        char *file;     /* of the setting */
        unsigned line;
} CredentialSetting;

/* NULL if systemctl fails. */
UnitCredentials *unit_credentials_new(const char *unit);
UnitCredentials *unit_credentials_free(UnitCredentials *credentials);
DEFINE_CLEANUP(UnitCredentials *, unit_credentials_free);

/* Finds the setting in effect for a credential; NULL if there is none. Borrowed. */
const CredentialSetting *unit_credentials_find(const UnitCredentials *credentials, const char *id);

/* An empty setting, which resets all earlier settings of loaded credentials. */
typedef struct CredentialReset {
        char *file;
        unsigned line;
} CredentialReset;

/* The generator's drop-in, which overrides drop-ins that sort before it. */
#define GENERATED_DROP_IN "50-credentials.conf"

/*
 * The reset in a later drop-in that cancels the generator's setting for a credential; NULL if there
 * is none, or if another setting provides the credential. Borrowed.
 */
const CredentialReset *unit_credentials_find_reset(const UnitCredentials *credentials,
                                                   const char *id);

/* Iterates over the settings in effect. NULL after the last one. */
const CredentialSetting *unit_credentials_at(const UnitCredentials *credentials, size_t index);

/*
 * File that a setting loads, which may not exist; NULL for an imported or inline credential and if
 * out of memory. Free with free().
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
 * First file of a credential in systemd's search path, encrypted ones first. NULL if there is none.
 * Free with free().
 */
char *credential_file_anywhere(const char *id);
