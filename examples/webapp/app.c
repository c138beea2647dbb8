/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "examples/webapp/app.h"
#include "examples/webapp/passkey.h"

Account *app_account(App *app, Request *request)
{
        Account *account = accounts_find(app->accounts, request_session(request));

        if (!account)
                request_fail(request, MHD_HTTP_UNAUTHORIZED, "SignedOut",
                             "You are not signed in any more.");
        return account;
}

static void reply_session(const App *app, Request *request, const Account *account)
{
        json_t *who = account ? json_pack("{s:s, s:s}", "username", account->username,
                                          "displayName", account->display_name)
                              : json_null();

        request_reply_json(request, MHD_HTTP_OK,
                           json_pack("{s:o, s:{s:s, s:s}}", "user", who, "passlock", "tenancyId",
                                     app->tenancy_id, "endpoint", app->endpoint));
}

static void on_session(Request *request, void *userdata)
{
        App *app = userdata;

        reply_session(app, request, accounts_find(app->accounts, request_session(request)));
}

static void on_signup(Request *request, void *userdata)
{
        App *app = userdata;
        const char *username = request_string(request, "username");
        const char *display_name = request_string(request, "displayName");
        Account *account;
        int r;

        if (!username || !username_is_valid(username)) {
                request_fail(
                        request, MHD_HTTP_BAD_REQUEST, "BadUsername",
                        "A username is up to 32 letters, digits, dots, dashes and underscores.");
                return;
        }
        if (!display_name || !display_name_is_valid(display_name)) {
                request_fail(request, MHD_HTTP_BAD_REQUEST, "BadDisplayName",
                             "Please tell us your name, in up to 128 characters.");
                return;
        }

        r = accounts_sign_up(app->accounts, username, display_name, &account);
        if (r == 0)
                r = request_set_session(request, account->session);
        if (r == -EEXIST)
                request_fail(request, MHD_HTTP_CONFLICT, "UsernameTaken",
                             "This username is taken. Please choose another one.");
        else if (r == -ENOSPC)
                request_fail(request, MHD_HTTP_INSUFFICIENT_STORAGE, "Full",
                             "There is no room for more accounts in this example.");
        else if (r < 0)
                request_reply_json(request, 0, NULL);
        else
                reply_session(app, request, account);
}

static void on_signout(Request *request, void *userdata)
{
        App *app = userdata;
        Account *account = accounts_find(app->accounts, request_session(request));

        if (account)
                account_sign_out(account);
        if (request_set_session(request, NULL) < 0)
                request_reply_json(request, 0, NULL);
        else
                reply_session(app, request, NULL);
}

const Route app_routes[] = {
        {"GET", "/api/session", on_session},
        {"POST", "/api/signup", on_signup},
        {"POST", "/api/signout", on_signout},
        {"GET", "/api/passkeys", passkey_on_list},
        {"POST", "/api/passkeys/authorize", passkey_on_authorize},
        {"POST", "/api/passkeys/exchange", passkey_on_exchange},
        {"DELETE", "/api/passkeys/", passkey_on_remove},
        {0},
};
