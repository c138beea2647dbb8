/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* A warning of a vault change. Strings are owned. */
typedef struct Warning {
        char *code;
        char *message;
        char *passkey_id; /* NULL: none */
} Warning;

/* The result of a vault change: a token for the page to update the device. */
typedef struct Management {
        char *token;
        uint64_t expires_at_ms;
        Warning *warnings;
        size_t n_warnings;
} Management;

/* Takes ownership of the strings, also on failure. Returns 0 or -ENOMEM. */
int management_add_warning(Management *management, char *code, char *message, char *passkey_id);
/* Wipes the token, frees the members, and zeroes the result. */
void management_clear(Management *management);
