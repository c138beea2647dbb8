/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* The last failure of the disk that left a record: thousands that are alike leave one in a while.
 */
typedef struct StoreFailure {
        int error;
        uint64_t at_ms;
} StoreFailure;

/* Leaves a record of a negative errno, if it is not the same as just before. */
void store_failure_record(StoreFailure *last_failure, int r);
