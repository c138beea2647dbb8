/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/libpasslock/methods/method-lists.h"
#include "client/libpasslock/transport/calls.h"
#include "dbus/names.h"

static const Method get_user = {PASSLOCK_INTERFACE_LINKS, "GetUser", &result_string, 1};
static const Method list_by_user = {PASSLOCK_INTERFACE_LINKS, "ListByUser", &result_links, 1};
static const Method list = {PASSLOCK_INTERFACE_LINKS, "List", &result_link_page, 1, TAKES_NUMBER};
static const Method add = {PASSLOCK_INTERFACE_LINKS, "Add", &result_none, 2};
static const Method remove_one = {PASSLOCK_INTERFACE_LINKS, "Remove", &result_none, 1,
                                  NOT_FOUND_IS_SUCCESS};
static const Method remove_by_user = {PASSLOCK_INTERFACE_LINKS, "RemoveByUser", &result_number, 1};
static const Method count = {"org.freedesktop.DBus.Properties", "Get", &result_number, 2};
static const Method import = {PASSLOCK_INTERFACE_LINKS, "Import", &result_import, 0,
                              TAKES_LINKS | TAKES_OPTIONS};
static const Method reconcile = {PASSLOCK_INTERFACE_LINKS, "Reconcile", &result_reconciliation, 0,
                                 TAKES_OPTIONS | LONG_RUNNING};
const Method *const links_methods[] = {&get_user, &list_by_user, &list,
                                       &add,      &remove_one,   &remove_by_user,
                                       &import,   &reconcile,    NULL};

static const Arguments count_arguments = {{PASSLOCK_INTERFACE_LINKS, "Count"}};

_public_ int passlock_links_get_user(passlock *client, const char *authenticator_id,
                                     char **ret_user_id)
{
        return calls_perform(client, &get_user, &(Arguments){{authenticator_id}}, ret_user_id);
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
        return calls_perform(client, &list_by_user, &(Arguments){{user_id}}, ret);
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
        return calls_perform(client, &list, &(Arguments){{cursor ?: ""}, .number = limit}, ret);
}

_public_ int passlock_links_list_async(passlock *client, const char *cursor, uint32_t limit,
                                       passlock_link_list_callback callback, void *userdata,
                                       passlock_call **ret_call)
{
        return calls_begin(client, &list, &(Arguments){{cursor ?: ""}, .number = limit},
                           (Callback) callback, userdata, ret_call);
}

_public_ int passlock_links_add(passlock *client, const char *user_id, const char *authenticator_id)
{
        return calls_perform(client, &add, &(Arguments){{user_id, authenticator_id}}, NULL);
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
        return calls_perform(client, &remove_one, &(Arguments){{authenticator_id}}, NULL);
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
        uint64_t ignored;

        return calls_perform(client, &remove_by_user, &(Arguments){{user_id}},
                             ret_removed ?: &ignored);
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
        return calls_perform(client, &count, &count_arguments, ret_count);
}

_public_ int passlock_links_count_async(passlock *client, passlock_number_callback callback,
                                        void *userdata, passlock_call **ret_call)
{
        return calls_begin(client, &count, &count_arguments, (Callback) callback, userdata,
                           ret_call);
}

_public_ int passlock_links_import(passlock *client, passlock_link *const *links,
                                   const passlock_options *options, passlock_import **ret)
{
        return calls_perform(client, &import, &(Arguments){.links = links, .options = options},
                             ret);
}

_public_ int passlock_links_import_async(passlock *client, passlock_link *const *links,
                                         const passlock_options *options,
                                         passlock_import_callback callback, void *userdata,
                                         passlock_call **ret_call)
{
        return calls_begin(client, &import, &(Arguments){.links = links, .options = options},
                           (Callback) callback, userdata, ret_call);
}

_public_ int passlock_reconcile(passlock *client, const passlock_options *options,
                                passlock_reconciliation **ret)
{
        return calls_perform(client, &reconcile, &(Arguments){.options = options}, ret);
}

_public_ int passlock_reconcile_async(passlock *client, const passlock_options *options,
                                      passlock_reconcile_progress_callback progress,
                                      passlock_reconciliation_callback callback, void *userdata,
                                      passlock_call **ret_call)
{
        passlock_call *call;
        int r;

        r = calls_begin(client, &reconcile, &(Arguments){.options = options}, (Callback) callback,
                        userdata, &call);
        if (r != 0)
                return r;
        call->progress.callback = progress;
        if (ret_call)
                *ret_call = call;
        return 0;
}
