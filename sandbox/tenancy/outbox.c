/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox/tenancy/outbox.h"

void outbox_deliver(json_t *outbox, json_t *mail)
{
        if (json_array_size(outbox) >= OUTBOX_MAX)
                json_array_remove(outbox, 0);
        if (json_array_append_new(outbox, must(mail)) < 0)
                abort();
}
