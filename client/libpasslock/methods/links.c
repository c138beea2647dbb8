/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/transport/calls.h"
#include "dbus/names.h"

static const Method get_user = {
        .interface = PASSLOCK_INTERFACE_LINKS,
        .member = "GetUser",
        .n_strings = 1,
        .result = &result_string,
};

static const Method list_by_user = {
        .interface = PASSLOCK_INTERFACE_LINKS,
        .member = "ListByUser",
        .n_strings = 1,
        .result = &result_links,
};

static const Method list = {
        .interface = PASSLOCK_INTERFACE_LINKS,
        .member = "List",
        .n_strings = 1,
        .takes_number = true,
        .result = &result_link_page,
};

static const Method add = {
        .interface = PASSLOCK_INTERFACE_LINKS,
        .member = "Add",
        .n_strings = 2,
        .result = &result_none,
};

static const Method remove_one = {
        .interface = PASSLOCK_INTERFACE_LINKS,
        .member = "Remove",
        .n_strings = 1,
        .not_found_is_success = true,
        .result = &result_none,
};

static const Method remove_by_user = {
        .interface = PASSLOCK_INTERFACE_LINKS,
        .member = "RemoveByUser",
        .n_strings = 1,
        .result = &result_number,
};

static const Method count = {
        .interface = "org.freedesktop.DBus.Properties",
        .member = "Get",
        .n_strings = 2,
        .result = &result_number,
};

static const Arguments count_arguments = {{PASSLOCK_INTERFACE_LINKS, "Count"}};

_public_ int passlock_links_get_user(passlock *client, const char *authenticator_id,
                                     char **ret_user_id)
{
        Result result = {};
        int r;

        if (!ret_user_id)
                return -EINVAL;
        r = calls_perform(client, &get_user, &(Arguments){{authenticator_id}}, &result);
        if (r == 0)
                *ret_user_id = result.string;
        return r;
}

_public_ int passlock_links_get_user_async(passlock *client, const char *authenticator_id,
                                           passlock_string_callback callback, void *userdata,
                                           passlock_call **ret_call)
{
        return calls_begin(client, &get_user, &(Arguments){{authenticator_id}}, (Callback) callback,
                           userdata, ret_call);
}

_public_ int passlock_links_list_by_user(passlock *client, const char *user_id,
                                         passlock_link_list **ret)
{
        Result result = {};
        int r;

        if (!ret)
                return -EINVAL;
        r = calls_perform(client, &list_by_user, &(Arguments){{user_id}}, &result);
        if (r == 0)
                *ret = result.links;
        return r;
}

_public_ int passlock_links_list_by_user_async(passlock *client, const char *user_id,
                                               passlock_link_list_callback callback, void *userdata,
                                               passlock_call **ret_call)
{
        return calls_begin(client, &list_by_user, &(Arguments){{user_id}}, (Callback) callback,
                           userdata, ret_call);
}

_public_ int passlock_links_list(passlock *client, const char *cursor, uint32_t limit,
                                 passlock_link_list **ret)
{
        const Arguments arguments = {{cursor ?: ""}, .number = limit};
        Result result = {};
        int r;

        if (!ret)
                return -EINVAL;
        r = calls_perform(client, &list, &arguments, &result);
        if (r == 0)
                *ret = result.links;
        return r;
}

_public_ int passlock_links_list_async(passlock *client, const char *cursor, uint32_t limit,
                                       passlock_link_list_callback callback, void *userdata,
                                       passlock_call **ret_call)
{
        const Arguments arguments = {{cursor ?: ""}, .number = limit};

        return calls_begin(client, &list, &arguments, (Callback) callback, userdata, ret_call);
}

_public_ int passlock_links_add(passlock *client, const char *user_id, const char *authenticator_id)
{
        Result result = {};

        return calls_perform(client, &add, &(Arguments){{user_id, authenticator_id}}, &result);
}

_public_ int passlock_links_add_async(passlock *client, const char *user_id,
                                      const char *authenticator_id, passlock_done_callback callback,
                                      void *userdata, passlock_call **ret_call)
{
        return calls_begin(client, &add, &(Arguments){{user_id, authenticator_id}},
                           (Callback) callback, userdata, ret_call);
}

_public_ int passlock_links_remove(passlock *client, const char *authenticator_id)
{
        Result result = {};

        return calls_perform(client, &remove_one, &(Arguments){{authenticator_id}}, &result);
}

_public_ int passlock_links_remove_async(passlock *client, const char *authenticator_id,
                                         passlock_done_callback callback, void *userdata,
                                         passlock_call **ret_call)
{
        return calls_begin(client, &remove_one, &(Arguments){{authenticator_id}},
                           (Callback) callback, userdata, ret_call);
}

_public_ int passlock_links_remove_by_user(passlock *client, const char *user_id,
                                           uint64_t *ret_removed)
{
        Result result = {};
        int r;

        r = calls_perform(client, &remove_by_user, &(Arguments){{user_id}}, &result);
        if (r == 0 && ret_removed)
                *ret_removed = result.number;
        return r;
}

_public_ int passlock_links_remove_by_user_async(passlock *client, const char *user_id,
                                                 passlock_number_callback callback, void *userdata,
                                                 passlock_call **ret_call)
{
        return calls_begin(client, &remove_by_user, &(Arguments){{user_id}}, (Callback) callback,
                           userdata, ret_call);
}

_public_ int passlock_links_count(passlock *client, uint64_t *ret_count)
{
        Result result = {};
        int r;

        if (!ret_count)
                return -EINVAL;
        r = calls_perform(client, &count, &count_arguments, &result);
        if (r == 0)
                *ret_count = result.number;
        return r;
}

_public_ int passlock_links_count_async(passlock *client, passlock_number_callback callback,
                                        void *userdata, passlock_call **ret_call)
{
        return calls_begin(client, &count, &count_arguments, (Callback) callback, userdata,
                           ret_call);
}
