/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include "base/log.h"
#include "daemon/nss-lookup.h"

#define BUFFER_SIZE_MIN 4096U
/* The record of a group lists all its members. */
#define BUFFER_SIZE_MAX (64U * 1024 * 1024)

/* getpwnam_r(3) lists these errnos as "name not found", too. */
static bool is_not_found(int e)
{
        return e == ENOENT || e == ESRCH || e == EBADF || e == EPERM;
}

/* Returns 1, 0, or a negative errno; -ERANGE if the buffer is too small. */
static int look_up_once(bool is_group, const char *name, char *buffer, size_t size, uint32_t *ret)
{
        struct passwd pw, *user = NULL;
        struct group gr, *group = NULL;
        int e;

        if (is_group) {
                e = getgrnam_r(name, &gr, buffer, size, &group);
                if (group)
                        *ret = group->gr_gid;
        } else {
                e = getpwnam_r(name, &pw, buffer, size, &user);
                if (user)
                        *ret = user->pw_uid;
        }
        if (user || group)
                return *ret != UINT32_MAX;
        /* NSS modules may leak this errno; in NssResult it means "pending". */
        if (e == EINPROGRESS)
                return -EAGAIN;
        if (e == ERANGE)
                return -ERANGE; /* retried with a larger buffer */
        return is_not_found(e) ? 0 : log_errno_origin(-e);
}

NssResult nss_lookup(bool is_group, const char *name)
{
        NssResult result = {.r = -ERANGE};

        for (size_t size = BUFFER_SIZE_MIN; result.r == -ERANGE && size <= BUFFER_SIZE_MAX;
             size *= 4) {
                _cleanup_(freep) char *buffer = malloc(size);

                result.r =
                        buffer ? look_up_once(is_group, name, buffer, size, &result.id) : -ENOMEM;
        }
        return result;
}
