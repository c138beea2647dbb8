/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/* A model of authenticators, by its AAGUID. */
typedef struct Platform {
        const char *aaguid; /* lower-case UUID */
        const char *name;
        const char *icon; /* SVG */
} Platform;

/* Returns the static platform of an AAGUID, or NULL if it is unknown. */
const Platform *platform_find(const char *aaguid);

/*
 * Returns an owned copy of a passkey, with the URL of the platform's icon. The base is an origin,
 * or "" for a relative URL.
 */
json_t *platform_with_icon(json_t *passkey, const char *base);
