/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "examples/webapp/app.h"
#include "examples/webapp/cleanup.h"
#include "examples/webapp/failure.h"
#include "examples/webapp/signin.h"

/* ---- Authentication token -------------------------------------------------------------------- */

/* The same error for an unknown user and a user without passkey. */
static void fail_no_passkey(Request *request)
{
        request_fail(request, MHD_HTTP_NOT_FOUND, "NoPasskey",
                     "No passkey was found for this username. Please check the spelling.");
}

static void on_authorized(passlock *client, int r, const char *error_text, passlock_token *token,
                          void *userdata)
{
        Request *request = userdata;

        (void) client, (void) error_text;
        if (r == PASSLOCK_ERROR_BAD_REQUEST && request_string(request, "username"))
                fail_no_passkey(request);
        else if (r != 0)
                request_fail_passlock(request, r);
        else
                request_reply_json(
                        request, MHD_HTTP_OK,
                        json_pack("{s:s}", "authenticationToken", passlock_token_get_text(token)));
}

/* The passkeys of one account, or any discoverable passkey. */
static int set_scope(passlock_options *options, const Account *account, bool autofill)
{
        int r;

        if (account)
                return passlock_options_set_string(options, "user_id", account->id);
        r = passlock_options_set_bool(options, "discoverable", true);
        if (r == 0 && autofill)
                r = passlock_options_set_string(options, "mediation", "conditional");
        return r;
}

/* Binds the sign-in to the session and to the account that the user has named. */
static int expect(Request *request, const Account *account)
{
        App *app = request->userdata;
        Session *session = app_session(request);
        int r = 0;

        if (!session) {
                r = sessions_begin(app->sessions, &session);
                if (r == 0)
                        r = request_set_session(request, session->token);
        }
        if (r == 0)
                session->expected = account;
        return r;
}

void signin_on_authorize(Request *request)
{
        _cleanup_(passlock_options_unrefp) passlock_options *options = NULL;
        App *app = request->userdata;
        const char *username = request_string(request, "username");
        const Account *account = NULL;
        int r;

        if (username) {
                account = accounts_find_by_username(app->accounts, username);
                if (!account) {
                        fail_no_passkey(request);
                        return;
                }
        }
        r = expect(request, account);
        if (r == 0)
                r = passlock_options_new(&options);
        if (r == 0)
                r = set_scope(options, account, request_is_true(request, "autofill"));
        if (r == 0)
                r = passlock_authorize_authentication_async(app->passlock, app->rp_id, options,
                                                            on_authorized, request, NULL);
        if (r != 0)
                request_fail_passlock(request, r);
}

/* ---- Exchange of the code -------------------------------------------------------------------- */

static void fail_no_session(Request *request)
{
        request_fail(request, MHD_HTTP_BAD_REQUEST, "InvalidCode",
                     "The sign-in has expired, or another one was started. Please start again.");
}

static void on_exchanged(passlock *client, int r, const char *error_text,
                         passlock_principal *principal, void *userdata)
{
        Request *request = userdata;
        App *app = request->userdata;
        Account *account;

        (void) client, (void) error_text;
        if (r == PASSLOCK_ERROR_USER_MISMATCH) {
                request_fail(request, MHD_HTTP_FORBIDDEN, "UserMismatch",
                             "This passkey belongs to another account than this username.");
                return;
        }
        if (r != 0) {
                request_fail_passlock(request, r);
                return;
        }
        if (!app_session(request)) {
                fail_no_session(request);
                return;
        }
        r = accounts_welcome(app->accounts, passlock_principal_get_user_id(principal), &account);
        if (r == 0)
                app_sign_in(request, account, principal);
        else
                app_fail(request, r);
}

void signin_on_exchange(Request *request)
{
        _cleanup_(passlock_options_unrefp) passlock_options *options = NULL;
        const App *app = request->userdata;
        const Session *session = app_session(request);
        const char *code = request_string(request, "code");
        int r;

        if (!session || !code) {
                fail_no_session(request);
                return;
        }
        r = passlock_options_new(&options);
        if (r == 0)
                r = passlock_options_set_string(options, "request_id", session->request_id);
        if (r == 0 && session->expected)
                r = passlock_options_set_string(options, "user_id", session->expected->id);
        if (r == 0)
                r = passlock_exchange_async(app->passlock, code, options, on_exchanged, request,
                                            NULL);
        if (r != 0)
                request_fail_passlock(request, r);
}
