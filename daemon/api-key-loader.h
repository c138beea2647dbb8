/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/secret.h"
#include "daemon/config/config.h"

/*
 * Loads the API keys: credentials, each a file in $CREDENTIALS_DIRECTORY. While a key is missing or
 * invalid, the directory is watched by inotify, and the key is reported once it is valid.
 */
typedef struct ApiKeyLoader ApiKeyLoader;

/* A missing key was found. The key is lent. Called from the event loop. */
typedef void (*ApiKeyFoundFunc)(const char *label, Secret *key, void *userdata);

/* Returns 0 or a negative errno. */
int api_key_loader_new(sd_event *event, ApiKeyFoundFunc found, void *userdata, ApiKeyLoader **ret);
ApiKeyLoader *api_key_loader_free(ApiKeyLoader *loader);
DEFINE_CLEANUP(ApiKeyLoader *, api_key_loader_free);

/*
 * Reads the key of a tenancy. Returns 0 and the key; 0 and NULL if it is missing or invalid; or a
 * negative errno if it cannot be read. A failure leaves an audit record, except a missing key with
 * `had_key`: the removal has its own record.
 */
int api_key_loader_load(ApiKeyLoader *loader, const TenancyConfig *tenancy, bool had_key,
                        Secret **ret);

/* Drops the keys of tenancies that are no longer configured. */
void api_key_loader_retain(ApiKeyLoader *loader, const Config *config);

/* Adds a finding for each key that is missing or invalid. Returns 0 or -ENOMEM. */
int api_key_loader_diagnose(const ApiKeyLoader *loader, FindingList *list);
