/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/secret.h"
#include "tests/unit/test.h"

static int read_file_of(const char *bytes, size_t len, Secret **ret)
{
        char name[] = "/tmp/test-secret.XXXXXX";
        int fd = mkstemp(name), r;

        assert_true(fd >= 0);
        assert_int_equal(write(fd, bytes, len), len);
        close(fd);
        r = secret_read_at(AT_FDCWD, name, ret);
        unlink(name);
        return r;
}

static void test_new(void **state)
{
        Secret *secret = NULL;

        assert_int_equal(secret_new("sk_1", 4, &secret), 0);
        assert_string_equal(secret_reveal(secret), "sk_1");
        assert_int_equal(secret_len(secret), 4);
        assert_ptr_equal(secret_ref(secret), secret);
        assert_null(secret_unref(secret));
        assert_string_equal(secret_reveal(secret), "sk_1");
        secret_unref(secret);
        assert_null(secret_unref(NULL));
}

static void test_unacceptable(void **state)
{
        char huge[SECRET_LEN_MAX + 1];
        Secret *untouched = (Secret *) 1;

        memset(huge, 'k', sizeof(huge));
        assert_int_equal(secret_new("", 0, &untouched), -EINVAL);
        assert_int_equal(secret_new("a\0b", 3, &untouched), -EINVAL);
        assert_int_equal(secret_new(huge, sizeof(huge), &untouched), -E2BIG);
        assert_int_equal(read_file_of("", 0, &untouched), -EINVAL);
        assert_int_equal(read_file_of("\n", 1, &untouched), -EINVAL);
        assert_int_equal(read_file_of(huge, sizeof(huge), &untouched), -E2BIG);
        assert_int_equal(secret_read_at(AT_FDCWD, "/nonexistent", &untouched), -ENOENT);
        assert_ptr_equal(untouched, (Secret *) 1);
}

static void test_read(void **state)
{
        char large[SECRET_LEN_MAX + 1];
        Secret *secret = NULL;

        assert_int_equal(read_file_of("sk_2\n", 5, &secret), 0);
        assert_string_equal(secret_reveal(secret), "sk_2");
        secret_unref(secret);

        memset(large, 'k', SECRET_LEN_MAX);
        large[SECRET_LEN_MAX] = '\n';
        assert_int_equal(read_file_of(large, sizeof(large), &secret), 0);
        assert_int_equal(secret_len(secret), SECRET_LEN_MAX);
        secret_unref(secret);
}

static void test_equal(void **state)
{
        Secret *a = NULL, *same = NULL, *other = NULL, *longer = NULL;

        assert_int_equal(secret_new("sk_1", 4, &a), 0);
        assert_int_equal(secret_new("sk_1", 4, &same), 0);
        assert_int_equal(secret_new("sk_2", 4, &other), 0);
        assert_int_equal(secret_new("sk_11", 5, &longer), 0);
        assert_true(secret_equal(a, same));
        assert_false(secret_equal(a, other));
        assert_false(secret_equal(a, longer));
        assert_false(secret_equal(a, NULL));
        assert_false(secret_equal(NULL, NULL));
        secret_unref(a);
        secret_unref(same);
        secret_unref(other);
        secret_unref(longer);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_new),
                cmocka_unit_test(test_unacceptable),
                cmocka_unit_test(test_read),
                cmocka_unit_test(test_equal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
