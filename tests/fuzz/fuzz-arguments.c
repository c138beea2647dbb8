/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The arguments of the methods on the bus. The input is text; its first line is a method, and each
 * argument follows:
 *
 *        s        a line
 *        u        a line with a number
 *        as       a line with the strings, separated by tabs
 *        a{sv}    lines "KEY TYPE VALUE", up to the line "."
 *        aa{sv}   dictionaries, up to the line ".."
 */

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/strv.h"
#include "daemon/bus/dispatch/dispatch.h"
#include "daemon/bus/dispatch/message-size.h"
#include "daemon/bus/interfaces/interfaces.h"
#include "daemon/json/json.h"
#include "daemon/model/valid.h"
#include "dbus/error.h"
#include "tests/fuzz/fake-core.h"
#include "tests/fuzz/fuzz.h"

#define PATH "/dev/passlock/Passlock1/tenancy/default"

static sd_bus *connection;
static unsigned n_ended;

static void on_request_ended(void *userdata _unused_)
{
        n_ended++;
}

static Bus bus = {.owner.request_ended = on_request_ended};
static BusTenancy object = {.bus = &bus, .label = (char *) "default", .path = (char *) PATH};

int LLVMFuzzerInitialize(int *argc _unused_, char ***argv _unused_)
{
        int fds[2];

        json_object_seed(1);
        log_set_max_level(LOG_ERR);
        assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
        assert(sd_bus_new(&connection) >= 0);
        assert(sd_bus_set_fd(connection, fds[0], fds[0]) >= 0 && sd_bus_start(connection) >= 0);
        bus.bus = connection;
        LIST_INSERT_HEAD(&bus.tenancies, &object, entry);
        return 0;
}

/* Like the real function, for a caller that polkit has authorized. */
int dispatch_method(Bus *b, const BusTenancy *o, sd_bus_message *message, const Method *method)
{
        const QuestionContext context = {
                .question = method->question,
                .message = message,
                .label = o->label,
                .tenancy_id = "ten1",
        };
        _cleanup_(strv_freep) char **details = NULL;
        Request *request;
        int r;

        assert(request_new(b, o, message, method, &request) == 0);
        if (method->question) {
                r = question_list_details(&context, &details);
                assert(r == 0 || r == ERROR_ACCESS_DENIED);
                assert(r != 0 || strv_len(details) % 2 == 0);
                for (char **detail = details; detail && *detail; detail++)
                        assert(text_is_utf8(*detail));
        }
        r = message_check_size(message, method->is_bulk ? MESSAGE_BULK_MAX : MESSAGE_MAX);
        assert(sd_bus_message_rewind(message, true) >= 0);
        if (r == -EMSGSIZE)
                r = ERROR_INVALID_ARGS;
        if (r == 0)
                r = method->run(request, message);
        if (r != 0 && r != CALL_ANSWERED)
                request_fail(request, r);
        return 1;
}

/* Cuts off the next line. "" at the end. */
static char *next_line(char **text)
{
        char *line = strsep(text, "\n");

        return line ?: (char *) "";
}

static int append_list(sd_bus_message *m, char *text)
{
        int r = sd_bus_message_open_container(m, 'a', "s");

        while (r >= 0 && text && *text)
                r = sd_bus_message_append(m, "s", strsep(&text, "\t"));
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_number(sd_bus_message *m, char type, const char *text)
{
        uint64_t number = strtoull(text, NULL, 10);
        int boolean = number & 1;

        return sd_bus_message_append_basic(m, type, type == 'b' ? (void *) &boolean : &number);
}

/* A variant with `depth` variants in it. */
static int append_nested(sd_bus_message *m, unsigned depth)
{
        int r = 0;

        for (unsigned i = 0; r >= 0 && i < depth; i++)
                r = sd_bus_message_open_container(m, 'v', "v");
        if (r >= 0)
                r = sd_bus_message_append(m, "v", "u", 7);
        for (unsigned i = 0; r >= 0 && i < depth; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

static int append_value(sd_bus_message *m, const char *type, char *text)
{
        int r;

        if (streq(type, "v"))
                return append_nested(m, (unsigned) strtoul(text, NULL, 10) % 60);
        if (!streq(type, "as") && (strlen(type) != 1 || !strchr("sbuytinqxdo", *type)))
                type = "s";
        if (*type == 'o' && !sd_bus_object_path_is_valid(text))
                type = "s";
        r = sd_bus_message_open_container(m, 'v', type);
        if (r >= 0)
                r = *type == 'a'          ? append_list(m, text)
                    : strchr("so", *type) ? sd_bus_message_append_basic(m, *type, text)
                                          : append_number(m, *type, text);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_entry(sd_bus_message *m, char *line)
{
        char *key = strsep(&line, " "), *type = strsep(&line, " ");
        int r;

        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", key);
        if (r >= 0)
                r = append_value(m, type ?: "s", line ?: (char *) "");
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_dictionary(sd_bus_message *m, char **text)
{
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        for (char *line; r >= 0 && *text && !streq(line = next_line(text), ".");)
                r = append_entry(m, line);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_dictionaries(sd_bus_message *m, char **text)
{
        int r = sd_bus_message_open_container(m, 'a', "a{sv}");

        while (r >= 0 && *text && strncmp(*text, "..", 2) != 0)
                r = append_dictionary(m, text);
        if (*text)
                (void) next_line(text);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_arguments(sd_bus_message *m, const char *signature, char **text)
{
        int r = 0;

        while (r >= 0 && *signature) {
                if (strncmp(signature, "aa{sv}", 6) == 0) {
                        r = append_dictionaries(m, text);
                        signature += 6;
                } else if (strncmp(signature, "a{sv}", 5) == 0) {
                        r = append_dictionary(m, text);
                        signature += 5;
                } else if (strncmp(signature, "as", 2) == 0) {
                        r = append_list(m, next_line(text));
                        signature += 2;
                } else if (*signature == 'u')
                        r = append_number(m, *signature++, next_line(text));
                else {
                        assert(*signature == 's');
                        r = sd_bus_message_append_basic(m, *signature++, next_line(text));
                }
        }
        return r;
}

static const sd_bus_vtable *find_method(const char *name)
{
        static const sd_bus_vtable *const vtables[] = {tenancy_vtable, links_vtable, vault_vtable,
                                                       mailbox_vtable};

        for (size_t i = 0; i < ARRAY_SIZE(vtables); i++)
                for (const sd_bus_vtable *v = vtables[i]; v->type != _SD_BUS_VTABLE_END; v++)
                        if (v->type == _SD_BUS_VTABLE_METHOD && streq(v->x.method.member, name))
                                return v;
        return NULL;
}

static void call(const sd_bus_vtable *method, sd_bus_message *m)
{
        fake_n_calls = n_ended = 0;
        fake_reply_error = NULL;
        assert(method->x.method.handler(m, &object, NULL) == 1);
        assert(n_ended == 1 && fake_n_calls <= 1);
        assert(LIST_EMPTY(&bus.requests));
        /* The caller's mistakes have no effect. */
        if (streq_ptr(fake_reply_error, error_dbus_name(ERROR_INVALID_ARGS)))
                assert(fake_n_calls == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(freep) char *copy = fuzz_text(data, size);
        char *text = copy;
        const sd_bus_vtable *method = find_method(next_line(&text));
        uint64_t serial = 1;

        if (!method)
                return 0;
        assert(sd_bus_message_new_method_call(connection, &m, "dev.passlock.Passlock1", PATH,
                                              "dev.passlock.Passlock1.Any",
                                              method->x.method.member) >= 0);
        if (append_arguments(m, method->x.method.signature ?: "", &text) < 0 ||
            sd_bus_message_seal(m, serial, 0) < 0 || sd_bus_message_rewind(m, true) < 0)
                return 0;
        call(method, m);
        return 0;
}
