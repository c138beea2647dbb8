/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/grant.h"

/* Looks up a user or group by name (NSS). Blocks, possibly for minutes. Thread-safe. */
NssResult nss_lookup(bool is_group, const char *name);
