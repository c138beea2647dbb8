/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Why bytes are no API key, to be put after "it": "is empty", "has more than one line", … NULL if
 * they may be one. A line end behind a key is fine. */
const char *key_flaw(const char *bytes, size_t len);
