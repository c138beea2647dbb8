/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Local resource shortages: memory, file descriptors, threads. curl reports them as network
 * failures. */

/* Maps an errno to the errno of a shortage: -ENOMEM, -EMFILE, -ENFILE or -ENOBUFS; 0 for other
 * errnos. */
int http_resource_shortage_from_errno(int r);

/* Probes whether descriptors and a thread are available now. Returns 0 or the errno of a
 * shortage. */
int http_resource_shortage_probe(void);
