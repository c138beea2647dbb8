/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* A random delay between half and one and a half times the base, so that those who failed together
 * do not retry together. */
uint64_t jitter_ms(uint64_t base_ms);
