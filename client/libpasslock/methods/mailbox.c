/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/libpasslock/methods/method-lists.h"
#include "client/libpasslock/transport/calls.h"
#include "dbus/names.h"

/* NO_RETRY: create sends a mail, and verify consumes the challenge. */
static const Method create = {PASSLOCK_INTERFACE_MAILBOX, "CreateChallenge", &result_new_challenge,
                              2, TAKES_OPTIONS | SENSITIVE | NO_RETRY};
static const Method verify = {PASSLOCK_INTERFACE_MAILBOX, "VerifyChallenge", &result_challenge, 3,
                              SENSITIVE | NO_RETRY};
static const Method get = {PASSLOCK_INTERFACE_MAILBOX, "GetChallenge", &result_challenge, 1};
static const Method delete = {PASSLOCK_INTERFACE_MAILBOX, "DeleteChallenge", &result_none, 1};
const Method *const mailbox_methods[] = {&create, &verify, &get, &delete, NULL};

_public_ int passlock_mailbox_create(passlock *client, const char *email, const char *purpose,
                                     const passlock_options *options, passlock_challenge **ret)
{
        return calls_perform(client, &create, &(Arguments){{email, purpose}, .options = options},
                             ret);
}

_public_ int passlock_mailbox_create_async(passlock *client, const char *email, const char *purpose,
                                           const passlock_options *options,
                                           passlock_challenge_callback callback, void *userdata,
                                           passlock_call **ret_call)
{
        return calls_begin(client, &create, &(Arguments){{email, purpose}, .options = options},
                           (Callback) callback, userdata, ret_call);
}

_public_ int passlock_mailbox_get(passlock *client, const char *challenge_id,
                                  passlock_challenge **ret)
{
        return calls_perform(client, &get, &(Arguments){{challenge_id}}, ret);
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
        return calls_perform(client, &verify, &(Arguments){{challenge_id, secret, code}}, ret);
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
        return calls_perform(client, &delete, &(Arguments){{challenge_id}}, NULL);
}

_public_ int passlock_mailbox_delete_async(passlock *client, const char *challenge_id,
                                           passlock_done_callback callback, void *userdata,
                                           passlock_call **ret_call)
{
        return calls_begin(client, &delete, &(Arguments){{challenge_id}}, (Callback) callback,
                           userdata, ret_call);
}
