/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "dbus/event.h"
#include "tests/unit/test.h"

static void test_every_event_is_complete(void **state)
{
        for (int e = 0; e < N_EVENTS; e++) {
                assert_true(strlen(event_text((Event) e)) > 0);
                assert_in_range(event_priority((Event) e), LOG_ERR, LOG_INFO);
                assert_int_equal(event_from_name(event_name((Event) e)), e);
                assert_int_equal(event_from_message_id(event_message_id((Event) e)), e);
        }
}

/* As sd-id128 writes them. */
static void test_ids_are_ids(void **state)
{
        for (int e = 0; e < N_EVENTS; e++) {
                const char *id = event_message_id((Event) e);

                assert_int_equal(strlen(id), 32);
                assert_int_equal(strspn(id, "0123456789abcdef"), 32);
                assert_int_equal(id[12], '4');
        }
}

static void test_no_two_are_alike(void **state)
{
        for (int a = 0; a < N_EVENTS; a++)
                for (int b = a + 1; b < N_EVENTS; b++) {
                        assert_string_not_equal(event_name((Event) a), event_name((Event) b));
                        assert_string_not_equal(event_message_id((Event) a),
                                                event_message_id((Event) b));
                        assert_string_not_equal(event_text((Event) a), event_text((Event) b));
                }
}

static void test_unknown(void **state)
{
        assert_int_equal(event_from_name(NULL), -1);
        assert_int_equal(event_from_name(""), -1);
        assert_int_equal(event_from_name("LINK_ADDED"), -1);
        assert_int_equal(event_from_message_id(NULL), -1);
        assert_int_equal(event_from_message_id("00000000000000000000000000000000"), -1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_event_is_complete),
                cmocka_unit_test(test_ids_are_ids),
                cmocka_unit_test(test_no_two_are_alike),
                cmocka_unit_test(test_unknown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
