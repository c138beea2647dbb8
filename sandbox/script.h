/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/*
 * The page module and its types, embedded at build time. The default endpoint of this copy is the
 * server that it was loaded from.
 */
extern const char passlock_js[], passlock_d_ts[];
extern const size_t passlock_js_len, passlock_d_ts_len;
