/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* A random delay of 0.5 to 1.5 times the base, so that retries of many clients do not coincide. */
uint64_t jitter_ms(uint64_t base_ms);
