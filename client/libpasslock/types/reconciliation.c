/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/libpasslock/types/result.h"

struct passlock_reconciliation {
        Object object;
        uint64_t checked;
        uint64_t added;
        uint64_t removed;
        uint64_t conflicts;
};

static const Field fields[] = {
        FIELD(passlock_reconciliation, "checked", true, checked),
        FIELD(passlock_reconciliation, "added", true, added),
        FIELD(passlock_reconciliation, "removed", true, removed),
        FIELD(passlock_reconciliation, "conflicts", true, conflicts),
};

static const ObjectType type = {sizeof(passlock_reconciliation), fields, ARRAY_SIZE(fields)};

DEFINE_REF(reconciliation);

DEFINE_GETTER(reconciliation, uint64_t, get_checked, checked);
DEFINE_GETTER(reconciliation, uint64_t, get_added, added);
DEFINE_GETTER(reconciliation, uint64_t, get_removed, removed);
DEFINE_GETTER(reconciliation, uint64_t, get_conflicts, conflicts);

DEFINE_RESULT(reconciliation, reconciliation, type);
