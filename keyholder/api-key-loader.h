/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/secret.h"
#include "daemon/config/config.h"
#include "keyholder/credential.h"

/*
 * Loads the API keys: credentials, each a file in $CREDENTIALS_DIRECTORY. While a key is missing or
 * invalid, the directory is watched by inotify, and the key is reported once it is valid.
 */
typedef struct ApiKeyLoader ApiKeyLoader;

/* The fault of a credential; lent until the next load. */
typedef struct ApiKeyRead {
        CredentialFault fault;
        const char *text; /* describes the fault; NULL without one */
} ApiKeyRead;

/* A missing key was found, or (key NULL) its fault has changed. The arguments are lent. Called from
 * the event loop. */
typedef void (*ApiKeyFoundFunc)(const char *label, Secret *key, const ApiKeyRead *read,
                                void *userdata);

/* Returns 0 or a negative errno. */
int api_key_loader_new(sd_event *event, ApiKeyFoundFunc found, void *userdata, ApiKeyLoader **ret);
ApiKeyLoader *api_key_loader_free(ApiKeyLoader *loader);
DEFINE_CLEANUP(ApiKeyLoader *, api_key_loader_free);

/* Reads the key of a tenancy. Returns 0 and the key; 0, NULL and a fault; or -ENOMEM. */
int api_key_loader_load(ApiKeyLoader *loader, const TenancyConfig *tenancy, ApiKeyRead *ret_read,
                        Secret **ret);

/* Drops the keys of tenancies that are no longer configured. */
void api_key_loader_retain(ApiKeyLoader *loader, const Config *config);
