/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>

#include "examples/webapp/account.h"
#include "examples/webapp/server.h"
#include "examples/webapp/session.h"

/* Userdata of every request. */
typedef struct App {
        Accounts *accounts;
        Sessions *sessions;
        passlock *passlock;
        const char *rp_id;
        const char *tenancy_id; /* tenancy_id and endpoint are for passlock.js */
        const char *endpoint;
} App;

/*
 * GET    /api/session                account, sign-in, and the settings for passlock.js
 * POST   /api/signup                 {"username", "displayName"}
 * POST   /api/signin/authorize       {"username"?, "autofill"?}: an authentication token
 * POST   /api/signin                 {"code"} from the page: signs in
 * POST   /api/signout
 * POST   /api/account                {"username", "displayName"}: changes the names
 * GET    /api/passkeys               the passkeys of the user, from passlockd
 * POST   /api/passkeys/authorize     a registration token
 * POST   /api/passkeys/exchange      {"code"} from the page: links the passkey to the user
 * These return a token, with which the page signals the change to the device:
 * POST   /api/passkeys/update        copies the names of the account to the passkeys
 * POST   /api/passkeys/prune         no change: signals the valid passkeys
 * DELETE /api/passkeys/ID
 */
extern const Route app_routes[];

/* Returns the session of a request, or NULL. */
Session *app_session(Request *request);

/* Returns the signed-in account; otherwise it replies 401 and returns NULL. */
Account *app_account(Request *request);

/* Signs in with session_sign_in(), creates the session if necessary, and replies. */
void app_sign_in(Request *request, Account *account, passlock_principal *principal);

/* Replies with the error of a negative errno. */
void app_fail(Request *request, int r);
