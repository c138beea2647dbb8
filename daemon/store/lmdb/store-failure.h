/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* The last recorded I/O failure; rate-limits the records of repeated failures. */
typedef struct StoreFailure {
        int error;
        uint64_t at_ms;
} StoreFailure;

/* Records a negative errno, unless the same one was recorded just before. */
void store_failure_record(StoreFailure *last_failure, int r);
