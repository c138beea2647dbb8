/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "daemon/model/unenforced-uses.h"
#include "tests/unit/test.h"

#define HOUR_MS (UINT64_C(3600) * 1000)

static void test_once_an_hour(void **state _unused_)
{
        UnenforcedUses *uses = NULL;

        assert_int_equal(unenforced_uses_note(&uses, 1000, 1, NULL, 5), 1);
        assert_int_equal(unenforced_uses_note(&uses, 1000, 1, NULL, 5), 0);
        assert_int_equal(unenforced_uses_note(&uses, 1001, 1, NULL, 5), 1);
        assert_int_equal(unenforced_uses_note(&uses, 1000, 2, NULL, 5), 1);
        assert_int_equal(unenforced_uses_note(&uses, 1000, 1, "a.example", 5), 1);
        assert_int_equal(unenforced_uses_note(&uses, 1000, 1, "A.example", 5), 0);
        assert_int_equal(unenforced_uses_note(&uses, 1000, 1, NULL, HOUR_MS + 4), 0);
        assert_int_equal(unenforced_uses_note(&uses, 1000, 1, NULL, HOUR_MS + 5), 1);
        assert_int_equal(unenforced_uses_note(&uses, 1000, 1, NULL, HOUR_MS + 6), 0);
        assert_null(unenforced_uses_free(uses));
        assert_null(unenforced_uses_free(NULL));
}

static void test_is_bounded(void **state _unused_)
{
        UnenforcedUses *uses = NULL;
        char rp_id[32];
        int n = 0, r;

        do {
                snprintf(rp_id, sizeof(rp_id), "%d.example", n);
                r = unenforced_uses_note(&uses, 1000, 1, rp_id, 5);
                n += r > 0;
        } while (r > 0 && n < 10000);
        assert_int_equal(r, -ENOBUFS);
        assert_int_equal(n, 64);
        assert_int_equal(unenforced_uses_note(&uses, 1000, 1, "0.example", 6), 0);
        /* Relying parties leave room for rights. */
        assert_int_equal(unenforced_uses_note(&uses, 1000, 2, NULL, 6), 1);
        assert_int_equal(unenforced_uses_note(&uses, 1000, 1, "new.example", HOUR_MS + 5), 1);
        unenforced_uses_free(uses);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_once_an_hour),
                cmocka_unit_test(test_is_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
