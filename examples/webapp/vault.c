/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "examples/webapp/app.h"
#include "examples/webapp/cleanup.h"
#include "examples/webapp/failure.h"
#include "examples/webapp/vault.h"

/* The vault is changed. The page signals the change to the device, with the token. */
static void on_changed(passlock *client, int r, const char *error_text,
                       passlock_management *management, void *userdata)
{
        Request *request = userdata;

        (void) client, (void) error_text;
        if (r != 0)
                request_fail_passlock(request, r);
        else
                request_reply_json(
                        request, MHD_HTTP_OK,
                        json_pack("{s:s}", "token", passlock_management_get_token(management)));
}

void vault_on_update(Request *request)
{
        _cleanup_(passlock_options_unrefp) passlock_options *options = NULL;
        const App *app = request->userdata;
        const Account *account = app_account(request);
        int r;

        if (!account)
                return;
        if (!account->username) {
                request_fail(request, MHD_HTTP_BAD_REQUEST, "BadUsername",
                             "This account has no name yet.");
                return;
        }
        r = passlock_options_new(&options);
        if (r == 0)
                r = passlock_options_set_string(options, "display_name", account->display_name);
        if (r == 0)
                r = passlock_vault_update_async(app->passlock, account->id, account->username,
                                                options, on_changed, request, NULL);
        if (r != 0)
                request_fail_passlock(request, r);
}

void vault_on_prune(Request *request)
{
        const App *app = request->userdata;
        const Account *account = app_account(request);
        int r;

        if (!account)
                return;
        r = passlock_vault_prune_async(app->passlock, account->id, on_changed, request, NULL);
        if (r != 0)
                request_fail_passlock(request, r);
}

/*
 * ---- Deletion: only passkeys of the signed-in user; deletes the link as well ------------------
 */

static void on_owner(passlock *client, int r, const char *error_text, const char *user_id,
                     void *userdata)
{
        Request *request = userdata;
        const char *passkey_ids[] = {request->argument, NULL};
        const Account *account = app_account(request);

        (void) error_text;
        if (!account)
                return;
        if (r == 0 && strcmp(user_id, account->id) != 0)
                r = PASSLOCK_ERROR_NOT_FOUND; /* do not reveal the passkeys of other users */
        if (r == 0)
                r = passlock_vault_delete_async(client, passkey_ids, on_changed, request, NULL);
        if (r != 0)
                request_fail_passlock(request, r);
}

void vault_on_delete(Request *request)
{
        const App *app = request->userdata;
        int r;

        if (!app_account(request))
                return;
        r = passlock_links_get_user_async(app->passlock, request->argument, on_owner, request,
                                          NULL);
        if (r != 0)
                request_fail_passlock(request, r);
}
