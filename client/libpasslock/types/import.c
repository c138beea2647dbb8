/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/libpasslock/types/result.h"

struct passlock_import {
        Object object;
        uint64_t added;
        uint64_t present;
        char **conflicting;
        char **exceeding;
};

static const Field fields[] = {
        FIELD(passlock_import, "added", true, added),
        FIELD(passlock_import, "present", true, present),
        FIELD(passlock_import, "conflicting", true, conflicting),
        FIELD(passlock_import, "exceeding", true, exceeding),
};

static const ObjectType type = {sizeof(passlock_import), fields, ARRAY_SIZE(fields)};

DEFINE_REF(import);

DEFINE_GETTER(import, uint64_t, get_added, added);
DEFINE_GETTER(import, uint64_t, get_present, present);
DEFINE_STRV_GETTER(import, conflicting);
DEFINE_STRV_GETTER(import, exceeding);

DEFINE_RESULT(import, import, type);
