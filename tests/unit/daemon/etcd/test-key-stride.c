/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Pages of many keys, read as EtcdSnapshot does. */

#include <inttypes.h>
#include <stdio.h>
#include <sys/param.h>

#include "daemon/etcd/key-stride.h"
#include "tests/unit/test.h"

#define N_KEYS  20000U
#define LIMIT   100U
#define KEY_LEN 64U

static char keys[N_KEYS][KEY_LEN];

static int compare(const void *a, const void *b)
{
        return strcmp(a, b);
}

static uint64_t next_random(uint64_t *seed)
{
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        return *seed;
}

static void make_keys(void (*make)(char *key, unsigned i, uint64_t *seed))
{
        uint64_t seed = 88172645463325252;

        memset(keys, 0, sizeof(keys));
        for (unsigned i = 0; i < N_KEYS; i++)
                make(keys[i], i, &seed);
        qsort(keys, N_KEYS, KEY_LEN, compare);
}

static EtcdBytes key_at(unsigned i)
{
        return (EtcdBytes){keys[i], strlen(keys[i])};
}

static int compare_bytes(EtcdBytes a, EtcdBytes b)
{
        int c = memcmp(a.data, b.data, MIN(a.len, b.len));

        return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

/* How many keys are in the range from a key on. */
static unsigned count(unsigned from, EtcdBytes end)
{
        unsigned i = from;

        while (i < N_KEYS && compare_bytes(key_at(i), end) < 0)
                i++;
        return i - from;
}

static void measure(KeyStride *stride, unsigned from, unsigned n)
{
        key_stride_measure(stride, n > 0 ? key_at(from) : (EtcdBytes){},
                           n > 0 ? key_at(from + n - 1) : (EtcdBytes){}, n, LIMIT);
}

/* Reads all keys, and counts pages, and the keys that etcd visits. */
static void read_keys(size_t *ret_n_pages, size_t *ret_n_visited)
{
        const EtcdBytes end = ETCD_BYTES("b");
        EtcdBytes page_end = end;
        _cleanup_(freep) uint8_t *buffer = NULL;
        KeyStride stride = {};

        *ret_n_pages = *ret_n_visited = 0;
        for (unsigned at = 0; at < N_KEYS; (*ret_n_pages)++) {
                unsigned n_range = count(at, page_end), n = MIN(n_range, LIMIT);
                EtcdBytes from = n_range > n ? key_at(at + n) : page_end;
                uint8_t *old = buffer;
                size_t len;

                *ret_n_visited += n_range;
                measure(&stride, at, n);
                at += n;
                assert_int_equal(key_stride_end(&stride, from, end, &buffer, &len), 0);
                page_end = buffer ? (EtcdBytes){buffer, len} : end;
                assert_true(compare_bytes(page_end, from) > 0 || at == N_KEYS);
                assert_true(compare_bytes(page_end, end) <= 0);
                free(old);
        }
}

static void check(void (*make)(char *key, unsigned i, uint64_t *seed), size_t pages_max,
                  size_t visited_max)
{
        size_t n_pages, n_visited;

        make_keys(make);
        read_keys(&n_pages, &n_visited);
        print_message("# %zu pages, %zu visited of %u\n", n_pages, n_visited, N_KEYS);
        /* The first page visits all. */
        assert_in_range(n_visited, N_KEYS, N_KEYS + visited_max * N_KEYS);
        assert_in_range(n_pages, N_KEYS / LIMIT, pages_max * N_KEYS / LIMIT);
}

/* As ids of the API are. */
static void make_base64(char *key, unsigned i, uint64_t *seed)
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

        strcpy(key, "a/links/tenancy/");
        for (size_t at = strlen(key), end = at + 27; at < end; at++)
                key[at] = digits[next_random(seed) % 64];
}

static void make_decimal(char *key, unsigned i, uint64_t *seed)
{
        snprintf(key, KEY_LEN, "a/links/tenancy/key-%032u", i);
}

/* Two tenancies, and marks. */
static void make_mixed(char *key, unsigned i, uint64_t *seed)
{
        if (i % 3 == 0)
                snprintf(key, KEY_LEN, "a/users/tenancy/%04x", i);
        else if (i % 3 == 1)
                make_base64(key, i, seed);
        else
                snprintf(key, KEY_LEN, "a/links/another/%016" PRIx64, next_random(seed));
}

/* Half of them closely together. */
static void make_clustered(char *key, unsigned i, uint64_t *seed)
{
        if (i % 2)
                make_base64(key, i, seed);
        else
                snprintf(key, KEY_LEN, "a/links/tenancy/MMMMMMMMMMMMMMMM%08u", i);
}

static void test_kinds_of_keys(void **state)
{
        check(make_base64, 2, 4);
        check(make_decimal, 4, 8);
        check(make_mixed, 4, 8);
        check(make_clustered, 4, 8);
}

/* Without an estimate, or behind the last key, the range ends at the end. */
static void test_end(void **state)
{
        static const struct {
                KeyStride stride;
                const char *end; /* NULL: none */
        } cases[] = {
                {{.length = 0}, NULL},
                {{.at = 0, .length = UINT64_MAX}, NULL},
                {{.at = 2000, .length = 1}, NULL}, /* longer than any key of a host */
                {{.at = 2, .length = UINT64_C(1) << 56}, "a/y"},
                {{.at = 2, .length = UINT64_C(200) << 56}, "a0@"},
                {{.at = 2, .length = UINT64_MAX}, "a0w"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(freep) uint8_t *key = NULL;
                size_t len;

                assert_int_equal(key_stride_end(&cases[i].stride, ETCD_BYTES("a/x"),
                                                ETCD_BYTES("b"), &key, &len),
                                 0);
                assert_int_equal(!key, !cases[i].end);
                if (key)
                        assert_memory_equal(key, cases[i].end, strlen(cases[i].end));
        }
}

static void test_equal_numbers(void **state)
{
        KeyStride stride = {};

        /* The second key has a NUL more. */
        key_stride_measure(&stride, (EtcdBytes){"a/x", 3}, (EtcdBytes){"a/x", 4}, 2, 1000);
        assert_int_equal(stride.at, 3);
        assert_in_range(stride.length, 1, UINT64_MAX);
        for (unsigned i = 0; i < 100; i++)
                key_stride_measure(&stride, (EtcdBytes){}, (EtcdBytes){}, 0, 1000);
        assert_int_equal(stride.at, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_kinds_of_keys),
                cmocka_unit_test(test_end),
                cmocka_unit_test(test_equal_numbers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
