/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "keyholder/http/http.h"

/* An HTTP origin (Endpoint=) with the trust anchors for it: its connections and its TLS health.
 * Accounts share it, so that connections survive another key. */
typedef struct Origin {
        unsigned n_ref;
        char *endpoint;
        char *ca_file; /* NULL: the system's trust anchors */
        HttpClient *http;
        int trust_error; /* TLS error of the last attempt: -EKEYREJECTED, -ENOENT or 0 */
} Origin;

/* Returns 0 or the result of http_client_new(). */
int origin_new(sd_event *event, const char *endpoint, const char *ca_file, Origin **ret);
Origin *origin_ref(Origin *origin);
/* Drops a reference and returns NULL; the last one closes the connections. NULL is fine. */
Origin *origin_unref(Origin *origin);
DEFINE_CLEANUP(Origin *, origin_unref);

bool origin_has_settings(const Origin *origin, const char *endpoint, const char *ca_file);

/* Logs when trust is lost and when it is back. r is the result of an attempt, see HttpFunc. */
void origin_note_trust(Origin *origin, int r);
