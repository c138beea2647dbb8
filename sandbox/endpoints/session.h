/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/endpoints/call.h"

/* A session is a WebAuthn ceremony between the options call and the verification call. */

enum {
        SESSION_LIFETIME_MS = 5 * 60 * 1000,
        SESSION_WAITING_LIFETIME_MS = 60 * 60 * 1000, /* conditional mediation */
};

/* Checks the Origin header. Returns NULL or a static error message. */
const char *session_check_origin(const Call *call);

/*
 * Returns an owned session for an authorized ceremony, with a new challenge, bound to the origin of
 * the call.
 */
json_t *session_new(const Call *call, const json_t *authorized);

/*
 * Issues the session token. It expires after lifetime_ms, or after the timeout of the ceremony if
 * that is longer. Owned.
 */
char *session_issue(const Call *call, TokenKind kind, json_t *session, const json_t *authorized,
                    int64_t lifetime_ms);

/* Returns the expected values of the ceremony, borrowed from the session. */
Ceremony session_ceremony(const json_t *session);
