/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* passlock.js, as it was when this was built. */
extern const char passlock_js[];
extern const size_t passlock_js_len;
