/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/secret.h"

/* A systemd credential: a file in $CREDENTIALS_DIRECTORY. */

typedef enum CredentialKind {
        CREDENTIAL_API_KEY,
        CREDENTIAL_PRIVATE_KEY, /* of a certificate: PEM, without a passphrase */
        CREDENTIAL_LOGIN,       /* see store-login.h */
} CredentialKind;

/* The result of reading a credential, from good to bad. */
typedef enum CredentialFault {
        CREDENTIAL_FINE,
        CREDENTIAL_MISSING,    /* no such file */
        CREDENTIAL_UNUSABLE,   /* not of its kind */
        CREDENTIAL_UNREADABLE, /* unreadable */
} CredentialFault;

/* NULL if unset. */
const char *credential_directory(void);

/*
 * Reads a credential. Returns 0 with its content, or with *ret_fault and a text (the caller's)
 * without a capital letter; -ENOMEM; or for an unreadable credential, its errno and the text.
 */
int credential_read(CredentialKind kind, const char *name, CredentialFault *ret_fault,
                    char **ret_text, Secret **ret);
