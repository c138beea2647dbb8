/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/grant.h"

/* Asks the host's user database (NSS) for a user or group by name, and waits for the answer, which
 * may take minutes. For any thread. */
NssResult nss_lookup(bool is_group, const char *name);
