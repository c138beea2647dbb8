/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/libpasslock/types/result.h"

struct passlock_verification {
        Object object;
        uint64_t checked;
        uint64_t missing;
        uint64_t extra;
        uint64_t different;
        bool complete;
        char **examples;
};

static const Field fields[] = {
        FIELD(passlock_verification, "checked", true, checked),
        FIELD(passlock_verification, "missing", true, missing),
        FIELD(passlock_verification, "extra", true, extra),
        FIELD(passlock_verification, "different", true, different),
        FIELD(passlock_verification, "complete", true, complete),
        FIELD(passlock_verification, "examples", true, examples),
};

static const ObjectType type = {sizeof(passlock_verification), fields, ARRAY_SIZE(fields)};

DEFINE_REF(verification);

DEFINE_GETTER(verification, uint64_t, get_checked, checked);
DEFINE_GETTER(verification, uint64_t, get_missing, missing);
DEFINE_GETTER(verification, uint64_t, get_extra, extra);
DEFINE_GETTER(verification, uint64_t, get_different, different);
DEFINE_GETTER(verification, bool, is_complete, complete);
DEFINE_STRV_GETTER(verification, examples);

DEFINE_RESULT(verification, verification, type);
