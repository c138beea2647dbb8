/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/secret.h"
#include "client/passlockctl/invocation.h"

/* State of set-key. */
typedef struct KeyChange {
        Invocation *invocation;
        passlock_tenancy *tenancy; /* before the change */
        Secret *key;
        char *name;            /* of the credential */
        char *path;            /* of the credential file */
        const char *activated; /* "restart" or "reload" */
} KeyChange;

/*
 * Checks for settings and files that take precedence over the new key. All functions here report
 * errors and return 0 or the exit status.
 */
int key_check_sources(KeyChange *change);

/* Makes the daemon load the stored key. */
int key_activate(KeyChange *change);

/* Verifies that the daemon uses the key, and makes a call with it. */
int key_prove(KeyChange *change);
