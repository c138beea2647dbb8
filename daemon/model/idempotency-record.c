/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/model/idempotency-record.h"

void answer_clear(Answer *answer)
{
        principal_free(answer->principal);
        *answer = (Answer){};
}
