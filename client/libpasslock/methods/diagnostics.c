/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/transport/calls.h"
#include "dbus/names.h"

static const Method diagnose = {
        .interface = PASSLOCK_INTERFACE_MANAGER,
        .member = "Diagnose",
        .of_manager = true,
        .result = &result_findings,
};

static const Method list_rights = {
        .interface = PASSLOCK_INTERFACE_MANAGER,
        .member = "ListRights",
        .of_manager = true,
        .result = &result_rights,
};

static const Method prove_key = {
        .interface = PASSLOCK_INTERFACE_MANAGER,
        .member = "ProveKey",
        .of_manager = true,
        .n_strings = 2,
        .is_sensitive = true,
        .result = &result_string,
};

static const Arguments no_arguments = {};

_public_ int passlock_diagnose(passlock *client, passlock_finding_list **ret)
{
        Result result = {};
        int r;

        if (!ret)
                return -EINVAL;
        r = calls_perform(client, &diagnose, &no_arguments, &result);
        if (r == 0)
                *ret = result.findings;
        return r;
}

_public_ int passlock_diagnose_async(passlock *client, passlock_finding_list_callback callback,
                                     void *userdata, passlock_call **ret_call)
{
        return calls_begin(client, &diagnose, &no_arguments, (Callback) callback, userdata,
                           ret_call);
}

_public_ int passlock_list_rights(passlock *client, passlock_right_list **ret)
{
        Result result = {};
        int r;

        if (!ret)
                return -EINVAL;
        r = calls_perform(client, &list_rights, &no_arguments, &result);
        if (r == 0)
                *ret = result.rights;
        return r;
}

_public_ int passlock_list_rights_async(passlock *client, passlock_right_list_callback callback,
                                        void *userdata, passlock_call **ret_call)
{
        return calls_begin(client, &list_rights, &no_arguments, (Callback) callback, userdata,
                           ret_call);
}

/* The Manager takes the label as an argument; "" is the default tenancy. */
static const char *label_of(passlock *client)
{
        return client && client->label ? client->label : "";
}

_public_ int passlock_prove_key(passlock *client, const char *nonce, char **ret_proof)
{
        Result result = {};
        int r;

        if (!ret_proof)
                return -EINVAL;
        r = calls_perform(client, &prove_key, &(Arguments){{label_of(client), nonce}}, &result);
        if (r == 0)
                *ret_proof = result.string;
        return r;
}

_public_ int passlock_prove_key_async(passlock *client, const char *nonce,
                                      passlock_string_callback callback, void *userdata,
                                      passlock_call **ret_call)
{
        return calls_begin(client, &prove_key, &(Arguments){{label_of(client), nonce}},
                           (Callback) callback, userdata, ret_call);
}
