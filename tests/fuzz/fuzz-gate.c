/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The body of a request to passlock-gate: a line with the name of a method, then the body.
 * Arguments that are accepted fit the signature of the method, and have the same values when the
 * message is read again.
 */

#include <sys/socket.h>

#include "base/text.h"
#include "dbus/error.h"
#include "gate/json-arguments.h"
#include "gate/json-reply.h"
#include "tests/fuzz/fuzz.h"

#define NAME_MAX_LEN 64U

/* Messages need a bus. */
static sd_bus *bus;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        int fds[2];

        assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
        assert(sd_bus_new(&bus) >= 0 && sd_bus_set_fd(bus, fds[0], fds[0]) >= 0);
        assert(sd_bus_start(bus) >= 0);
        return 0;
}

static const GateMethod *find_method(const char **text)
{
        size_t len = strcspn(*text, "\n");
        char name[NAME_MAX_LEN] = "";

        if ((*text)[len] == '\0' || len >= sizeof(name))
                return NULL;
        memcpy(name, *text, len);
        *text += len + 1;
        return gate_method_find(name);
}

static void check_signature(const GateMethod *method, sd_bus_message *m)
{
        char signature[128] = "";

        for (const GateArgument *a = method->in; a->name; a++)
                strcat(signature, a->type);
        assert(sd_bus_message_has_signature(m, signature) > 0);
}

/* The members of `part` are those of `whole`. */
static void check_members(const json_t *whole, json_t *part)
{
        const char *name;
        json_t *value;

        json_object_foreach(part, name, value)
                assert(json_equal(json_object_get(whole, name), value));
}

static void check_values(const JsonArguments *arguments, sd_bus_message *m)
{
        json_t *read;
        TextBuffer text = {};

        assert(json_reply_append(m, arguments->method->in, &text) == 0 && !text.failed);
        read = json_loadb(text.s, text.len, JSON_REJECT_DUPLICATES, NULL);
        assert(json_is_object(read));
        for (const GateArgument *a = arguments->method->in; a->name; a++) {
                json_t *value = json_object_get(read, a->name);

                if (a->flat)
                        check_members(arguments->object, value);
                else
                        assert(json_equal(json_object_get(arguments->object, a->name), value));
        }
        json_decref(read);
        text_buffer_done(&text);
}

static void check_message(JsonArguments *arguments)
{
        sd_bus_message *m = NULL;

        assert(sd_bus_message_new_method_call(bus, &m, "a.b", "/", arguments->method->interface,
                                              arguments->method->member) >= 0);
        assert(json_arguments_append(m, arguments) == 0);
        assert(sd_bus_message_seal(m, 1, 0) >= 0 && sd_bus_message_rewind(m, true) >= 0);
        check_signature(arguments->method, m);
        check_values(arguments, m);
        sd_bus_message_unref(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(freep) char *text = fuzz_text(data, size);
        const char *body = text;
        const GateMethod *method = find_method(&body);
        JsonArguments arguments;
        int r;

        if (!method)
                return 0;
        r = json_arguments_parse(body, size - (size_t) (body - text), method, &arguments);
        assert(r == 0 || r == ERROR_INVALID_ARGS);
        assert((r == 0) == isempty(arguments.flaw));
        if (r == 0)
                check_message(&arguments);
        else
                assert(text_is_utf8(arguments.flaw));
        json_arguments_done(&arguments);
        return 0;
}
