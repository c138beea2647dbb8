/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <strings.h>

#include "daemon/model/unenforced-uses.h"

/* Callers choose relying parties: they must not use up the entries of other rights. */
#define RP_USES_MAX 64U
#define USES_MAX    (RP_USES_MAX + 64U)
#define INTERVAL_MS (UINT64_C(3600) * 1000)

typedef struct Use {
        bool is_used;
        uid_t uid;
        unsigned rights;
        char *rp_id;
        uint64_t recorded_at_ms;
} Use;

struct UnenforcedUses {
        Use uses[USES_MAX]; /* first those with a relying party */
};

UnenforcedUses *unenforced_uses_free(UnenforcedUses *uses)
{
        for (size_t i = 0; uses && i < USES_MAX; i++)
                free(uses->uses[i].rp_id);
        free(uses);
        return NULL;
}

static bool is_recent(const Use *use, uint64_t now_ms)
{
        return use->is_used && now_ms - use->recorded_at_ms < INTERVAL_MS;
}

static bool is_same(const Use *use, uid_t uid, unsigned rights, const char *rp_id)
{
        return use->uid == uid && use->rights == rights && !use->rp_id == !rp_id &&
               (!rp_id || strcasecmp(use->rp_id, rp_id) == 0);
}

/* An entry that is unused, or has expired. NULL: all are in use. */
static Use *find_free(UnenforcedUses *uses, bool has_rp, uint64_t now_ms)
{
        size_t end = has_rp ? RP_USES_MAX : USES_MAX;

        for (size_t i = has_rp ? 0 : RP_USES_MAX; i < end; i++)
                if (!is_recent(&uses->uses[i], now_ms))
                        return &uses->uses[i];
        return NULL;
}

int unenforced_uses_note(UnenforcedUses **uses, uid_t uid, unsigned rights, const char *rp_id,
                         uint64_t now_ms)
{
        _cleanup_(freep) char *copy = NULL;
        Use *use;

        if (!*uses)
                *uses = calloc(1, sizeof(UnenforcedUses));
        if (!*uses)
                return -ENOMEM;
        for (size_t i = 0; i < USES_MAX; i++)
                if (is_same(&(*uses)->uses[i], uid, rights, rp_id) &&
                    is_recent(&(*uses)->uses[i], now_ms))
                        return 0;
        copy = rp_id ? strdup(rp_id) : NULL;
        if (rp_id && !copy)
                return -ENOMEM;
        use = find_free(*uses, rp_id, now_ms);
        if (!use)
                return -ENOBUFS;
        free(use->rp_id);
        *use = (Use){.is_used = true,
                     .uid = uid,
                     .rights = rights,
                     .rp_id = TAKE_PTR(copy),
                     .recorded_at_ms = now_ms};
        return 1;
}
