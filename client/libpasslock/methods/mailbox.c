/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/transport/calls.h"
#include "dbus/names.h"

/* Not idempotent: one sends a mail, the other consumes the challenge. */
static const Method create = {
        .interface = PASSLOCK_INTERFACE_MAILBOX,
        .member = "CreateChallenge",
        .n_strings = 2,
        .takes_options = true,
        .is_sensitive = true,
        .no_retry = true,
        .result = &result_new_challenge,
};

static const Method verify = {
        .interface = PASSLOCK_INTERFACE_MAILBOX,
        .member = "VerifyChallenge",
        .n_strings = 3,
        .is_sensitive = true,
        .no_retry = true,
        .result = &result_challenge,
};

static const Method get = {
        .interface = PASSLOCK_INTERFACE_MAILBOX,
        .member = "GetChallenge",
        .n_strings = 1,
        .result = &result_challenge,
};

static const Method delete = {
        .interface = PASSLOCK_INTERFACE_MAILBOX,
        .member = "DeleteChallenge",
        .n_strings = 1,
        .result = &result_none,
};

static int perform(passlock *client, const Method *method, const Arguments *arguments,
                   passlock_challenge **ret)
{
        Result result = {};
        int r;

        if (!ret)
                return -EINVAL;
        r = calls_perform(client, method, arguments, &result);
        if (r == 0)
                *ret = result.challenge;
        return r;
}

_public_ int passlock_mailbox_create(passlock *client, const char *email, const char *purpose,
                                     const passlock_options *options, passlock_challenge **ret)
{
        const Arguments arguments = {{email, purpose}, .options = options};

        return perform(client, &create, &arguments, ret);
}

_public_ int passlock_mailbox_create_async(passlock *client, const char *email, const char *purpose,
                                           const passlock_options *options,
                                           passlock_challenge_callback callback, void *userdata,
                                           passlock_call **ret_call)
{
        const Arguments arguments = {{email, purpose}, .options = options};

        return calls_begin(client, &create, &arguments, (Callback) callback, userdata, ret_call);
}

_public_ int passlock_mailbox_get(passlock *client, const char *challenge_id,
                                  passlock_challenge **ret)
{
        return perform(client, &get, &(Arguments){{challenge_id}}, ret);
}

_public_ int passlock_mailbox_get_async(passlock *client, const char *challenge_id,
                                        passlock_challenge_callback callback, void *userdata,
                                        passlock_call **ret_call)
{
        return calls_begin(client, &get, &(Arguments){{challenge_id}}, (Callback) callback,
                           userdata, ret_call);
}

_public_ int passlock_mailbox_verify(passlock *client, const char *challenge_id, const char *secret,
                                     const char *code, passlock_challenge **ret)
{
        return perform(client, &verify, &(Arguments){{challenge_id, secret, code}}, ret);
}

_public_ int passlock_mailbox_verify_async(passlock *client, const char *challenge_id,
                                           const char *secret, const char *code,
                                           passlock_challenge_callback callback, void *userdata,
                                           passlock_call **ret_call)
{
        return calls_begin(client, &verify, &(Arguments){{challenge_id, secret, code}},
                           (Callback) callback, userdata, ret_call);
}

_public_ int passlock_mailbox_delete(passlock *client, const char *challenge_id)
{
        Result result = {};

        return calls_perform(client, &delete, &(Arguments){{challenge_id}}, &result);
}

_public_ int passlock_mailbox_delete_async(passlock *client, const char *challenge_id,
                                           passlock_done_callback callback, void *userdata,
                                           passlock_call **ret_call)
{
        return calls_begin(client, &delete, &(Arguments){{challenge_id}}, (Callback) callback,
                           userdata, ret_call);
}
