/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/store/lmdb/key.h"
#include "tests/unit/daemon/store/store-fixture.h"

static void test_short_ids_stand_for_themselves(void **state)
{
        const size_t lens[] = {1, 474, 475, 505, 506};

        for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
                _cleanup_(freep) char *id = make_id(lens[i], 3);
                StoreKey key;

                assert_int_equal(key_for_link(0x01020304, id, &key), 0);
                assert_int_equal(key.len, 4 + lens[i]);
                assert_memory_equal(key.bytes, "\x01\x02\x03\x04", 4);
                assert_memory_equal(key.bytes + 4, id, lens[i]);
        }
}

/* Long ids that differ only in the last byte have different keys. */
static void test_long_ids_differ(void **state)
{
        for (size_t len = KEY_ID_LEN_MAX + 1; len <= 512; len++) {
                _cleanup_(freep) char *a = make_id(len, 1), *b = make_id(len, 2);
                StoreKey key_a, key_b;

                assert_int_equal(key_for_link(1, a, &key_a), 0);
                assert_int_equal(key_for_link(1, b, &key_b), 0);
                assert_int_equal(key_a.len, KEY_LEN_MAX);
                assert_int_equal(key_b.len, KEY_LEN_MAX);
                assert_memory_equal(key_a.bytes + 4, a, 475);
                assert_memory_not_equal(key_a.bytes, key_b.bytes, KEY_LEN_MAX);
        }
}

/* An id that consists of the key bytes of another id has a different key. */
static void test_no_id_equals_a_digest(void **state)
{
        _cleanup_(freep) char *victim = make_id(512, 1);
        char forged[KEY_LEN_MAX - KEY_TENANCY_LEN + 1];
        StoreKey key, forged_key;

        assert_int_equal(key_for_link(1, victim, &key), 0);
        memcpy(forged, key.bytes + KEY_TENANCY_LEN, sizeof(forged) - 1);
        forged[sizeof(forged) - 1] = '\0';
        assert_int_equal(key_for_link(1, forged, &forged_key), 0);
        assert_true(forged_key.len != key.len || memcmp(forged_key.bytes, key.bytes, key.len) != 0);
}

static void test_from_bytes(void **state)
{
        uint8_t bytes[KEY_LEN_MAX] = "auth";
        StoreKey key, same;

        assert_int_equal(key_for_link(9, "auth", &key), 0);
        assert_int_equal(key_for_link_bytes(9, bytes, 4, &same), 0);
        assert_int_equal(same.len, key.len);
        assert_memory_equal(same.bytes, key.bytes, key.len);
        assert_int_equal(key_for_link_bytes(9, bytes, 0, &same), -EBADMSG);
        assert_int_equal(key_for_link_bytes(9, bytes, 507, &same), 0);
        assert_int_equal(key_for_link_bytes(9, bytes, 508, &same), -EBADMSG);
}

static void test_parse_link(void **state)
{
        _cleanup_(freep) char *longest = make_id(KEY_ID_LEN_MAX, 1), *id = NULL;
        _cleanup_(freep) char *too_long = make_id(KEY_ID_LEN_MAX + 1, 1), *none = NULL;
        StoreKey key;

        assert_true(key_has_id(longest));
        assert_int_equal(key_for_link(9, longest, &key), 0);
        assert_int_equal(key_parse_link(key.bytes, key.len, &id), 0);
        assert_string_equal(id, longest);
        assert_int_equal(key_parse_link(key.bytes, KEY_TENANCY_LEN, &none), -EBADMSG);

        assert_false(key_has_id(too_long));
        assert_int_equal(key_for_link(9, too_long, &key), 0);
        assert_int_equal(key_parse_link(key.bytes, key.len, &none), 0);
        assert_null(none);
        assert_int_equal(key_parse_link(key.bytes, KEY_LEN_MAX + 1, &none), -EBADMSG);
}

static void test_user_keys(void **state)
{
        StoreKey a, b, other;

        assert_int_equal(key_for_user(9, "ada", &a), 0);
        assert_int_equal(key_for_user(9, "adb", &b), 0);
        assert_int_equal(key_for_user(8, "ada", &other), 0);
        assert_int_equal(a.len, 20);
        assert_int_equal(b.len, a.len);
        assert_memory_not_equal(a.bytes, b.bytes, a.len);
        assert_memory_equal(a.bytes, "\0\0\0\x09", 4);
        assert_memory_equal(a.bytes + 4, other.bytes + 4, a.len - 4);
}

static void test_expiries_are_in_order(void **state)
{
        const uint64_t times[] = {0, 1, 255, 256, 1700000000000, UINT64_MAX};
        uint8_t digest[IDEMPOTENCY_KEY_LEN] = {0xff, 0xee}, copy[IDEMPOTENCY_KEY_LEN];
        StoreKey before = {}, key;

        for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
                uint64_t time = 42;

                key_for_expiry(times[i], digest, &key);
                assert_int_equal(key.len, 40);
                if (i > 0)
                        assert_true(memcmp(before.bytes, key.bytes, key.len) < 0);
                assert_int_equal(key_parse_expiry(key.bytes, key.len, &time, copy), 0);
                assert_true(time == times[i]);
                assert_memory_equal(copy, digest, sizeof(digest));
                assert_int_equal(key_parse_expiry(key.bytes, key.len - 1, &time, copy), -EBADMSG);
                before = key;
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_short_ids_stand_for_themselves),
                cmocka_unit_test(test_long_ids_differ),
                cmocka_unit_test(test_no_id_equals_a_digest),
                cmocka_unit_test(test_from_bytes),
                cmocka_unit_test(test_parse_link),
                cmocka_unit_test(test_user_keys),
                cmocka_unit_test(test_expiries_are_in_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
