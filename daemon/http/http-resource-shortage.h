/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Shortages of this process or this machine: memory, file descriptors, threads. curl reports them
 * as failures of the network or of the peer.
 */

/* The errno that stands for a shortage, if `r` is an errno of one: -ENOMEM, -EMFILE, -ENFILE or
 * -ENOBUFS; else 0. */
int http_resource_shortage_from_errno(int r);

/* Tries whether a call could get descriptors and a thread right now. Returns one of the above, or
 * 0. */
int http_resource_shortage_probe(void);
