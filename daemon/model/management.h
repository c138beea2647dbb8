/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Something that a change of the vault could not do. Strings are owned. */
typedef struct Warning {
        char *code;
        char *message;
        char *passkey_id; /* NULL: it is about none */
} Warning;

/* What a change of the vault comes to: a token with which the page tells the device. */
typedef struct Management {
        char *token;
        uint64_t expires_at_ms;
        Warning *warnings;
        size_t n_warnings;
} Management;

/* Takes the strings over, also when it fails. Returns 0 or -ENOMEM. */
int management_add_warning(Management *management, char *code, char *message, char *passkey_id);
/* Frees what it owns, wipes the token, and zeroes it. */
void management_clear(Management *management);
