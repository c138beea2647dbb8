/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/secret.h"
#include "daemon/config/config.h"

/*
 * The API keys: credentials, each a file in $CREDENTIALS_DIRECTORY. One that is missing, or is no
 * key, is no reason not to run: the directory is watched until it is there, and then its tenancy
 * gets it. While all keys are there nothing is watched.
 */
typedef struct ApiKeyLoader ApiKeyLoader;

/* A key has come that was missing; lent. Called from the event loop. */
typedef void (*ApiKeyFoundFunc)(const char *label, Secret *key, void *userdata);

/* Returns 0 or a negative errno. */
int api_key_loader_new(sd_event *event, ApiKeyFoundFunc found, void *userdata, ApiKeyLoader **ret);
ApiKeyLoader *api_key_loader_free(ApiKeyLoader *keys);
DEFINE_CLEANUP(ApiKeyLoader *, api_key_loader_free);

/*
 * Reads the key of a tenancy. Returns 0 and the key, or 0 and NULL if there is none that is usable,
 * or a negative errno if that cannot be told; each of these leaves a record, but not a key that is
 * missing and was there until now (`had_key`), since its removal leaves one.
 */
int api_key_loader_load(ApiKeyLoader *keys, const TenancyConfig *tenancy, bool had_key,
                        Secret **ret);

/* Forgets the keys of tenancies that are not configured any more. */
void api_key_loader_retain(ApiKeyLoader *keys, const Config *config);

/* Adds a finding for each key that is missing or is none. Returns 0 or -ENOMEM. */
int api_key_loader_diagnose(const ApiKeyLoader *keys, FindingList *list);
