/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/libpasslock/methods/forward.h"
#include "client/libpasslock/methods/method-lists.h"
#include "client/libpasslock/transport/calls.h"

static int message_read(sd_bus_message *reply, Result *ret)
{
        ret->object = sd_bus_message_ref(reply);
        return 0;
}

static void message_clear(Result *result)
{
        result->object = sd_bus_message_unref(result->object);
}

static void message_deliver(passlock *client, Callback callback, int r, const char *error_text,
                            const Result *result, void *userdata)
{
        ((ForwardCallback) callback)(client, r, error_text, result->object, userdata);
}

static const ResultType result_message = {
        .size = sizeof(void *),
        .read = message_read,
        .clear = message_clear,
        .deliver = message_deliver,
};

static const Method *find(const Method *const *methods, const char *interface, const char *member)
{
        for (; *methods; methods++)
                if (streq((*methods)->interface, interface) && streq((*methods)->member, member))
                        return *methods;
        return NULL;
}

Method forward_method(const char *interface, const char *member)
{
        const Method *const *lists[] = {authorize_methods, exchange_methods, id_token_methods,
                                        links_methods,     mailbox_methods,  vault_methods};
        MethodFlags flags = SENSITIVE | NO_RETRY;

        for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
                const Method *method = find(lists[i], interface, member);

                if (method)
                        flags = method->flags &
                                (SENSITIVE | NO_RETRY | LONG_RUNNING | NOT_FOUND_IS_SUCCESS);
        }
        return (Method){interface, member, &result_message, .flags = flags};
}

int forward_begin(passlock *client, const Method *method,
                  int (*append)(sd_bus_message *m, void *userdata), ForwardCallback callback,
                  void *userdata, passlock_call **ret)
{
        return calls_begin(client, method, &(Arguments){.append = append}, (Callback) callback,
                           userdata, ret);
}
