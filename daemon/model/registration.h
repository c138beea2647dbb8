/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* The arguments of creating a passkey. Strings are owned. */
typedef struct Registration {
        char *rp_id;
        char *rp_name;
        char *user_id;
        char *username;
        char *display_name;         /* NULL: none */
        char **exclude_credentials; /* authenticator ids, NULL-terminated; NULL: none */
        char *user_verification;    /* NULL: the API's default */
        uint32_t timeout_ms;        /* 0: the API's default */
} Registration;

Registration *registration_new(void);
Registration *registration_free(Registration *registration);
DEFINE_CLEANUP(Registration *, registration_free);

/* A one-time token for a page. */
typedef struct Token {
        char *token;
        uint64_t expires_at_ms;
} Token;
