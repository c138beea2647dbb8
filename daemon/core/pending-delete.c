/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "daemon/core/pending-delete.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

PendingDelete *pending_delete_free(PendingDelete *pending)
{
        if (!pending)
                return NULL;
        link_list_clear(&pending->links);
        free(pending->endpoint);
        free(pending);
        return NULL;
}

int pending_delete_new(const char *endpoint, LinkList *links, uint64_t intent_id,
                       const AuditOrigin *origin, PendingDelete **ret)
{
        _cleanup_(link_list_clear) LinkList owned = TAKE(*links, (LinkList){});
        _cleanup_(pending_delete_freep) PendingDelete *pending = calloc(1, sizeof(PendingDelete));

        if (!pending)
                return -ENOMEM;
        pending->endpoint = endpoint ? strdup(endpoint) : NULL;
        if (endpoint && !pending->endpoint)
                return -ENOMEM;
        pending->links = TAKE(owned, (LinkList){});
        pending->intent_id = intent_id;
        pending->since_ms = monotonic_ms();
        pending->origin = *origin;
        *ret = TAKE_PTR(pending);
        return 0;
}

/* *ret is NULL if this link has been removed, or replaced by another with the same authenticator.
 * Returns 0, -ENOMEM or an Error of the store. */
static int get_link(const Tenancy *tenancy, const Link *wanted, Link **ret)
{
        Link *link;
        int r;

        r = store_get_link(tenancy->store, tenancy->id, wanted->authenticator_id, &link);
        if (r == ERROR_NOT_FOUND) {
                *ret = NULL;
                return 0;
        }
        if (r != 0)
                return r;
        *ret = link->id == wanted->id ? link : link_free(link);
        return 0;
}

int pending_delete_from_intent(const Tenancy *tenancy, const DeleteIntent *intent,
                               PendingDelete **ret)
{
        _cleanup_(link_list_clear) LinkList links = {};
        int r = 0;

        for (size_t i = 0; r == 0 && i < intent->links.n_links; i++) {
                Link *link;

                r = get_link(tenancy, intent->links.links[i], &link);
                if (r == 0 && link)
                        r = link_list_push(&links, link);
        }
        return r != 0 ? r
                      : pending_delete_new(intent->endpoint, &links, intent->id, &(AuditOrigin){},
                                           ret);
}

void pending_delete_refresh(PendingDelete *pending, const Tenancy *tenancy)
{
        LinkList *links = &pending->links;
        size_t n_kept = 0;

        for (size_t i = 0; i < links->n_links; i++) {
                _cleanup_(link_freep) Link *link = NULL;
                int r;

                r = get_link(tenancy, links->links[i], &link);
                if (r == 0 && !link)
                        link_free(links->links[i]);
                else
                        links->links[n_kept++] = links->links[i];
        }
        links->n_links = n_kept;
}

bool pending_delete_has_endpoint_of(const PendingDelete *pending, const Tenancy *tenancy)
{
        return !pending->endpoint || streq(pending->endpoint, tenancy_endpoint(tenancy));
}
