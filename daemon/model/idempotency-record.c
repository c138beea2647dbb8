/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/model/idempotency-record.h"

void idempotency_record_clear(IdempotencyRecord *answer)
{
        principal_free(answer->principal);
        *answer = (IdempotencyRecord){};
}
