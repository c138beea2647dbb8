/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "base/macro.h"

/* A user of this host. */
typedef struct User {
        uid_t uid;
        gid_t *gids; /* all groups, including the primary one; NULL if the user is unknown */
        size_t n_gids;
} User;

void user_clear(User *user);

/* Looks up a name or a uid. A uid may have no user. Returns 0, -ENOENT, or another negative errno.
 */
int user_look_up(const char *name, User *ret);
