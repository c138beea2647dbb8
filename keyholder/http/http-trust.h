/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/stat.h>

#include "base/macro.h"

/* The version of a CA file, like an HTTP cache validator: administrators and package updates
 * replace the file at run time. */
typedef struct HttpTrust {
        bool present;
        dev_t dev;
        ino_t ino;
        off_t size;
        struct timespec modified, changed;
} HttpTrust;

/* Stats the file; NULL: curl's default file. */
HttpTrust http_trust_stat(const char *ca_file);
/* The CA file for curl. For a missing or non-regular file (opening a FIFO would block), an empty
 * file. NULL if curl has no default file. */
const char *http_trust_path(const HttpTrust *trust, const char *ca_file);
bool http_trust_equal(const HttpTrust *a, const HttpTrust *b);
