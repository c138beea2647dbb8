/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "sandbox/webauthn/cbor-item.h"
#include "tests/unit/test.h"

#define SPAN(...) \
        (Span) \
        { \
                (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}) \
        }

static void test_items(void **state)
{
        const struct {
                Span input;
                CborType type;
                uint64_t value;
                size_t content_len;
        } cases[] = {
                {SPAN(0x00), CBOR_UNSIGNED, 0, 0},
                {SPAN(0x17), CBOR_UNSIGNED, 23, 0},
                {SPAN(0x18, 0x18), CBOR_UNSIGNED, 24, 0},
                {SPAN(0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), CBOR_UNSIGNED,
                 UINT64_MAX, 0},
                {SPAN(0x26), CBOR_NEGATIVE, 6, 0},
                {SPAN(0x42, 1, 2), CBOR_BYTES, 2, 2},
                {SPAN(0x60), CBOR_TEXT, 0, 0},
                {SPAN(0x82, 0x01, 0x81, 0x02), CBOR_ARRAY, 2, 3},
                {SPAN(0xa1, 0x01, 0x61, 'a'), CBOR_MAP, 1, 3},
                {SPAN(0xf5), CBOR_SIMPLE, 21, 0},
                {SPAN(0xf9, 0x3c, 0x00), CBOR_SIMPLE, 0x3c00, 0},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                CborItem item;

                assert_int_equal(cbor_item_read(cases[i].input, &item), 0);
                assert_int_equal(item.type, cases[i].type);
                assert_int_equal(item.value, cases[i].value);
                assert_int_equal(item.content.len, cases[i].content_len);
                assert_int_equal(item.whole.len, cases[i].input.len);
        }
}

static void test_refused(void **state)
{
        const Span cases[] = {
                {NULL, 0},
                SPAN(0x18),                                                 /* cut off */
                SPAN(0x1b, 1, 2, 3, 4, 5, 6, 7),                            /* cut off */
                SPAN(0x1c),                                                 /* reserved */
                SPAN(0x42, 1),                                              /* cut off */
                SPAN(0x01, 0x01),                                           /* left over */
                SPAN(0x5f, 0x41, 1, 0xff),                                  /* indefinite */
                SPAN(0x9f, 0xff),                                           /* indefinite */
                SPAN(0xbf, 0xff),                                           /* indefinite */
                SPAN(0xc0, 0x01),                                           /* a tag */
                SPAN(0xa1, 0x01),                                           /* no value */
                SPAN(0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), /* huge */
                SPAN(0x7b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), /* huge */
                SPAN(0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), /* huge */
                SPAN(0xbb, 0x80, 0, 0, 0, 0, 0, 0, 0), /* twice this overflows to nothing */
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                CborItem item = {.value = 42};

                assert_int_equal(cbor_item_read(cases[i], &item), -EBADMSG);
                assert_int_equal(item.value, 42);
        }
}

static void test_nesting(void **state)
{
        static uint8_t deep[60000];
        CborItem item;

        memset(deep, 0x81, sizeof(deep));
        assert_int_equal(cbor_item_read((Span){deep, sizeof(deep)}, &item), -EBADMSG);
        deep[8] = 0;
        assert_int_equal(cbor_item_read((Span){deep, 9}, &item), 0);
        deep[8] = 0x81;
        deep[9] = 0;
        assert_int_equal(cbor_item_read((Span){deep, 10}, &item), -EBADMSG);
}

static void test_maps(void **state)
{
        const Span input = SPAN(0xa4, 0x61, 'a', 0x01, 0x03, 0x26, 0x61, 'b', 0x02, 0x61, 'b', 3);
        CborItem map, item;

        assert_int_equal(cbor_item_read(input, &map), 0);
        assert_int_equal(cbor_item_get(&map, "a", &item), 0);
        assert_true(cbor_item_is_int(&item, 1));
        assert_false(cbor_item_is_int(&item, -2));
        assert_int_equal(cbor_item_get_int(&map, 3, &item), 0);
        assert_true(cbor_item_is_int(&item, -7));
        assert_false(cbor_item_is_int(&item, 6));
        assert_int_equal(cbor_item_get(&map, "c", &item), -ENOENT);
        assert_int_equal(cbor_item_get_int(&map, -4, &item), -ENOENT);
        assert_int_equal(cbor_item_get(&map, "b", &item), -EBADMSG);
        assert_int_equal(cbor_item_get(&item, "b", &item), -EBADMSG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_items),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_nesting),
                cmocka_unit_test(test_maps),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
