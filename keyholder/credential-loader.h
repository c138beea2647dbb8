/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/secret.h"
#include "daemon/config/config.h"
#include "keyholder/credential.h"

/*
 * Loads API keys and other credentials, each a file in $CREDENTIALS_DIRECTORY. While one is missing
 * or invalid, the directory is watched by inotify, and the credential is reported once it is valid.
 */
typedef struct CredentialLoader CredentialLoader;

/* The fault of a credential; lent until the next load. */
typedef struct CredentialRead {
        CredentialFault fault;
        const char *text; /* describes the fault; NULL without one */
} CredentialRead;

/* A missing key was found, or (key NULL) its fault has changed. The arguments are lent. Called from
 * the event loop; may not load or forget. */
typedef void (*CredentialFoundFunc)(const char *label, Secret *key, const CredentialRead *read,
                                    void *userdata);

/* Returns 0 or a negative errno. */
int credential_loader_new(sd_event *event, CredentialFoundFunc found, void *userdata,
                          CredentialLoader **ret);
CredentialLoader *credential_loader_free(CredentialLoader *loader);
DEFINE_CLEANUP(CredentialLoader *, credential_loader_free);

/* Reads a credential; a label has one. Returns 0 and its content; 0, NULL and a fault; or -ENOMEM.
 */
int credential_loader_load(CredentialLoader *loader, const char *label, const char *credential,
                           CredentialKind kind, CredentialRead *ret_read, Secret **ret);
void credential_loader_forget(CredentialLoader *loader, const char *label);

/* Drops the keys of tenancies that are no longer configured. */
void credential_loader_retain(CredentialLoader *loader, const Config *config);
