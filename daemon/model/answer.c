/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/model/answer.h"

void answer_clear(Answer *answer)
{
        principal_free(answer->principal);
        *answer = (Answer){};
}
