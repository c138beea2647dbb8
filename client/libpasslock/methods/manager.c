/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/libpasslock/transport/calls.h"
#include "dbus/names.h"

/* The Manager, and the properties of a tenancy. */

static const Method get_tenancy = {"org.freedesktop.DBus.Properties", "GetAll", &result_tenancy, 1};
static const Method list_tenancies = {PASSLOCK_INTERFACE_MANAGER, "ListTenancies",
                                      &result_tenancies, 0, OF_MANAGER};
static const Method get_version = {"org.freedesktop.DBus.Properties", "Get", &result_string, 2,
                                   OF_MANAGER};
static const Method reload = {PASSLOCK_INTERFACE_MANAGER, "Reload", &result_none, 0, OF_MANAGER};
static const Method diagnose = {PASSLOCK_INTERFACE_MANAGER, "Diagnose", &result_findings, 0,
                                OF_MANAGER};
static const Method list_rights = {PASSLOCK_INTERFACE_MANAGER, "ListRights", &result_rights, 0,
                                   OF_MANAGER};
static const Method explain = {PASSLOCK_INTERFACE_MANAGER, "Explain", &result_explanation, 1,
                               OF_MANAGER | TAKES_NUMBER | TAKES_OPTIONS};
static const Method get_store = {PASSLOCK_INTERFACE_MANAGER, "GetStore", &result_store, 0,
                                 OF_MANAGER};
static const Method get_metrics = {PASSLOCK_INTERFACE_MANAGER, "GetMetrics", &result_metrics, 0,
                                   OF_MANAGER};
static const Method verify_store = {PASSLOCK_INTERFACE_MANAGER, "VerifyStore", &result_verification,
                                    0, OF_MANAGER};
static const Method join_store = {PASSLOCK_INTERFACE_MANAGER, "JoinStore", &result_joined_links, 0,
                                  OF_MANAGER | TAKES_OPTIONS};
static const Method leave_store = {PASSLOCK_INTERFACE_MANAGER, "LeaveStore", &result_left_store, 0,
                                   OF_MANAGER | TAKES_OPTIONS};
static const Method prove_key = {PASSLOCK_INTERFACE_MANAGER, "ProveKey", &result_string, 2,
                                 OF_MANAGER | SENSITIVE};

static const Arguments no_arguments = {};
static const Arguments tenancy_arguments = {{PASSLOCK_INTERFACE_TENANCY}};
static const Arguments version_arguments = {{PASSLOCK_INTERFACE_MANAGER, "Version"}};

_public_ int passlock_get_tenancy(passlock *client, passlock_tenancy **ret)
{
        return calls_perform(client, &get_tenancy, &tenancy_arguments, ret);
}

_public_ int passlock_get_tenancy_async(passlock *client, passlock_tenancy_callback callback,
                                        void *userdata, passlock_call **ret_call)
{
        return calls_begin(client, &get_tenancy, &tenancy_arguments, (Callback) callback, userdata,
                           ret_call);
}

_public_ int passlock_list_tenancies(passlock *client, passlock_tenancy_list **ret)
{
        return calls_perform(client, &list_tenancies, &no_arguments, ret);
}

_public_ int passlock_list_tenancies_async(passlock *client,
                                           passlock_tenancy_list_callback callback, void *userdata,
                                           passlock_call **ret_call)
{
        return calls_begin(client, &list_tenancies, &no_arguments, (Callback) callback, userdata,
                           ret_call);
}

_public_ int passlock_get_version(passlock *client, char **ret_version)
{
        return calls_perform(client, &get_version, &version_arguments, ret_version);
}

_public_ int passlock_get_version_async(passlock *client, passlock_string_callback callback,
                                        void *userdata, passlock_call **ret_call)
{
        return calls_begin(client, &get_version, &version_arguments, (Callback) callback, userdata,
                           ret_call);
}

_public_ int passlock_reload(passlock *client)
{
        return calls_perform(client, &reload, &no_arguments, NULL);
}

_public_ int passlock_reload_async(passlock *client, passlock_done_callback callback,
                                   void *userdata, passlock_call **ret_call)
{
        return calls_begin(client, &reload, &no_arguments, (Callback) callback, userdata, ret_call);
}

_public_ int passlock_diagnose(passlock *client, passlock_finding_list **ret)
{
        return calls_perform(client, &diagnose, &no_arguments, ret);
}

_public_ int passlock_diagnose_async(passlock *client, passlock_finding_list_callback callback,
                                     void *userdata, passlock_call **ret_call)
{
        return calls_begin(client, &diagnose, &no_arguments, (Callback) callback, userdata,
                           ret_call);
}

_public_ int passlock_list_rights(passlock *client, passlock_right_list **ret)
{
        return calls_perform(client, &list_rights, &no_arguments, ret);
}

_public_ int passlock_list_rights_async(passlock *client, passlock_right_list_callback callback,
                                        void *userdata, passlock_call **ret_call)
{
        return calls_begin(client, &list_rights, &no_arguments, (Callback) callback, userdata,
                           ret_call);
}

_public_ int passlock_explain(passlock *client, const char *method, uint32_t uid,
                              const passlock_options *options, passlock_explanation **ret)
{
        return calls_perform(client, &explain,
                             &(Arguments){{method}, .number = uid, .options = options}, ret);
}

_public_ int passlock_explain_async(passlock *client, const char *method, uint32_t uid,
                                    const passlock_options *options,
                                    passlock_explanation_callback callback, void *userdata,
                                    passlock_call **ret_call)
{
        return calls_begin(client, &explain,
                           &(Arguments){{method}, .number = uid, .options = options},
                           (Callback) callback, userdata, ret_call);
}

_public_ int passlock_get_store(passlock *client, passlock_store **ret)
{
        return calls_perform(client, &get_store, &no_arguments, ret);
}

_public_ int passlock_get_store_async(passlock *client, passlock_store_callback callback,
                                      void *userdata, passlock_call **ret_call)
{
        return calls_begin(client, &get_store, &no_arguments, (Callback) callback, userdata,
                           ret_call);
}

_public_ int passlock_get_metrics(passlock *client, passlock_metrics **ret)
{
        return calls_perform(client, &get_metrics, &no_arguments, ret);
}

_public_ int passlock_get_metrics_async(passlock *client, passlock_metrics_callback callback,
                                        void *userdata, passlock_call **ret_call)
{
        return calls_begin(client, &get_metrics, &no_arguments, (Callback) callback, userdata,
                           ret_call);
}

_public_ int passlock_verify_store(passlock *client, passlock_verification **ret)
{
        return calls_perform(client, &verify_store, &no_arguments, ret);
}

_public_ int passlock_verify_store_async(passlock *client, passlock_verification_callback callback,
                                         void *userdata, passlock_call **ret_call)
{
        return calls_begin(client, &verify_store, &no_arguments, (Callback) callback, userdata,
                           ret_call);
}

_public_ int passlock_join_store(passlock *client, const passlock_options *options,
                                 passlock_joined_links **ret)
{
        return calls_perform(client, &join_store, &(Arguments){.options = options}, ret);
}

_public_ int passlock_join_store_async(passlock *client, const passlock_options *options,
                                       passlock_joined_links_callback callback, void *userdata,
                                       passlock_call **ret_call)
{
        return calls_begin(client, &join_store, &(Arguments){.options = options},
                           (Callback) callback, userdata, ret_call);
}

_public_ int passlock_leave_store(passlock *client, const passlock_options *options,
                                  passlock_left_store **ret)
{
        return calls_perform(client, &leave_store, &(Arguments){.options = options}, ret);
}

_public_ int passlock_leave_store_async(passlock *client, const passlock_options *options,
                                        passlock_left_store_callback callback, void *userdata,
                                        passlock_call **ret_call)
{
        return calls_begin(client, &leave_store, &(Arguments){.options = options},
                           (Callback) callback, userdata, ret_call);
}

/* The Manager takes the label as an argument; "" is the default tenancy. */
static const char *label_of(passlock *client)
{
        return client && client->label ? client->label : "";
}

_public_ int passlock_prove_key(passlock *client, const char *nonce, char **ret_proof)
{
        return calls_perform(client, &prove_key, &(Arguments){{label_of(client), nonce}},
                             ret_proof);
}

_public_ int passlock_prove_key_async(passlock *client, const char *nonce,
                                      passlock_string_callback callback, void *userdata,
                                      passlock_call **ret_call)
{
        return calls_begin(client, &prove_key, &(Arguments){{label_of(client), nonce}},
                           (Callback) callback, userdata, ret_call);
}
