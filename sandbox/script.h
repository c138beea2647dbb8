/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* passlock.js, embedded at build time. */
extern const char passlock_js[];
extern const size_t passlock_js_len;
