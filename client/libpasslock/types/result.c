/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/types/result.h"

static int none_read(sd_bus_message *reply, Result *ret)
{
        return 0;
}

static void none_deliver(passlock *client, Callback callback, int r, const char *error_text,
                         const Result *result, void *userdata)
{
        ((passlock_done_callback) callback)(client, r, error_text, userdata);
}

const ResultType result_none = {.read = none_read, .deliver = none_deliver};

static bool is_variant(sd_bus_message *reply)
{
        char type;

        return sd_bus_message_peek_type(reply, &type, NULL) > 0 && type == SD_BUS_TYPE_VARIANT;
}

static int string_read(sd_bus_message *reply, Result *ret)
{
        const char *s;
        int r;

        if (is_variant(reply))
                r = sd_bus_message_read(reply, "v", "s", &s);
        else
                r = sd_bus_message_read(reply, "s", &s);
        if (r <= 0)
                return -EPROTO;
        ret->string = strdup(s);
        return ret->string ? 0 : -ENOMEM;
}

static void string_clear(Result *result)
{
        free(TAKE_PTR(result->string));
}

static void string_deliver(passlock *client, Callback callback, int r, const char *error_text,
                           const Result *result, void *userdata)
{
        ((passlock_string_callback) callback)(client, r, error_text, result->string, userdata);
}

const ResultType result_string = {
        .size = sizeof(char *),
        .read = string_read,
        .clear = string_clear,
        .deliver = string_deliver,
};

static int number_read(sd_bus_message *reply, Result *ret)
{
        uint32_t narrow;

        if (is_variant(reply))
                return sd_bus_message_read(reply, "v", "t", &ret->number) > 0 ? 0 : -EPROTO;
        if (sd_bus_message_read(reply, "u", &narrow) <= 0)
                return -EPROTO;
        ret->number = narrow;
        return 0;
}

static void number_deliver(passlock *client, Callback callback, int r, const char *error_text,
                           const Result *result, void *userdata)
{
        ((passlock_number_callback) callback)(client, r, error_text, result->number, userdata);
}

const ResultType result_number = {
        .size = sizeof(uint64_t),
        .read = number_read,
        .deliver = number_deliver,
};

void result_unref_object(Result *result)
{
        result->object = object_unref(result->object);
}
