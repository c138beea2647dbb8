/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "daemon/core/tenancy-internal.h"
#include "daemon/model/intent.h"

/* A vault delete with an unknown outcome. */
typedef struct PendingDelete {
        TAILQ_ENTRY(PendingDelete) entry;
        char *endpoint;     /* the endpoint that received the delete; NULL: unknown */
        LinkList links;     /* links to check */
        bool uncertain;     /* the lookup of a passkey failed */
        uint64_t intent_id; /* 0: none on disk */
        uint64_t since_ms;  /* monotonic */
        unsigned round;     /* round of the last check */
        AuditOrigin origin;
} PendingDelete;

/* Takes ownership of the links, also on failure. `endpoint` may be NULL. Returns 0 or -ENOMEM. */
int pending_delete_new(const char *endpoint, LinkList *links, uint64_t intent_id,
                       const AuditOrigin *origin, PendingDelete **ret);
/* Restores the delete of an earlier process, with the links of its intent that still exist. Returns
 * 0, -ENOMEM or an Error of the store. */
int pending_delete_from_intent(const Tenancy *tenancy, const DeleteIntent *intent,
                               PendingDelete **ret);
PendingDelete *pending_delete_free(PendingDelete *pending);
DEFINE_CLEANUP(PendingDelete *, pending_delete_free);

/* Drops links that have been removed since. Keeps a link that cannot be read. */
void pending_delete_refresh(PendingDelete *pending, const Tenancy *tenancy);

/* Whether the tenancy's endpoint is the endpoint that received the delete. */
bool pending_delete_has_endpoint_of(const PendingDelete *pending, const Tenancy *tenancy);
