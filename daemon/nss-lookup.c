/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include "daemon/nss-lookup.h"

#define BUFFER_SIZE_MIN 4096U
/* A group has its members in it, of whom there may be many. */
#define BUFFER_SIZE_MAX (64U * 1024 * 1024)

/* There is none, says getpwnam_r(3) of these, too. */
static bool is_absence(int e)
{
        return e == ENOENT || e == ESRCH || e == EBADF || e == EPERM;
}

/* One look with a buffer of that size. Returns 1, 0 or a negative errno. */
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
        /* Of a module's that leaked; here it would mean that the answer is yet to come. */
        if (e == EINPROGRESS)
                return -EAGAIN;
        return is_absence(e) ? 0 : -e;
}

NssResult nss_lookup(bool is_group, const char *name)
{
        NssResult answer = {.r = -ERANGE};

        for (size_t size = BUFFER_SIZE_MIN; answer.r == -ERANGE && size <= BUFFER_SIZE_MAX;
             size *= 4) {
                _cleanup_(freep) char *buffer = malloc(size);

                answer.r =
                        buffer ? look_up_once(is_group, name, buffer, size, &answer.id) : -ENOMEM;
        }
        return answer;
}
