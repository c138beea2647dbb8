/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "examples/webapp/app.h"
#include "examples/webapp/passkey.h"
#include "examples/webapp/signin.h"
#include "examples/webapp/vault.h"

Session *app_session(Request *request)
{
        App *app = request->userdata;

        return sessions_find(app->sessions, request_session(request));
}

Account *app_account(Request *request)
{
        Session *session = app_session(request);

        if (session && session->account)
                return session->account;
        request_fail(request, MHD_HTTP_UNAUTHORIZED, "SignedOut", "You are no longer signed in.");
        return NULL;
}

void app_fail(Request *request, int r)
{
        if (r == -EEXIST)
                request_fail(request, MHD_HTTP_CONFLICT, "UsernameTaken",
                             "This username is taken. Please choose another one.");
        else if (r == -ENOSPC)
                request_fail(request, MHD_HTTP_INSUFFICIENT_STORAGE, "Full",
                             "Too many accounts for this example.");
        else
                request_reply_json(request, 0, NULL);
}

static json_t *account_to_json(const Account *account)
{
        return account ? json_pack("{s:s, s:s?, s:s?}", "id", account->id, "username",
                                   account->username, "displayName", account->display_name)
                       : json_null();
}

static json_t *principal_to_json(const passlock_principal *principal)
{
        if (!principal)
                return json_null();
        return json_pack("{s:s, s:s?, s:b, s:I, s:s?, s:s?}", "passkeyId",
                         passlock_principal_get_authenticator_id(principal), "platformName",
                         passlock_principal_get_platform_name(principal), "userVerified",
                         passlock_principal_is_user_verified(principal), "at",
                         (json_int_t) passlock_principal_get_created_at_ms(principal), "ipAddress",
                         passlock_principal_get_ip_address(principal), "userAgent",
                         passlock_principal_get_user_agent(principal));
}

/* `session` may be NULL. */
static void reply_session(Request *request, const Session *session)
{
        const App *app = request->userdata;

        request_reply_json(request, MHD_HTTP_OK,
                           json_pack("{s:o, s:o, s:{s:s, s:s}}", "user",
                                     account_to_json(session ? session->account : NULL), "signIn",
                                     principal_to_json(session ? session->principal : NULL),
                                     "passlock", "tenancyId", app->tenancy_id, "endpoint",
                                     app->endpoint));
}

void app_sign_in(Request *request, Account *account, passlock_principal *principal)
{
        App *app = request->userdata;
        Session *session = app_session(request);
        int r = 0;

        if (!session)
                r = sessions_begin(app->sessions, &session);
        if (r == 0)
                r = session_sign_in(session, account, principal);
        if (r == 0)
                r = request_set_session(request, session->token);
        if (r == 0)
                reply_session(request, session);
        else
                app_fail(request, r);
}

static void on_session(Request *request)
{
        reply_session(request, app_session(request));
}

/* Returns the names in the body; on invalid names it replies and returns false. */
static bool read_names(Request *request, const char **ret_username, const char **ret_display_name)
{
        const char *username = request_string(request, "username");
        const char *display_name = request_string(request, "displayName");

        if (!username || !username_is_valid(username)) {
                request_fail(
                        request, MHD_HTTP_BAD_REQUEST, "BadUsername",
                        "A username is up to 32 letters, digits, dots, dashes and underscores.");
                return false;
        }
        if (!display_name || !display_name_is_valid(display_name)) {
                request_fail(request, MHD_HTTP_BAD_REQUEST, "BadDisplayName",
                             "Please enter a name of up to 128 characters.");
                return false;
        }
        *ret_username = username;
        *ret_display_name = display_name;
        return true;
}

static void on_signup(Request *request)
{
        App *app = request->userdata;
        const char *username, *display_name;
        Account *account;
        int r;

        if (!read_names(request, &username, &display_name))
                return;
        r = accounts_sign_up(app->accounts, username, display_name, &account);
        if (r == 0)
                app_sign_in(request, account, NULL);
        else
                app_fail(request, r);
}

static void on_rename(Request *request)
{
        const App *app = request->userdata;
        Account *account = app_account(request);
        const char *username, *display_name;
        int r;

        if (!account || !read_names(request, &username, &display_name))
                return;
        r = accounts_rename(app->accounts, account, username, display_name);
        if (r == 0)
                reply_session(request, app_session(request));
        else
                app_fail(request, r);
}

static void on_signout(Request *request)
{
        Session *session = app_session(request);
        int r;

        if (session)
                session_end(session);
        r = request_set_session(request, NULL);
        if (r == 0)
                reply_session(request, NULL);
        else
                app_fail(request, r);
}

const Route app_routes[] = {
        {"GET", "/api/session", on_session},
        {"POST", "/api/signup", on_signup},
        {"POST", "/api/signin/authorize", signin_on_authorize},
        {"POST", "/api/signin", signin_on_exchange},
        {"POST", "/api/signout", on_signout},
        {"POST", "/api/account", on_rename},
        {"GET", "/api/passkeys", passkey_on_list},
        {"POST", "/api/passkeys/authorize", passkey_on_authorize},
        {"POST", "/api/passkeys/exchange", passkey_on_exchange},
        {"POST", "/api/passkeys/update", vault_on_update},
        {"POST", "/api/passkeys/prune", vault_on_prune},
        {"DELETE", "/api/passkeys/", vault_on_delete},
        {0},
};
