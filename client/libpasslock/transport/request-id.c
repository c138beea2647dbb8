/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/macro.h"
#include "client/libpasslock/transport/request-id.h"

int request_id_make(char ret[static REQUEST_ID_SIZE])
{
        uint8_t bytes[REQUEST_ID_SIZE / 2];

        if (getentropy(bytes, sizeof(bytes)) < 0)
                return -errno;
        for (size_t i = 0; i < sizeof(bytes); i++)
                snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
        return 0;
}
