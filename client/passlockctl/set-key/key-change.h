/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/secret.h"
#include "client/passlockctl/invocation.h"

/* How set-key gives a tenancy another key. */
typedef struct KeyChange {
        Invocation *invocation;
        passlock_tenancy *tenancy; /* as the daemon had it before */
        Secret *key;
        char *name;            /* of the credential */
        char *path;            /* where the key is stored */
        const char *activated; /* how the daemon came to it: by "restart" or by "reload" */
} KeyChange;

/*
 * Sees to it that the daemon can be asked. If a sealed key that does not open keeps its unit from
 * starting, which is what set-key is to mend, that key is set aside. All of these say what is
 * wrong, and return 0 or the exit status.
 */
int key_quarantine_and_start(const Invocation *invocation);

/* Whether something of the unit's goes before the key that is about to be stored. */
int key_check_sources(const KeyChange *change);

/* Has the daemon use the key that is stored. */
int key_activate(KeyChange *change);

/* Has the daemon prove that it has this very key, and make a call with it. */
int key_prove(const KeyChange *change);
