/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include "client/passlockctl/host/user.h"

void user_clear(User *user)
{
        free(user->gids);
        *user = (User){};
}

static bool parse_uid(const char *name, uid_t *ret)
{
        unsigned long uid;
        char *end;

        if (*name < '0' || *name > '9')
                return false;
        errno = 0;
        uid = strtoul(name, &end, 10);
        if (errno || *end || uid >= UINT32_MAX)
                return false;
        *ret = (uid_t) uid;
        return true;
}

static int look_up_groups(const struct passwd *entry, User *user)
{
        int n = 32, size, r;

        do {
                gid_t *grown = reallocarray(user->gids, (size_t) n, sizeof(gid_t));

                if (!grown)
                        return -ENOMEM;
                user->gids = grown;
                size = n;
                r = getgrouplist(entry->pw_name, entry->pw_gid, user->gids, &n);
        } while (r < 0 && n > size);
        if (r < 0)
                return -EIO;
        user->n_gids = (size_t) n;
        return 0;
}

int user_look_up(const char *name, User *ret)
{
        _cleanup_(user_clear) User user = {};
        bool is_uid = parse_uid(name, &user.uid);
        const struct passwd *entry;
        int r = 0;

        errno = 0;
        entry = is_uid ? getpwuid(user.uid) : getpwnam(name);
        if (!entry && !is_uid)
                return errno ? -errno : -ENOENT;
        if (entry) {
                user.uid = entry->pw_uid;
                r = look_up_groups(entry, &user);
        }
        if (r == 0)
                *ret = TAKE(user, (User){});
        return r;
}
