/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "client/passlockctl/terminal/record.h"
#include "client/passlockctl/terminal/report.h"
#include "client/passlockctl/terminal/table.h"
#include "client/passlockctl/verbs/verbs.h"

#define PAGE_SIZE 500U

/* Output of a list of links, printed page by page. */
typedef struct Listing {
        Table *table; /* NULL: JSON output */
        RecordArray array;
} Listing;

static Record *link_record(const passlock_link *link)
{
        Record *record = record_new();

        record_put_string(record, "Authenticator", "authenticator_id",
                          passlock_link_get_authenticator_id(link));
        record_put_string(record, "User", "user_id", passlock_link_get_user_id(link));
        record_put_string(record, "Platform", "platform_name",
                          passlock_link_get_platform_name(link));
        record_put_time(record, "Created", "created_at", passlock_link_get_created_at_ms(link));
        record_put_time(record, "Last used", "last_used_at",
                        passlock_link_get_last_used_at_ms(link));
        return record;
}

static int listing_put(Listing *listing, const passlock_link *link)
{
        _cleanup_(record_freep) Record *record = NULL;

        if (!listing->table) {
                record = link_record(link);
                return record_array_print(&listing->array, record);
        }
        table_add(listing->table, passlock_link_get_user_id(link));
        table_add(listing->table, passlock_link_get_authenticator_id(link));
        table_add_time(listing->table, passlock_link_get_created_at_ms(link));
        table_add_time(listing->table, passlock_link_get_last_used_at_ms(link));
        table_add(listing->table, passlock_link_get_platform_name(link));
        return 0;
}

static int listing_put_all(Listing *listing, const passlock_link_list *links)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < passlock_link_list_get_size(links); i++)
                r = listing_put(listing, passlock_link_list_get(links, i));
        return r == 0 && listing->table ? table_flush(listing->table) : r;
}

static int list_user(passlock *client, Listing *listing, const char *user_id)
{
        _cleanup_(passlock_link_list_unrefp) passlock_link_list *links = NULL;
        int r;

        r = passlock_links_list_by_user(client, user_id, &links);
        return r == 0 ? listing_put_all(listing, links) : r;
}

static int list_everything(passlock *client, Listing *listing)
{
        _cleanup_(passlock_link_list_unrefp) passlock_link_list *links = NULL;
        const char *cursor = "";

        do {
                passlock_link_list *page = NULL;
                int r;

                r = passlock_links_list(client, cursor, PAGE_SIZE, &page);
                if (r != 0)
                        return r;
                passlock_link_list_unref(links);
                links = page;
                r = listing_put_all(listing, links);
                if (r != 0)
                        return r;
                cursor = passlock_link_list_get_next_cursor(links);
        } while (!isempty(cursor));
        return 0;
}

int verb_link_list(Invocation *invocation)
{
        static const char *const headers[] = {"USER",      "AUTHENTICATOR", "CREATED",
                                              "LAST USED", "PLATFORM",      NULL};
        _cleanup_(table_freep) Table *table = NULL;
        const char *user_id = invocation->arguments[0];
        Listing listing = {};
        int r;

        if (!invocation->json) {
                table = table_new(headers, !invocation->no_legend);
                if (!table)
                        return report_call(invocation->client, -ENOMEM);
                listing.table = table;
        }
        r = user_id ? list_user(invocation->client, &listing, user_id)
                    : list_everything(invocation->client, &listing);
        if (r == 0 && !table)
                record_array_end(&listing.array);
        return report_call(invocation->client, r);
}

static int show_one_of(const passlock_link_list *links, const char *authenticator_id, bool json)
{
        for (size_t i = 0; i < passlock_link_list_get_size(links); i++) {
                const passlock_link *link = passlock_link_list_get(links, i);
                _cleanup_(record_freep) Record *record = NULL;

                if (!streq(passlock_link_get_authenticator_id(link), authenticator_id))
                        continue;
                record = link_record(link);
                return record_print(record, json);
        }
        /* The link was removed after the lookup of its user. */
        return PASSLOCK_ERROR_NOT_FOUND;
}

int verb_link_show(Invocation *invocation)
{
        _cleanup_(passlock_link_list_unrefp) passlock_link_list *links = NULL;
        const char *authenticator_id = invocation->arguments[0];
        _cleanup_(freep) char *user_id = NULL;
        int r;

        r = passlock_links_get_user(invocation->client, authenticator_id, &user_id);
        if (r == 0)
                r = passlock_links_list_by_user(invocation->client, user_id, &links);
        if (r == 0)
                r = show_one_of(links, authenticator_id, invocation->json);
        return report_call(invocation->client, r);
}

int verb_link_add(Invocation *invocation)
{
        char **arguments = invocation->arguments;

        return report_call(invocation->client,
                           passlock_links_add(invocation->client, arguments[0], arguments[1]));
}

static int print_removed(uint64_t n_removed, const Invocation *invocation)
{
        _cleanup_(record_freep) Record *record = record_new();

        if (!invocation->json && invocation->no_legend)
                return 0;
        record_put_number(record, "Removed", "removed", n_removed);
        return record_print(record, invocation->json);
}

int verb_link_remove(Invocation *invocation)
{
        const char *authenticator_id = invocation->arguments[0];
        uint64_t n_removed;
        int r;

        if (!authenticator_id == !invocation->user) {
                report("link remove takes either an authenticator id or --user=");
                return EXIT_USAGE;
        }
        if (authenticator_id)
                return report_call(invocation->client,
                                   passlock_links_remove(invocation->client, authenticator_id));
        r = passlock_links_remove_by_user(invocation->client, invocation->user, &n_removed);
        if (r == 0)
                r = print_removed(n_removed, invocation);
        return report_call(invocation->client, r);
}
