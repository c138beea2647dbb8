/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "daemon/store/shared/revision-id.h"
#include "daemon/store/shared/salvage.h"
#include "daemon/store/tables/link-table.h"
#include "daemon/store/tables/tenancy-table.h"
#include "daemon/store/tables/tombstone-table.h"
#include "dbus/error.h"

/* Links compared for a page. */
#define COMPARED_MAX 5000U

/* The links of `from` are looked up in `other`. */
typedef struct Salvage {
        Txn *from, *other;
        const RestoreRecord *record;
        TombstoneSet tombstones; /* of the replica */
        SalvagePage page;
} Salvage;

void salvage_cursor_clear(SalvageCursor *cursor)
{
        free(cursor->tenancy_id);
        free(cursor->after);
        *cursor = (SalvageCursor){};
}

void salvage_page_clear(SalvagePage *page)
{
        salvage_cursor_clear(&page->next);
        link_list_clear(&page->links);
        free(page->tenancy_id);
        *page = (SalvagePage){};
}

static void salvage_clear(Salvage *salvage)
{
        tombstone_set_clear(&salvage->tombstones);
        salvage_page_clear(&salvage->page);
}

/* A link of the snapshot. Another host may have pushed it back; one that was added since the
 * restore is not touched. */
static bool is_removed(const Salvage *salvage, const Link *link)
{
        const RestoreRecord *record = salvage->record;

        return revision_of_id(link->id) <= record->offset + record->begun ||
               link->created_at_ms < record->restored_at_ms;
}

static int check_snapshot_link(Salvage *salvage, Link **link)
{
        _cleanup_(link_freep) Link *own = NULL;
        int r;

        r = link_table_get(salvage->other, salvage->page.tenancy_id, (*link)->authenticator_id,
                           &own);
        if (r < 0 || (r == 0 && streq(own->user_id, (*link)->user_id)) ||
            !is_removed(salvage, *link))
                return r < 0 ? r : 0;
        if (tombstone_set_has(&salvage->tombstones, (*link)->authenticator_id))
                return link_list_push(&salvage->page.links, TAKE_PTR(*link));
        salvage->page.n_unexplained++;
        return 0;
}

/* The outbox pushes its links itself. */
static int check_own_link(Salvage *salvage, Link **link)
{
        _cleanup_(link_freep) Link *other = NULL;
        int r;

        if (!link_id_is_shared((*link)->id) ||
            revision_of_id((*link)->id) <= salvage->record->level)
                return 0;
        r = link_table_get(salvage->other, salvage->page.tenancy_id, (*link)->authenticator_id,
                           &other);
        if (r == 0)
                salvage->page.n_conflicting += !streq(other->user_id, (*link)->user_id);
        return r != ERROR_NOT_FOUND ? r : link_list_push(&salvage->page.links, TAKE_PTR(*link));
}

/* Checks links until the page is full. *ret_more: not all. */
static int check_links(Salvage *salvage, LinkList *list, bool *ret_more)
{
        SalvagePage *page = &salvage->page;
        size_t i;
        int r = 0;

        for (i = 0; r == 0 && i < list->n_links && page->links.n_links < SALVAGE_LINKS_MAX; i++) {
                free(page->next.after);
                page->next.after = strdup(list->links[i]->authenticator_id);
                if (!page->next.after)
                        return -ENOMEM;
                r = page->phase == SALVAGE_REMOVED ? check_snapshot_link(salvage, &list->links[i])
                                                   : check_own_link(salvage, &list->links[i]);
        }
        *ret_more |= i < list->n_links;
        return r;
}

static int compare_tenancy(Salvage *salvage, const char *after)
{
        _cleanup_(link_list_clear) LinkList list = {};
        SalvagePage *page = &salvage->page;
        bool more;
        int r = 0;

        if (page->phase == SALVAGE_REMOVED)
                r = tombstone_table_collect(salvage->other, page->tenancy_id, &salvage->tombstones);
        if (r == 0)
                r = link_table_list(salvage->from, page->tenancy_id, after, COMPARED_MAX, SIZE_MAX,
                                    &list, &more);
        if (r == 0)
                r = check_links(salvage, &list, &more);
        if (r == 0 && !more)
                free(TAKE_PTR(page->next.after));
        return r;
}

/* The tenancy of the cursor, if it has more links, or the one after it; NULL: none. */
static int find_tenancy(Txn *txn, const SalvageCursor *cursor, char **ret)
{
        _cleanup_(strv_freep) char **list = NULL;
        char **id;
        int r;

        r = tenancy_table_list(txn, &list);
        if (r < 0)
                return r;
        for (id = list; id && *id && cursor->tenancy_id; id++) { /* sorted */
                int order = strcmp(*id, cursor->tenancy_id);

                if (order > 0 || (order == 0 && cursor->after))
                        break;
        }
        *ret = id && *id ? strdup(*id) : NULL;
        return id && *id && !*ret ? -ENOMEM : 0;
}

static int compare(Salvage *salvage, const SalvageCursor *cursor)
{
        SalvagePage *page = &salvage->page;
        int r;

        page->phase = page->next.phase = cursor->phase;
        r = find_tenancy(salvage->from, cursor, &page->tenancy_id);
        if (r < 0)
                return r;
        if (!page->tenancy_id) {
                page->next.phase++;
                return 0;
        }
        page->next.tenancy_id = strdup(page->tenancy_id);
        if (!page->next.tenancy_id)
                return -ENOMEM;
        return compare_tenancy(salvage, cursor->after);
}

int salvage_next(Environment *replica, Environment *snapshot, const RestoreRecord *record,
                 const SalvageCursor *cursor, SalvagePage *ret)
{
        _cleanup_(salvage_clear) Salvage salvage = {.record = record};
        _cleanup_(txn_end) Txn own = {}, other = {}; /* aborted */
        int r;

        r = environment_begin_write(replica, &own);
        if (r == 0)
                r = environment_begin_write(snapshot, &other);
        salvage.from = cursor->phase == SALVAGE_REMOVED ? &other : &own;
        salvage.other = cursor->phase == SALVAGE_REMOVED ? &own : &other;
        if (r == 0)
                r = compare(&salvage, cursor);
        if (r < 0)
                return r;
        *ret = TAKE(salvage.page, (SalvagePage){});
        return 0;
}
