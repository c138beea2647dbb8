/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * What this process, or this machine, is short of: memory, descriptors, and what else the kernel
 * counts. curl tells such a failure as one of the network or of the peer.
 */

/* The errno that stands for a shortage, if `r` is an errno of one: -ENOMEM, -EMFILE, -ENFILE or
 * -ENOBUFS; else 0. */
int http_lack_of_errno(int r);

/* What keeps a call from being made right now, by trying to get it: descriptors or a thread. One of
 * the above, or 0. */
int http_lack_find(void);
