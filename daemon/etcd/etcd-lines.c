/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/etcd/etcd-lines.h"

/* A buffer that grew beyond this is freed after its line. */
#define KEEP_SIZE 65536U

void etcd_lines_clear(EtcdLines *lines)
{
        free(lines->rest);
        *lines = (EtcdLines){};
}

static int keep(EtcdLines *lines, const char *data, size_t len)
{
        size_t size = lines->rest_size;
        char *rest;

        if (len > ETCD_LINE_LEN_MAX - lines->rest_len)
                return -EMSGSIZE;
        while (size < lines->rest_len + len)
                size = size > 0 ? size * 2 : 4096;
        if (size > lines->rest_size) {
                rest = realloc(lines->rest, size);
                if (!rest)
                        return -ENOMEM;
                lines->rest = rest;
                lines->rest_size = size;
        }
        memcpy(lines->rest + lines->rest_len, data, len);
        lines->rest_len += len;
        return 0;
}

static int end_kept_line(EtcdLines *lines, EtcdLineFunc func, void *userdata)
{
        size_t len = lines->rest_len;
        int r;

        lines->rest_len = 0;
        r = func(lines->rest, len, userdata);
        if (r == 0 && lines->rest_size > KEEP_SIZE)
                etcd_lines_clear(lines);
        return r;
}

int etcd_lines_feed(EtcdLines *lines, const char *data, size_t len, EtcdLineFunc func,
                    void *userdata)
{
        const char *end;
        size_t n;
        int r = 0;

        while (len > 0 && r == 0) {
                end = memchr(data, '\n', len);
                if (!end)
                        return keep(lines, data, len);
                n = (size_t) (end - data);
                if (lines->rest_len > 0) {
                        r = keep(lines, data, n);
                        if (r == 0)
                                r = end_kept_line(lines, func, userdata);
                } else if (n > ETCD_LINE_LEN_MAX) {
                        return -EMSGSIZE;
                } else if (n > 0) {
                        r = func(data, n, userdata);
                }
                data += n + 1;
                len -= n + 1;
        }
        return r;
}
