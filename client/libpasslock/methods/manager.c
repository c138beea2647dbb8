/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/transport/calls.h"
#include "dbus/names.h"

/* The Manager, and the properties of a tenancy. */

static const Method get_tenancy = {
        .interface = "org.freedesktop.DBus.Properties",
        .member = "GetAll",
        .n_strings = 1,
        .result = &result_tenancy,
};

static const Method list_tenancies = {
        .interface = PASSLOCK_INTERFACE_MANAGER,
        .member = "ListTenancies",
        .of_manager = true,
        .result = &result_tenancies,
};

static const Method get_version = {
        .interface = "org.freedesktop.DBus.Properties",
        .member = "Get",
        .of_manager = true,
        .n_strings = 2,
        .result = &result_string,
};

static const Method reload = {
        .interface = PASSLOCK_INTERFACE_MANAGER,
        .member = "Reload",
        .of_manager = true,
        .result = &result_none,
};

static const Arguments no_arguments = {};
static const Arguments tenancy_arguments = {{PASSLOCK_INTERFACE_TENANCY}};
static const Arguments version_arguments = {{PASSLOCK_INTERFACE_MANAGER, "Version"}};

_public_ int passlock_get_tenancy(passlock *client, passlock_tenancy **ret)
{
        Result result = {};
        int r;

        if (!ret)
                return -EINVAL;
        r = calls_perform(client, &get_tenancy, &tenancy_arguments, &result);
        if (r == 0)
                *ret = result.tenancy;
        return r;
}

_public_ int passlock_get_tenancy_async(passlock *client, passlock_tenancy_callback callback,
                                        void *userdata, passlock_call **ret_call)
{
        return calls_begin(client, &get_tenancy, &tenancy_arguments, (Callback) callback, userdata,
                           ret_call);
}

_public_ int passlock_list_tenancies(passlock *client, passlock_tenancy_list **ret)
{
        Result result = {};
        int r;

        if (!ret)
                return -EINVAL;
        r = calls_perform(client, &list_tenancies, &no_arguments, &result);
        if (r == 0)
                *ret = result.tenancies;
        return r;
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
        Result result = {};
        int r;

        if (!ret_version)
                return -EINVAL;
        r = calls_perform(client, &get_version, &version_arguments, &result);
        if (r == 0)
                *ret_version = result.string;
        return r;
}

_public_ int passlock_get_version_async(passlock *client, passlock_string_callback callback,
                                        void *userdata, passlock_call **ret_call)
{
        return calls_begin(client, &get_version, &version_arguments, (Callback) callback, userdata,
                           ret_call);
}

_public_ int passlock_reload(passlock *client)
{
        Result result = {};

        return calls_perform(client, &reload, &no_arguments, &result);
}

_public_ int passlock_reload_async(passlock *client, passlock_done_callback callback,
                                   void *userdata, passlock_call **ret_call)
{
        return calls_begin(client, &reload, &no_arguments, (Callback) callback, userdata, ret_call);
}
