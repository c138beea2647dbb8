/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/random.h>

#include "base/jitter.h"

uint64_t jitter_ms(uint64_t base_ms)
{
        uint64_t dice = 0;

        if (getrandom(&dice, sizeof(dice), GRND_NONBLOCK) != (ssize_t) sizeof(dice))
                return base_ms;
        return base_ms / 2 + dice % (base_ms + 1);
}
