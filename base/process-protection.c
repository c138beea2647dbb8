/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/process-protection.h"

void process_disable_core_dumps(void)
{
        (void) setrlimit(RLIMIT_CORE, &(struct rlimit){});
        if (prctl(PR_SET_DUMPABLE, 0) < 0)
                log_warning("Failed to disable core dumps: %s", strerror(errno));
}

void process_give_up_new_privileges(void)
{
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                log_warning("Failed to set no_new_privs: %s", strerror(errno));
}
