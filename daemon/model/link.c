/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/model/link.h"

int link_new(const char *authenticator_id, const char *user_id, const char *platform_name,
             uint64_t created_at_ms, uint64_t last_used_at_ms, Link **ret)
{
        _cleanup_(link_freep) Link *link = calloc(1, sizeof(Link));

        if (!link)
                return -ENOMEM;
        link->authenticator_id = strdup(authenticator_id);
        link->user_id = strdup(user_id);
        link->platform_name = platform_name ? strdup(platform_name) : NULL;
        link->created_at_ms = created_at_ms;
        link->last_used_at_ms = last_used_at_ms;
        if (!link->authenticator_id || !link->user_id || (platform_name && !link->platform_name))
                return -ENOMEM;

        *ret = TAKE_PTR(link);
        return 0;
}

bool link_is_same(const Link *a, const Link *b)
{
        if (!streq(a->authenticator_id, b->authenticator_id) || a->id != b->id)
                return false;
        return a->id > 0 || (streq(a->user_id, b->user_id) && a->created_at_ms == b->created_at_ms);
}

Link *link_free(Link *link)
{
        if (!link)
                return NULL;
        free(link->authenticator_id);
        free(link->user_id);
        free(link->platform_name);
        free(link);
        return NULL;
}

int link_list_push(LinkList *list, Link *link)
{
        _cleanup_(link_freep) Link *owned = link;
        Link **grown = list->links;

        /* Grows at powers of two, so that no capacity is stored. */
        if ((list->n_links & (list->n_links - 1)) == 0) {
                size_t capacity = list->n_links ? list->n_links * 2 : 1;

                grown = reallocarray(list->links, capacity, sizeof(Link *));
                if (!grown)
                        return -ENOMEM;
        }
        list->links = grown;
        list->links[list->n_links++] = TAKE_PTR(owned);
        return 0;
}

int link_list_copy(const LinkList *list, LinkList *ret)
{
        _cleanup_(link_list_clear) LinkList copy = {};

        for (size_t i = 0; i < list->n_links; i++) {
                const Link *link = list->links[i];
                Link *link_copy;

                if (link_new(link->authenticator_id, link->user_id, link->platform_name,
                             link->created_at_ms, link->last_used_at_ms, &link_copy) < 0)
                        return -ENOMEM;
                link_copy->id = link->id;
                if (link_list_push(&copy, link_copy) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE(copy, (LinkList){});
        return 0;
}

void link_list_truncate(LinkList *list, size_t n_links)
{
        assert(n_links <= list->n_links);
        while (list->n_links > n_links)
                link_free(list->links[--list->n_links]);
}

void link_list_clear(LinkList *list)
{
        link_list_truncate(list, 0);
        free(list->links);
        *list = (LinkList){};
}
