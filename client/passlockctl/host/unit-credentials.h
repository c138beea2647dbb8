/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Which credentials the daemon's unit is given, and by which line of which file: what `systemctl
 * cat` shows, read as systemd reads it. */
typedef struct UnitCredentials UnitCredentials;

typedef struct CredentialSetting {
        char *setting; /* LoadCredential, LoadCredentialEncrypted, SetCredential,
                          SetCredentialEncrypted */
        char *id;
        char *path; /* that it names; NULL: none, so that systemd searches for the id */
        bool sealed;
        bool literal;   /* the file of the unit has the credential itself */
        bool generated; /* by passlock-credentials-generator, or in the unit as it is shipped */
        char *file;     /* that has the setting */
        unsigned line;
} CredentialSetting;

/* NULL if it cannot be known. */
UnitCredentials *unit_credentials_new(void);
UnitCredentials *unit_credentials_free(UnitCredentials *credentials);
DEFINE_CLEANUP(UnitCredentials *, unit_credentials_free);

/* The setting by which the unit is given that credential; NULL if there is none. Lent. */
const CredentialSetting *unit_credentials_find(const UnitCredentials *credentials, const char *id);

/* Each that is in effect. NULL after the last one. */
const CredentialSetting *unit_credentials_at(const UnitCredentials *credentials, size_t index);

/* The file that a setting loads, or would if it were there; NULL for a literal one, and for lack of
 * memory. To be given to free(). */
char *credential_setting_file(const CredentialSetting *setting);

/* Whether it lies where systemd searches for plain credentials. */
bool credential_file_is_in_plain_place(const char *path);

/* A file that systemd, searching for a credential of that name, takes before `path`: one in a
 * directory that it looks into earlier, or, of a plain one, any that is sealed. NULL if there is
 * none. To be given to free(). */
char *credential_file_before(const char *id, bool sealed, const char *path);

/* Where a key of that name lies, in the order in which systemd searches, sealed ones first. NULL:
 * nowhere. To be given to free(). */
char *credential_file_anywhere(const char *id);
