/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "base/macro.h"
#include "daemon/etcd/key-stride.h"

#define WIDEN  8U
#define AT_MAX 1024U /* keys of hosts are shorter */

static size_t common_length(EtcdBytes a, EtcdBytes b)
{
        const uint8_t *x = a.data, *y = b.data;
        size_t len = MIN(a.len, b.len), i = 0;

        while (i < len && x[i] == y[i])
                i++;
        return i;
}

/* Big-endian, as etcd orders keys; 0 after the end of the key. */
static uint64_t number_at(EtcdBytes key, size_t at)
{
        uint64_t number = 0;

        if (at < key.len)
                memcpy(&number, (const uint8_t *) key.data + at, MIN(key.len - at, sizeof(number)));
        return be64toh(number);
}

/* If there is no room, an earlier byte of the key becomes the first one. */
static void multiply(KeyStride *stride, uint64_t factor)
{
        uint64_t length;

        while (__builtin_mul_overflow(stride->length, factor, &length) && stride->at > 0) {
                stride->at--;
                stride->length >>= 8;
        }
        stride->length = MAX(length, 1U);
}

void key_stride_measure(KeyStride *stride, EtcdBytes first, EtcdBytes last, size_t n, int64_t limit)
{
        if (n < 2) {
                if (stride->length > 0)
                        multiply(stride, WIDEN);
                return;
        }
        stride->at = common_length(first, last);
        stride->length = (number_at(last, stride->at) - number_at(first, stride->at)) / n;
        multiply(stride, (uint64_t) limit);
}

/* Adds to the eight bytes, and carries into earlier ones. Returns whether the sum has room. */
static bool add(uint8_t *key, size_t at, uint64_t length)
{
        EtcdBytes bytes = {key, at + sizeof(length)};
        uint64_t sum;
        bool carry = __builtin_add_overflow(number_at(bytes, at), length, &sum);

        sum = htobe64(sum);
        memcpy(key + at, &sum, sizeof(sum));
        while (carry && at > 0)
                carry = ++key[--at] == 0;
        return !carry;
}

static bool is_before(const uint8_t *key, size_t len, EtcdBytes end)
{
        int c = memcmp(key, end.data, MIN(len, end.len));

        return c < 0 || (c == 0 && len < end.len);
}

int key_stride_end(const KeyStride *stride, EtcdBytes from, EtcdBytes end, uint8_t **ret,
                   size_t *ret_len)
{
        size_t len = stride->at + sizeof(stride->length);
        _cleanup_(freep) uint8_t *key = NULL;

        *ret = NULL;
        if (stride->length == 0 || stride->at > AT_MAX)
                return 0;
        key = calloc(1, len);
        if (!key)
                return -ENOMEM;
        memcpy(key, from.data, MIN(from.len, len));
        if (add(key, stride->at, stride->length) && is_before(key, len, end)) {
                *ret = TAKE_PTR(key);
                *ret_len = len;
        }
        return 0;
}
