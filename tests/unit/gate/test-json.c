/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* json-arguments.c and json-reply.c: JSON to a message and back. */

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "dbus/error.h"
#include "gate/json-arguments.h"
#include "gate/json-reply.h"
#include "tests/unit/test.h"

static const GateKey keys[] = {{"s", "s"}, {"b", "b"}, {"u", "u"},     {"t", "t"},
                               {"x", "x"}, {"i", "i"}, {"list", "as"}, {}};
static const GateArgument in[] = {
        {"name", "s", NULL, false},        {"pairs", "a(ss)", NULL, false},
        {"nested", "a(tas)", NULL, false}, {"entries", "aa{sv}", keys, false},
        {"options", "a{sv}", keys, true},  {}};
static const GateMethod method = {"Test.Call", "dev.passlock.Test", "Call", in, in};

static int setup(void **state)
{
        sd_bus *bus;
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
                         0);
        assert_int_equal(sd_bus_new(&bus), 0);
        assert_true(sd_bus_set_fd(bus, fds[0], fds[0]) >= 0);
        assert_true(sd_bus_start(bus) >= 0);
        close(fds[1]);
        *state = bus;
        return 0;
}

static int teardown(void **state)
{
        sd_bus_close_unref(*state);
        return 0;
}

/* Parses a body, and returns the message as JSON. */
static char *converted(sd_bus *bus, const char *body)
{
        sd_bus_message *m = NULL;
        JsonArguments arguments;
        TextBuffer text = {};
        char *copy;

        assert_int_equal(json_arguments_parse(body, strlen(body), &method, &arguments), 0);
        assert_true(sd_bus_message_new_method_call(bus, &m, "a.b", "/", "a.b", "C") >= 0);
        assert_int_equal(json_arguments_append(m, &arguments), 0);
        assert_true(sd_bus_message_seal(m, 1, 0) >= 0);
        assert_true(sd_bus_message_rewind(m, true) >= 0);
        assert_int_equal(json_reply_append(m, in, &text), 0);
        assert_false(text.failed);
        copy = strndup(text.s, text.len);
        text_buffer_done(&text);
        sd_bus_message_unref(m);
        json_arguments_done(&arguments);
        return copy;
}

static void test_round_trip(void **state)
{
        static const char *const cases[][2] = {
                {"{\"name\":\"\",\"pairs\":[],\"nested\":[],\"entries\":[]}",
                 "{\"name\":\"\",\"pairs\":[],\"nested\":[],\"entries\":[],\"options\":{}}"},
                {"{\"name\":\"\\\"\\\\\\/"
                 "\\b\\n\\u001f\\u00e9\\ud83d\\ude00\",\"pairs\":[[\"a\",\"b\"],[\"\",\"c\"]],"
                 "\"nested\":[[9223372036854775807,[\"x\",\"y\"]],[0,[]]],\"entries\":[{},{\"s\":"
                 "\"v\",\"b\":false}]}",
                 "{\"name\":\"\\\"\\\\/"
                 "\\u0008\\u000a\\u001f\xc3\xa9\xf0\x9f\x98\x80\",\"pairs\":[[\"a\",\"b\"],[\"\","
                 "\"c\"]],\"nested\":[[9223372036854775807,[\"x\",\"y\"]],[0,[]]],\"entries\":[{},{"
                 "\"s\":\"v\",\"b\":"
                 "false}],\"options\":{}}"},
                {"{\"list\":[\"p\",\"q\"],\"name\":\"n\",\"i\":-2147483648,\"x\":-"
                 "9223372036854775808,\"u\":4294967295,"
                 "\"t\":9007199254740993,\"b\":true,\"s\":\"o\",\"entries\":[],\"pairs\":[],"
                 "\"nested\":[]}",
                 "{\"name\":\"n\",\"pairs\":[],\"nested\":[],\"entries\":[],\"options\":{\"s\":"
                 "\"o\",\"b\":true,\"u\":"
                 "4294967295,\"t\":9007199254740993,\"x\":-9223372036854775808,\"i\":-2147483648,"
                 "\"list\":[\"p\","
                 "\"q\"]}}"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char *found = converted(*state, cases[i][0]);

                assert_string_equal(found, cases[i][1]);
                free(found);
        }
}

static void refused(const char *members, const char *flaw)
{
        JsonArguments arguments;
        char body[1024];

        snprintf(body, sizeof(body), "{%s}", members);
        assert_int_equal(json_arguments_parse(body, strlen(body), &method, &arguments),
                         ERROR_INVALID_ARGS);
        assert_string_equal(arguments.flaw, flaw);
        json_arguments_done(&arguments);
}

#define OTHERS ",\"nested\":[],\"entries\":[]"

static void test_refused(void **state)
{
        refused("", "name: missing");
        refused("\"name\":1", "name: expected a string");
        refused("\"name\":\"n\",\"pairs\":{}", "pairs: expected an array");
        refused("\"name\":\"n\",\"pairs\":[\"a\"]", "pairs: expected an array");
        refused("\"name\":\"n\",\"pairs\":[[\"a\"]]", "pairs: expected more elements");
        refused("\"name\":\"n\",\"pairs\":[[\"a\",\"b\",\"c\"]]", "pairs: expected fewer elements");
        refused("\"name\":\"n\",\"pairs\":[[\"a\",1]]", "pairs: expected a string");
        refused("\"name\":\"n\",\"pairs\":[],\"nested\":[],\"entries\":[[]]",
                "entries: expected an object");
        refused("\"name\":\"n\",\"pairs\":[],\"nested\":[],\"entries\":[{\"no\":1}]",
                "no: unknown member");
        refused("\"name\":\"n\",\"pairs\":[],\"nested\":[],\"entries\":[{\"b\":1}]",
                "b: expected true or false");
        refused("\"name\":\"n\",\"pairs\":[]" OTHERS ",\"no\":1", "no: unknown member");
        refused("\"name\":\"n\",\"pairs\":[]" OTHERS ",\"options\":{}", "options: unknown member");
        refused("\"name\":\"n\",\"pairs\":[]" OTHERS ",\"u\":-1",
                "u: expected an integer in the range of its type");
        refused("\"name\":\"n\",\"pairs\":[]" OTHERS ",\"i\":2147483648",
                "i: expected an integer in the range of its type");
        refused("\"name\":\"n\",\"pairs\":[]" OTHERS ",\"t\":1.5",
                "t: expected an integer in the range of its type");
        refused("\"name\":\"n\",\"pairs\":[]" OTHERS ",\"t\":9223372036854775808",
                "The body is not valid JSON: a number out of range at byte 71");
}

/* A retry of a call with this option is safe, so there is always one. */
static void test_request_id_is_added(void **state)
{
        const GateMethod *exchange = gate_method_find("Tenancy.Exchange");
        static const char given[] = "{\"code\":\"c\",\"request_id\":\"0123456789abcdef\"}";
        const char *first = "{\"code\":\"c\"}";
        JsonArguments a, b;

        assert_int_equal(json_arguments_parse(first, strlen(first), exchange, &a), 0);
        assert_int_equal(json_arguments_parse(first, strlen(first), exchange, &b), 0);
        assert_int_equal(json_string_length(json_object_get(a.object, "request_id")), 32);
        assert_false(json_equal(a.object, b.object));
        json_arguments_done(&a);
        json_arguments_done(&b);
        assert_int_equal(json_arguments_parse(given, strlen(given), exchange, &a), 0);
        assert_string_equal(json_string_value(json_object_get(a.object, "request_id")),
                            "0123456789abcdef");
        json_arguments_done(&a);
}

static void test_reply_of_another_type(void **state)
{
        static const GateArgument two[] = {{"a", "s", NULL, false}, {"b", "s", NULL, false}, {}};
        sd_bus_message *m = NULL;
        TextBuffer text = {};

        assert_true(sd_bus_message_new_method_call(*state, &m, "a.b", "/", "a.b", "C") >= 0);
        assert_true(sd_bus_message_append(m, "sd", "x", 0.5) >= 0);
        assert_true(sd_bus_message_seal(m, 1, 0) >= 0);
        assert_int_equal(json_reply_append(m, two, &text), -EOPNOTSUPP);
        text_buffer_done(&text);
        sd_bus_message_unref(m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_request_id_is_added),
                cmocka_unit_test_setup_teardown(test_reply_of_another_type, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
