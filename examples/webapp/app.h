/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>

#include "examples/webapp/account.h"
#include "examples/webapp/server.h"
#include "examples/webapp/session.h"

/* What the handlers work with: the userdata of every request. */
typedef struct App {
        Accounts *accounts;
        Sessions *sessions;
        passlock *passlock;
        const char *rp_id;
        const char *tenancy_id; /* this and the endpoint: for the page */
        const char *endpoint;
} App;

/*
 * GET    /api/session                who is signed in, how, and what the page needs for passlock.js
 * POST   /api/signup                 {"username", "displayName"}
 * POST   /api/signin/authorize       {"username"?, "autofill"?}: a token, to sign in with
 * POST   /api/signin                 {"code"} from the page: whose passkey it is, is signed in
 * POST   /api/signout
 * POST   /api/account                {"username", "displayName"}: other names
 * GET    /api/passkeys               the user's passkeys, as passlockd has them
 * POST   /api/passkeys/authorize     a token, with which the page makes a passkey
 * POST   /api/passkeys/exchange      {"code"} from the page: the passkey is the user's now
 * These change the vault, and give a token with which the page tells the device:
 * POST   /api/passkeys/update        the passkeys get the account's names
 * POST   /api/passkeys/prune         (changes nothing) which passkeys are still good
 * DELETE /api/passkeys/ID
 */
extern const Route app_routes[];

/* The session of a request; NULL if it has none. */
Session *app_session(Request *request);

/* Who is signed in, for a request that needs that. If nobody is, it replies 401 and returns NULL.
 */
Account *app_account(Request *request);

/*
 * Signs somebody in, as session_sign_in() does, in the session of the request or in a new one, and
 * replies with it.
 */
void app_sign_in(Request *request, Account *account, passlock_principal *principal);

/* Replies with a negative errno of ours. */
void app_fail(Request *request, int r);
