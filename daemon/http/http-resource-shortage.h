/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Local resource shortages: memory, file descriptors, threads. curl reports them as network
 * failures. */

/* Maps an errno to that of a shortage: -ENOMEM, -EMFILE, -ENFILE or -ENOBUFS; 0 if it is none. */
int http_resource_shortage_from_errno(int r);

/* Probes whether descriptors and a thread are available now. Returns such an errno or 0. */
int http_resource_shortage_probe(void);
