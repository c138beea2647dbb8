/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "examples/webapp/app.h"
#include "examples/webapp/cleanup.h"
#include "examples/webapp/failure.h"
#include "examples/webapp/passkey.h"

/* ---- List of passkeys ------------------------------------------------------------------------ */

static json_t *link_to_json(const passlock_link *link)
{
        return json_pack("{s:s, s:s?, s:I, s:I}", "id", passlock_link_get_authenticator_id(link),
                         "platformName", passlock_link_get_platform_name(link), "createdAt",
                         (json_int_t) passlock_link_get_created_at_ms(link), "lastUsedAt",
                         (json_int_t) passlock_link_get_last_used_at_ms(link));
}

static void on_listed(passlock *client, int r, const char *error_text, passlock_link_list *links,
                      void *userdata)
{
        Request *request = userdata;
        json_t *passkeys;

        (void) client, (void) error_text;
        if (r != 0) {
                request_fail_passlock(request, r);
                return;
        }
        passkeys = json_array();
        for (size_t i = 0; i < passlock_link_list_get_size(links); i++)
                json_array_append_new(passkeys, link_to_json(passlock_link_list_get(links, i)));
        request_reply_json(request, MHD_HTTP_OK, json_pack("{s:o}", "passkeys", passkeys));
}

void passkey_on_list(Request *request)
{
        const App *app = request->userdata;
        const Account *account = app_account(request);
        int r;

        if (!account)
                return;
        r = passlock_links_list_by_user_async(app->passlock, account->id, on_listed, request, NULL);
        if (r != 0)
                request_fail_passlock(request, r);
}

/* ---- Registration token ---------------------------------------------------------------------- */

static void on_authorized(passlock *client, int r, const char *error_text, passlock_token *token,
                          void *userdata)
{
        Request *request = userdata;

        (void) client, (void) error_text;
        if (r != 0)
                request_fail_passlock(request, r);
        else
                request_reply_json(
                        request, MHD_HTTP_OK,
                        json_pack("{s:s}", "registrationToken", passlock_token_get_text(token)));
}

void passkey_on_authorize(Request *request)
{
        _cleanup_(passlock_options_unrefp) passlock_options *options = NULL;
        const App *app = request->userdata;
        const Account *account = app_account(request);
        int r;

        if (!account)
                return;
        r = passlock_options_new(&options);
        if (r == 0)
                r = passlock_options_set_string(options, "rp_name", "Passlock example");
        if (r == 0 && account->display_name)
                r = passlock_options_set_string(options, "display_name", account->display_name);
        if (r == 0)
                r = passlock_authorize_async(app->passlock, app->rp_id, account->id,
                                             account->username ? account->username : account->id,
                                             options, on_authorized, request, NULL);
        if (r != 0)
                request_fail_passlock(request, r);
}

/* ---- Exchange of the code -------------------------------------------------------------------- */

static void on_exchanged(passlock *client, int r, const char *error_text,
                         passlock_principal *principal, void *userdata)
{
        Request *request = userdata;

        (void) client, (void) error_text;
        if (r != 0)
                request_fail_passlock(request, r);
        else
                request_reply_json(request, MHD_HTTP_OK,
                                   json_pack("{s:s}", "id",
                                             passlock_principal_get_authenticator_id(principal)));
}

/*
 * With user_id, the code of another user is refused instead of linked. request_id is the
 * idempotency key for retries of the page.
 */
void passkey_on_exchange(Request *request)
{
        _cleanup_(passlock_options_unrefp) passlock_options *options = NULL;
        const App *app = request->userdata;
        const Account *account = app_account(request);
        const char *code = request_string(request, "code");
        int r;

        if (!account)
                return;
        if (!code) {
                request_fail(request, MHD_HTTP_BAD_REQUEST, "BadJson", "Missing code.");
                return;
        }
        r = passlock_options_new(&options);
        if (r == 0)
                r = passlock_options_set_string(options, "user_id", account->id);
        if (r == 0)
                r = passlock_options_set_string(options, "request_id",
                                                app_session(request)->request_id);
        if (r == 0)
                r = passlock_exchange_async(app->passlock, code, options, on_exchanged, request,
                                            NULL);
        if (r != 0)
                request_fail_passlock(request, r);
}
