/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/secret.h"

/* A credential, as systemd hands them over: a file in $CREDENTIALS_DIRECTORY, with an API key in
 * it. */

/* What became of reading one; from good to bad. */
typedef enum CredentialFault {
        CREDENTIAL_FINE,
        CREDENTIAL_MISSING,    /* there is no file */
        CREDENTIAL_UNUSABLE,   /* there is one, and it is no key */
        CREDENTIAL_UNREADABLE, /* it cannot be told what is in it */
} CredentialFault;

/* NULL if the process was given none. */
const char *credential_directory(void);

/*
 * Reads the key in a credential. Returns 0 if it is known what there is: a key, or else what is
 * wrong, as *ret_fault and as a text (the caller's) that continues a sentence; -ENOMEM; or, for a
 * credential that cannot be read, the errno, and the text as well.
 */
int credential_read(const char *name, CredentialFault *ret_fault, char **ret_text, Secret **ret);
