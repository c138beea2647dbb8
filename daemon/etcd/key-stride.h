/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/etcd/etcd-client.h"

/*
 * Estimates where the range of a page ends, from the keys of earlier pages.
 *
 * etcd counts all keys of a range for each page of it, so loading a large range page by page takes
 * quadratic time. A page of a range that is hardly longer than the page takes linear time.
 *
 * Eight bytes of a key are a number; the stride is added to it. A wrong estimate costs time only:
 * an end that is too far away leaves keys for the next page, one that is too close gives a short
 * page.
 */
typedef struct KeyStride {
        size_t at;       /* of the eight bytes in a key */
        uint64_t length; /* 0: no keys are known */
} KeyStride;

/* Between the `n` ascending keys of a page, whose first and last are given, for pages of `limit`
 * keys. A page with less than two keys doubles the stride several times. */
void key_stride_measure(KeyStride *stride, EtcdBytes first, EtcdBytes last, size_t n,
                        int64_t limit);

/* The end of a range from a key on. Returns 0 and allocated bytes, NULL if it is not before `end`;
 * or -ENOMEM. */
int key_stride_end(const KeyStride *stride, EtcdBytes from, EtcdBytes end, uint8_t **ret,
                   size_t *ret_len);
