/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "daemon/core/tenancy-internal.h"
#include "daemon/model/intent.h"

/* A delete in the vault whose outcome is not known. */
typedef struct PendingDelete {
        TAILQ_ENTRY(PendingDelete) entry;
        char *endpoint; /* of the API that was asked: nobody else knows; NULL: not known */
        LinkList links; /* whose passkeys are to be asked for */
        bool uncertain; /* the API has said of some neither that they are there nor that they are
                           gone */
        uint64_t intent_id; /* 0: none on disk */
        uint64_t since_ms;  /* monotonic */
        unsigned round;     /* in which it was asked for last */
        AuditOrigin origin;
} PendingDelete;

/* Takes the links over, also when it fails. `endpoint` may be NULL. Returns 0 or -ENOMEM. */
int pending_delete_new(const char *endpoint, LinkList *links, uint64_t intent_id,
                       const AuditOrigin *origin, PendingDelete **ret);
/* The links that an intent from an earlier process names and that are still there. Returns 0,
 * -ENOMEM or an Error of the store. */
int pending_delete_from_intent(const Tenancy *tenancy, const DeleteIntent *intent,
                               PendingDelete **ret);
PendingDelete *pending_delete_free(PendingDelete *pending);
DEFINE_CLEANUP(PendingDelete *, pending_delete_free);

/* Drops the links that have been removed since. A link that cannot be read stays. */
void pending_delete_refresh(PendingDelete *pending, const Tenancy *tenancy);

/* Whether the API at the tenancy's endpoint is the one that was asked. */
bool pending_delete_is_here(const PendingDelete *pending, const Tenancy *tenancy);
