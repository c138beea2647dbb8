/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Stands for an unreadable Retry-After, in a header or in a body. */
#define RETRY_AFTER_UNREADABLE_S 60U
