/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "daemon/bus/interfaces/link-changes.h"

#define PAIRS_MAX 1000U

/* Bytes of a pair on the bus beyond its texts. */
#define PAIR_BYTES 16U

typedef struct LinkPair {
        char *user_id, *authenticator_id;
} LinkPair;

LinkChanges *link_changes_new(void)
{
        return calloc(1, sizeof(LinkChanges));
}

static void clear(LinkPairs *list)
{
        for (size_t i = 0; i < list->n_pairs; i++) {
                free(list->pairs[i].user_id);
                free(list->pairs[i].authenticator_id);
        }
        free(list->pairs);
}

LinkChanges *link_changes_free(LinkChanges *changes)
{
        if (!changes)
                return NULL;
        clear(&changes->added);
        clear(&changes->removed);
        free(changes);
        return NULL;
}

/* The array has a power of two of elements. */
static int grow(LinkPairs *list)
{
        size_t n = list->n_pairs;
        LinkPair *pairs;

        if (n & (n - 1))
                return 0;
        pairs = reallocarray(list->pairs, n ? 2 * n : 1, sizeof(LinkPair));
        if (!pairs)
                return -ENOMEM;
        list->pairs = pairs;
        return 0;
}

int link_changes_add(LinkChanges *changes, const Link *link, bool removed)
{
        LinkPairs *list = removed ? &changes->removed : &changes->added;
        LinkPair *pair;

        if (grow(list) < 0)
                return -ENOMEM;
        pair = &list->pairs[list->n_pairs++];
        *pair = (LinkPair){
                .user_id = strdup(link->user_id),
                .authenticator_id = strdup(link->authenticator_id),
        };
        if (!pair->user_id || !pair->authenticator_id)
                return -ENOMEM;
        changes->n_bytes += PAIR_BYTES + strlen(link->user_id) + strlen(link->authenticator_id);
        return 0;
}

bool link_changes_is_full(const LinkChanges *changes, size_t bytes_max)
{
        return changes->added.n_pairs + changes->removed.n_pairs >= PAIRS_MAX ||
               changes->n_bytes >= bytes_max;
}

bool link_changes_has_added(const LinkChanges *changes, const Link *link)
{
        for (size_t i = 0; i < changes->added.n_pairs; i++)
                if (streq(changes->added.pairs[i].authenticator_id, link->authenticator_id))
                        return true;
        return false;
}

static int append_pairs(sd_bus_message *m, const LinkPairs *list)
{
        int r;

        r = sd_bus_message_open_container(m, 'a', "(ss)");
        for (size_t i = 0; r >= 0 && i < list->n_pairs; i++)
                r = sd_bus_message_append(m, "(ss)", list->pairs[i].user_id,
                                          list->pairs[i].authenticator_id);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int link_changes_append(const LinkChanges *changes, sd_bus_message *m)
{
        int r = append_pairs(m, &changes->added);

        return r < 0 ? r : append_pairs(m, &changes->removed);
}
