/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/stat.h>

#include "base/macro.h"

/* Identifies the version of a CA file, like a cache validator: administrators and package updates
 * replace it at run time. */
typedef struct HttpTrust {
        bool present;
        dev_t dev;
        ino_t ino;
        off_t size;
        struct timespec modified, changed;
} HttpTrust;

/* Stats the file; NULL: curl's default file. */
HttpTrust http_trust_stat(const char *ca_file);
/* The file that curl is to read. In place of one that is not there, or no regular file, it is one
 * without a certificate: to open a FIFO would block. NULL if curl has none. */
const char *http_trust_path(const HttpTrust *trust, const char *ca_file);
bool http_trust_equal(const HttpTrust *a, const HttpTrust *b);
