/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "client/passlockctl/host/protection.h"

int protect_memory(void)
{
        const struct rlimit none = {};

        if (prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
                return -errno;
        /* Limited by RLIMIT_MEMLOCK for other users than root. */
        (void) mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
        umask(0077);
        return 0;
}
