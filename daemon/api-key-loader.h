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
typedef struct Keys Keys;

/* A key has come that was missing; lent. Called from the event loop. */
typedef void (*KeysFoundFunc)(const char *label, Secret *key, void *userdata);

/* Returns 0 or a negative errno. */
int keys_new(sd_event *event, KeysFoundFunc found, void *userdata, Keys **ret);
Keys *keys_free(Keys *keys);
DEFINE_CLEANUP(Keys *, keys_free);

/*
 * Reads the key of a tenancy. Returns 0 and the key, or 0 and NULL if there is none that is usable,
 * or a negative errno if that cannot be told; each of these leaves a record, but not a key that is
 * missing and was there until now (`had_key`), since its removal leaves one.
 */
int keys_load(Keys *keys, const TenancyConfig *tenancy, bool had_key, Secret **ret);

/* Forgets the keys of tenancies that are not configured any more. */
void keys_retain(Keys *keys, const Config *config);

/* Adds a finding for each key that is missing or is none. Returns 0 or -ENOMEM. */
int keys_find(const Keys *keys, FindingList *list);
