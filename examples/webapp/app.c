/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "examples/webapp/app.h"
#include "examples/webapp/passkey.h"

Session *app_session(App *app, Request *request)
{
        Session *session = accounts_find_session(app->accounts, request_session(request));

        if (!session)
                request_fail(request, MHD_HTTP_UNAUTHORIZED, "SignedOut",
                             "You are not signed in any more.");
        return session;
}

static void reply_session(const App *app, Request *request, const User *user)
{
        json_t *who = user ? json_pack("{s:s, s:s}", "username", user->username, "displayName",
                                       user->display_name)
                           : json_null();

        request_reply_json(request, MHD_HTTP_OK,
                           json_pack("{s:o, s:{s:s, s:s}}", "user", who, "passlock", "tenancyId",
                                     app->tenancy_id, "endpoint", app->endpoint));
}

static void on_session(Request *request, void *userdata)
{
        App *app = userdata;
        const Session *session = accounts_find_session(app->accounts, request_session(request));

        reply_session(app, request, session ? session->user : NULL);
}

static void on_signup(Request *request, void *userdata)
{
        App *app = userdata;
        const char *username = request_string(request, "username");
        const char *display_name = request_string(request, "displayName");
        const User *user;
        Session *session;
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

        r = accounts_add_user(app->accounts, username, display_name, &user);
        if (r == 0)
                r = accounts_open_session(app->accounts, user, &session);
        if (r == 0)
                r = request_set_session(request, session->token);
        if (r == -EEXIST)
                request_fail(request, MHD_HTTP_CONFLICT, "UsernameTaken",
                             "This username is taken. Please choose another one.");
        else if (r == -ENOSPC)
                request_fail(request, MHD_HTTP_INSUFFICIENT_STORAGE, "Full",
                             "There is no room for more accounts in this example.");
        else if (r < 0)
                request_reply_json(request, 0, NULL);
        else
                reply_session(app, request, user);
}

static void on_signout(Request *request, void *userdata)
{
        App *app = userdata;
        Session *session = accounts_find_session(app->accounts, request_session(request));

        if (session)
                session_close(session);
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
