/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "client/passlockctl/terminal/color.h"
#include "client/passlockctl/terminal/record.h"
#include "client/passlockctl/terminal/report.h"
#include "client/passlockctl/terminal/table.h"
#include "client/passlockctl/verbs/verbs.h"

/* JSON and text output; only one is printed. */
typedef struct Status {
        Record *record;
        Table *table;
        const char *default_label; /* NULL: unknown */
} Status;

static const char *state_color(const char *state)
{
        if (streq(state, "ready"))
                return COLOR_GREEN;
        return streq(state, "degraded") ? COLOR_YELLOW : COLOR_RED;
}

static void status_add(Status *status, const passlock_tenancy *tenancy, uint64_t n_links)
{
        _cleanup_(record_freep) Record *record = record_new();
        const char *label = passlock_tenancy_get_label(tenancy);
        const char *state = passlock_tenancy_get_state(tenancy);
        bool is_default = streq_ptr(label, status->default_label);

        record_put_string(record, NULL, "label", label);
        record_put_string(record, NULL, "tenancy_id", passlock_tenancy_get_id(tenancy));
        record_put_string(record, NULL, "endpoint", passlock_tenancy_get_endpoint(tenancy));
        record_put_string(record, NULL, "state", state);
        record_put_number(record, NULL, "links", n_links);
        if (status->default_label)
                record_put_bool(record, NULL, "default", is_default);
        record_append(status->record, "tenancies", record);

        table_add(status->table, label);
        table_add(status->table, passlock_tenancy_get_id(tenancy));
        table_add_colored(status->table, state, state_color(state));
        table_add_number(status->table, n_links);
        table_add(status->table, passlock_tenancy_get_endpoint(tenancy));
        table_add(status->table, is_default ? "yes" : NULL);
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
        if (r == 0)
                status_add(status, tenancy, n_links);
        return r;
}

/* The default tenancy comes first, then by name. */
static int compare_labels(const void *a, const void *b, void *userdata)
{
        const char *x = *(const char *const *) a, *y = *(const char *const *) b;
        const char *first = userdata;

        if (streq_ptr(x, first) || streq_ptr(y, first))
                return streq_ptr(y, first) - streq_ptr(x, first);
        return strcmp(x, y);
}

static int status_add_all(Status *status, passlock *client)
{
        _cleanup_(passlock_tenancy_list_unrefp) passlock_tenancy_list *list = NULL;
        _cleanup_(freep) const char **labels = NULL;
        size_t n;
        int r;

        r = passlock_list_tenancies(client, &list);
        if (r != 0)
                return r;
        n = passlock_tenancy_list_get_size(list);
        labels = calloc(n + 1, sizeof(char *));
        if (!labels)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                labels[i] = passlock_tenancy_get_label(passlock_tenancy_list_get(list, i));
        qsort_r(labels, n, sizeof(char *), compare_labels, (void *) status->default_label);
        for (size_t i = 0; r == 0 && i < n; i++) {
                r = passlock_set_tenancy(client, labels[i]);
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
        return table_flush(status->table);
}

/* Never asks for a password; returns NULL if access is denied. */
static char *get_default_label(const Invocation *invocation)
{
        _cleanup_(passlock_tenancy_unrefp) passlock_tenancy *tenancy = NULL;
        char *label = NULL;

        (void) passlock_set_interactive(invocation->client, false);
        (void) passlock_set_tenancy(invocation->client, NULL);
        if (passlock_get_tenancy(invocation->client, &tenancy) == 0)
                label = strdup(passlock_tenancy_get_label(tenancy));
        (void) passlock_set_tenancy(invocation->client, invocation->tenancy);
        (void) passlock_set_interactive(invocation->client, invocation->interactive);
        return label;
}

/* Only if it has a problem, and only for callers who may know, without asking for a password. */
static void status_add_key_holder(const Status *status, const Invocation *invocation)
{
        passlock_finding_list *findings = NULL;
        const char *text = NULL;

        (void) passlock_set_interactive(invocation->client, false);
        (void) passlock_diagnose(invocation->client, &findings);
        (void) passlock_set_interactive(invocation->client, invocation->interactive);
        for (size_t i = 0; !text && findings && i < passlock_finding_list_get_size(findings); i++) {
                const passlock_finding *finding = passlock_finding_list_get(findings, i);

                if (streq(passlock_finding_get_kind(finding), "key-holder"))
                        text = passlock_finding_get_text(finding);
        }
        if (text)
                record_put_string(status->record, "Key holder", "key_holder", text);
        passlock_finding_list_unref(findings);
}

/* Likewise, if the store is shared. */
static void status_add_store(const Status *status, const Invocation *invocation)
{
        _cleanup_(passlock_store_unrefp) passlock_store *store = NULL;
        char text[128];

        (void) passlock_set_interactive(invocation->client, false);
        (void) passlock_get_store(invocation->client, &store);
        (void) passlock_set_interactive(invocation->client, invocation->interactive);
        if (!store || streq(passlock_store_get_engine(store), "local"))
                return;
        (void) snprintf(text, sizeof(text), "%s, %s, %" PRIu64 " ms behind",
                        passlock_store_get_engine(store), passlock_store_get_state(store) ?: "",
                        passlock_store_get_behind_ms(store));
        record_put_string(status->record, "Store", "store", text);
}

int verb_status(Invocation *invocation)
{
        static const char *const headers[] = {"LABEL",    "TENANCY", "STATE", "LINKS",
                                              "ENDPOINT", "DEFAULT", NULL};
        _cleanup_(table_freep) Table *table = table_new(headers, !invocation->no_legend);
        _cleanup_(record_freep) Record *record = record_new();
        _cleanup_(freep) char *version = NULL, *default_label = NULL;
        Status status = {.record = record, .table = table};
        int r;

        if (!table || !record)
                return report_call(invocation->client, -ENOMEM);
        r = passlock_get_version(invocation->client, &version);
        if (r != 0)
                return report_call(invocation->client, r);
        default_label = get_default_label(invocation);
        status.default_label = default_label;
        record_put_string(record, "Version", "version", version);
        status_add_key_holder(&status, invocation);
        status_add_store(&status, invocation);
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
