/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/types/result.h"
#include "client/libpasslock/types/vardict.h"

struct passlock_reconciliation {
        unsigned n_ref;
        uint64_t checked;
        uint64_t added;
        uint64_t removed;
        uint64_t conflicts;
};

#define FIELD(member) \
        { \
#member, 't', true, offsetof(passlock_reconciliation, member) \
        }

static const VardictField fields[] = {
        FIELD(checked),
        FIELD(added),
        FIELD(removed),
        FIELD(conflicts),
};

DEFINE_REF(passlock_reconciliation, free);

#define DEFINE_GETTER(member) \
        _public_ uint64_t passlock_reconciliation_get_##member( \
                const passlock_reconciliation *reconciliation) \
        { \
                return reconciliation->member; \
        } \
        struct swallow_semicolon

DEFINE_GETTER(checked);
DEFINE_GETTER(added);
DEFINE_GETTER(removed);
DEFINE_GETTER(conflicts);

static int reconciliation_read(sd_bus_message *reply, Result *ret)
{
        _cleanup_(passlock_reconciliation_unrefp) passlock_reconciliation *reconciliation = NULL;
        int r;

        reconciliation = calloc(1, sizeof(passlock_reconciliation));
        if (!reconciliation)
                return -ENOMEM;
        reconciliation->n_ref = 1;
        r = vardict_read(reply, fields, ARRAY_SIZE(fields), reconciliation);
        if (r < 0)
                return r;
        ret->reconciliation = TAKE_PTR(reconciliation);
        return 0;
}

static void reconciliation_clear(Result *result)
{
        result->reconciliation = passlock_reconciliation_unref(result->reconciliation);
}

static void reconciliation_deliver(passlock *client, Callback callback, int r,
                                   const char *error_text, const Result *result, void *userdata)
{
        ((passlock_reconciliation_callback) callback)(client, r, error_text, result->reconciliation,
                                                      userdata);
}

const ResultType result_reconciliation = {
        .read = reconciliation_read,
        .clear = reconciliation_clear,
        .deliver = reconciliation_deliver,
};
