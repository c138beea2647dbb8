/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "client/passlockctl/terminal/record.h"
#include "client/passlockctl/terminal/report.h"
#include "client/passlockctl/terminal/table.h"
#include "client/passlockctl/verbs/verbs.h"

DEFINE_CLEANUP(passlock_tenancy *, passlock_tenancy_unref);
DEFINE_CLEANUP(passlock_tenancy_list *, passlock_tenancy_list_unref);

/* JSON and text output; only one is printed. */
typedef struct Status {
        Record *record;
        Table *table;
} Status;

static int status_add(Status *status, const passlock_tenancy *tenancy, uint64_t n_links)
{
        _cleanup_(record_freep) Record *record = record_new();
        int r;

        record_put_string(record, NULL, "label", passlock_tenancy_get_label(tenancy));
        record_put_string(record, NULL, "tenancy_id", passlock_tenancy_get_id(tenancy));
        record_put_string(record, NULL, "endpoint", passlock_tenancy_get_endpoint(tenancy));
        record_put_string(record, NULL, "state", passlock_tenancy_get_state(tenancy));
        record_put_number(record, NULL, "links", n_links);
        record_append(status->record, "tenancies", record);

        r = table_add(status->table, passlock_tenancy_get_label(tenancy));
        if (r == 0)
                r = table_add(status->table, passlock_tenancy_get_id(tenancy));
        if (r == 0)
                r = table_add(status->table, passlock_tenancy_get_state(tenancy));
        if (r == 0)
                r = table_add_number(status->table, n_links);
        if (r == 0)
                r = table_add(status->table, passlock_tenancy_get_endpoint(tenancy));
        return r;
}

/* Adds the client's current tenancy. */
static int status_add_current(Status *status, passlock *client)
{
        _cleanup_(passlock_tenancy_unrefp) passlock_tenancy *tenancy = NULL;
        uint64_t n_links;
        int r;

        r = passlock_get_tenancy(client, &tenancy);
        if (r == 0)
                r = passlock_links_count(client, &n_links);
        return r == 0 ? status_add(status, tenancy, n_links) : r;
}

static int status_add_all(Status *status, passlock *client)
{
        _cleanup_(passlock_tenancy_list_unrefp) passlock_tenancy_list *list = NULL;
        int r;

        r = passlock_list_tenancies(client, &list);
        for (size_t i = 0; r == 0 && i < passlock_tenancy_list_get_size(list); i++) {
                const passlock_tenancy *tenancy = passlock_tenancy_list_get(list, i);

                r = passlock_set_tenancy(client, passlock_tenancy_get_label(tenancy));
                if (r == 0)
                        r = status_add_current(status, client);
        }
        return r;
}

static int status_print(const Status *status, const Invocation *invocation)
{
        if (invocation->json)
                return record_print(status->record, true);
        if (!invocation->no_legend) {
                int r;

                r = record_print(status->record, false);
                if (r < 0)
                        return r;
                putchar('\n');
        }
        table_flush(status->table);
        return 0;
}

int verb_status(Invocation *invocation)
{
        static const char *const headers[] = {"LABEL", "TENANCY",  "STATE",
                                              "LINKS", "ENDPOINT", NULL};
        _cleanup_(table_freep) Table *table = table_new(headers, !invocation->no_legend);
        _cleanup_(record_freep) Record *record = record_new();
        _cleanup_(freep) char *version = NULL;
        Status status = {.record = record, .table = table};
        int r;

        if (!table || !record)
                return report_call(invocation->client, -ENOMEM);
        r = passlock_get_version(invocation->client, &version);
        if (r != 0)
                return report_call(invocation->client, r);
        record_put_string(record, "Version", "version", version);
        record_put_list(record, "tenancies");
        r = invocation->tenancy ? status_add_current(&status, invocation->client)
                                : status_add_all(&status, invocation->client);
        if (r == 0)
                r = status_print(&status, invocation);
        return report_call(invocation->client, r);
}

int verb_reload(Invocation *invocation)
{
        return report_call(invocation->client, passlock_reload(invocation->client));
}
