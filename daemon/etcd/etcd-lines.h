/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Splits a stream into lines. Zero-initialised it is empty. */
typedef struct EtcdLines {
        char *rest; /* of the last line, which has no end yet */
        size_t rest_len, rest_size;
} EtcdLines;

#define ETCD_LINE_LEN_MAX (16U << 20)

/* A line without its newline, not empty, lent. Returns 0 to go on; after another value the
 * EtcdLines may be gone. */
typedef int (*EtcdLineFunc)(const char *line, size_t len, void *userdata);

/* Returns 0, -ENOMEM, -EMSGSIZE for a line that is longer than ETCD_LINE_LEN_MAX, or the value of
 * the function that was not 0. Call etcd_lines_clear() after a failure. */
int etcd_lines_feed(EtcdLines *lines, const char *data, size_t len, EtcdLineFunc func,
                    void *userdata);
void etcd_lines_clear(EtcdLines *lines);
