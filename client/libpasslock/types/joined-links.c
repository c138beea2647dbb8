/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/libpasslock/types/result.h"

struct passlock_joined_links {
        Object object;
        uint64_t added;
        uint64_t present;
        uint64_t conflicting;
        uint64_t exceeding;
        uint64_t unfinished;
        char **conflicts;
};

static const Field fields[] = {
        FIELD(passlock_joined_links, "added", true, added),
        FIELD(passlock_joined_links, "present", true, present),
        FIELD(passlock_joined_links, "conflicting", true, conflicting),
        FIELD(passlock_joined_links, "exceeding", true, exceeding),
        FIELD(passlock_joined_links, "unfinished", true, unfinished),
        FIELD(passlock_joined_links, "conflicts", true, conflicts),
};

static const ObjectType type = {sizeof(passlock_joined_links), fields, ARRAY_SIZE(fields)};

DEFINE_REF(joined_links);

DEFINE_GETTER(joined_links, uint64_t, get_added, added);
DEFINE_GETTER(joined_links, uint64_t, get_present, present);
DEFINE_GETTER(joined_links, uint64_t, get_conflicting, conflicting);
DEFINE_GETTER(joined_links, uint64_t, get_exceeding, exceeding);
DEFINE_GETTER(joined_links, uint64_t, get_unfinished, unfinished);
DEFINE_STRV_GETTER(joined_links, conflicts);

DEFINE_RESULT(joined_links, joined_links, type);
