/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/secret.h"

/* A systemd credential: a file in $CREDENTIALS_DIRECTORY that holds an API key. */

/* The result of reading a credential, from good to bad. */
typedef enum CredentialFault {
        CREDENTIAL_FINE,
        CREDENTIAL_MISSING,    /* no such file */
        CREDENTIAL_UNUSABLE,   /* not a valid key */
        CREDENTIAL_UNREADABLE, /* unreadable */
} CredentialFault;

/* NULL if unset. */
const char *credential_directory(void);

/*
 * Reads the key of a credential. Returns 0 with a key, or with *ret_fault and a text (the caller's)
 * without a capital letter; -ENOMEM; or for an unreadable credential, its errno and the text.
 */
int credential_read(const char *name, CredentialFault *ret_fault, char **ret_text, Secret **ret);
