/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/endpoints/call.h"

/* A session is one ceremony, between the page's two calls: what the first one has promised it. */

enum {
        SESSION_LIFETIME_MS = 5 * 60 * 1000,
        SESSION_WAITING_LIFETIME_MS = 60 * 60 * 1000, /* behind a form, until the user comes */
};

/* Returns NULL, or in a static sentence why no session can be opened for this page. */
const char *session_check_origin(const Call *call);

/*
 * Returns an owned session for what a backend has authorised: with a challenge of its own, and held
 * to the origin of this call.
 */
json_t *session_new(const Call *call, const json_t *authorised);

/*
 * Issues the owned token that resumes a session within this time, or that of the ceremony itself
 * if it has been given more.
 */
char *session_issue(const Call *call, TokenKind kind, json_t *session, const json_t *authorised,
                    int64_t lifetime_ms);

/* What the ceremony is held to, borrowed from the session. */
Ceremony session_ceremony(const json_t *session);
