/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>

#include "examples/webapp/account.h"
#include "examples/webapp/server.h"

/* What the handlers work with. */
typedef struct App {
        Accounts *accounts;
        passlock *passlock;
        const char *rp_id;
        const char *tenancy_id; /* this and the endpoint: for the page */
        const char *endpoint;
} App;

/*
 * GET    /api/session                who is signed in, and what the page needs for passlock.js
 * POST   /api/signup                 {"username", "displayName"}
 * POST   /api/signout
 * GET    /api/passkeys               the user's passkeys, as passlockd has them
 * POST   /api/passkeys/authorize     a token, with which the page makes a passkey
 * POST   /api/passkeys/exchange      {"code"} from the page: the passkey is the user's now
 * DELETE /api/passkeys/ID
 */
extern const Route app_routes[];

/* Who is signed in, for a request that needs that. If nobody is, it replies 401 and returns NULL.
 */
Account *app_account(App *app, Request *request);
