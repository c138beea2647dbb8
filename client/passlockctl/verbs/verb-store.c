/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "client/passlockctl/terminal/color.h"
#include "client/passlockctl/terminal/record.h"
#include "client/passlockctl/terminal/report.h"
#include "client/passlockctl/terminal/table.h"
#include "client/passlockctl/verbs/verbs.h"

#define MIB        (1024.0 * 1024.0)
#define TIMEOUT_MS (60U * 60U * 1000U)

static bool is_shared(const passlock_store *store)
{
        return !streq(passlock_store_get_engine(store), "local");
}

static void add_member(Record *record, Table *table, const passlock_store *store, size_t i)
{
        _cleanup_(record_freep) Record *member = record_new();
        const char *name = passlock_store_get_member_name(store, i);
        const char *id = passlock_store_get_member_id(store, i);
        bool is_leader = passlock_store_member_is_leader(store, i);
        bool answers = passlock_store_member_answers(store, i);

        record_put_string(member, NULL, "name", name);
        record_put_string(member, NULL, "id", id);
        record_put_bool(member, NULL, "leader", is_leader);
        record_put_bool(member, NULL, "answers", answers);
        record_append(record, "members", member);

        table_add(table, name);
        table_add(table, id);
        table_add(table, is_leader ? "yes" : NULL);
        table_add_colored(table, answers ? "yes" : "no", answers ? COLOR_GREEN : COLOR_RED);
}

/* JSON has the numbers of the D-Bus interface; text has the sizes in MiB. */
static void put_size(Record *record, const passlock_store *store)
{
        uint64_t size = passlock_store_get_db_size(store), quota = passlock_store_get_quota(store);
        char text[64] = "";

        if (quota > 0)
                (void) snprintf(text, sizeof(text), "%.1f of %.0f MiB", (double) size / MIB,
                                (double) quota / MIB);
        else if (size > 0)
                (void) snprintf(text, sizeof(text), "%.1f MiB", (double) size / MIB);
        record_put_number(record, NULL, "db_size", size);
        record_put_number(record, NULL, "quota", quota);
        if (*text)
                record_put_label(record, "Database", text);
}

static void put_store(Record *record, const passlock_store *store)
{
        const char *const *alarms = passlock_store_get_alarms(store);

        record_put_string(record, "State", "state", passlock_store_get_state(store));
        record_put_string(record, "Reason", "reason", passlock_store_get_reason(store));
        record_put_time(record, "Away since", "away_since",
                        passlock_store_get_away_since_ms(store));
        record_put_string(record, "Endpoint", "endpoint", passlock_store_get_endpoint(store));
        record_put_string(record, "Host", "host", passlock_store_get_host(store));
        record_put_number(record, "Host number", "host_number",
                          passlock_store_get_host_number(store));
        record_put_number(record, "Revision", "revision", passlock_store_get_revision(store));
        record_put_number(record, "Cluster revision", "cluster_revision",
                          passlock_store_get_cluster_revision(store));
        record_put_number(record, "Milliseconds behind", "behind_ms",
                          passlock_store_get_behind_ms(store));
        record_put_number(record, "Changes waiting", "waiting", passlock_store_get_waiting(store));
        record_put_number(record, "Links not shared yet", "outbox",
                          passlock_store_get_outbox(store));
        record_put_number(record, "Misses not confirmed", "unconfirmed",
                          passlock_store_get_unconfirmed(store));
        put_size(record, store);
        record_put_strings(record, *alarms ? "Alarms" : NULL, "alarms", alarms);
}

static int print_store(const passlock_store *store, const Invocation *invocation)
{
        static const char *const headers[] = {"MEMBER", "ID", "LEADER", "ANSWERS", NULL};
        _cleanup_(table_freep) Table *table = table_new(headers, !invocation->no_legend);
        _cleanup_(record_freep) Record *record = record_new();
        size_t n = passlock_store_get_n_members(store);
        int r;

        if (!table || !record)
                return -ENOMEM;
        record_put_string(record, "Engine", "engine", passlock_store_get_engine(store));
        if (is_shared(store)) {
                put_store(record, store);
                record_put_list(record, "members");
        }
        for (size_t i = 0; i < n; i++)
                add_member(record, table, store, i);
        r = record_print(record, invocation->json);
        if (r < 0 || invocation->json || n == 0)
                return r;
        putchar('\n');
        return table_flush(table);
}

int verb_store_status(Invocation *invocation)
{
        _cleanup_(passlock_store_unrefp) passlock_store *store = NULL;
        int r;

        r = passlock_get_store(invocation->client, &store);
        if (r != 0)
                return report_call(invocation->client, r);
        r = print_store(store, invocation);
        return report_failure(r, passlock_strerror(r));
}

static void put_verification(Record *record, const passlock_verification *verification)
{
        record_put_number(record, "Links in etcd", "checked",
                          passlock_verification_get_checked(verification));
        record_put_number(record, "Missing here", "missing",
                          passlock_verification_get_missing(verification));
        record_put_number(record, "Only here", "extra",
                          passlock_verification_get_extra(verification));
        record_put_number(record, "Different", "different",
                          passlock_verification_get_different(verification));
        record_put_bool(record, "Complete", "complete",
                        passlock_verification_is_complete(verification));
        record_put_strings(record, NULL, "examples",
                           passlock_verification_get_examples(verification));
}

static void print_links(const char *const *links)
{
        for (; *links; links++)
                report("%s", *links);
}

/* Calls on all links take long. */
static int set_timeout(const Invocation *invocation)
{
        return invocation->timeout_ms > 0 ? 0
                                          : passlock_set_timeout_ms(invocation->client, TIMEOUT_MS);
}

static bool is_equal(const passlock_verification *verification)
{
        return passlock_verification_is_complete(verification) &&
               passlock_verification_get_missing(verification) == 0 &&
               passlock_verification_get_extra(verification) == 0 &&
               passlock_verification_get_different(verification) == 0;
}

int verb_store_verify(Invocation *invocation)
{
        _cleanup_(passlock_verification_unrefp) passlock_verification *verification = NULL;
        _cleanup_(record_freep) Record *record = record_new();
        int r;

        r = set_timeout(invocation);
        if (r == 0)
                r = passlock_verify_store(invocation->client, &verification);
        if (r != 0)
                return report_call(invocation->client, r);
        put_verification(record, verification);
        r = record_print(record, invocation->json);
        if (r < 0)
                return report_failure(r, passlock_strerror(r));
        if (!invocation->json)
                print_links(passlock_verification_get_examples(verification));
        return is_equal(verification) ? 0 : EXIT_OURS;
}

static void put_join(Record *record, const passlock_joined_links *join, bool apply)
{
        record_put_bool(record, NULL, "dry_run", !apply);
        record_put_number(record, apply ? "Added" : "To add", "added",
                          passlock_joined_links_get_added(join));
        record_put_number(record, "Already present", "present",
                          passlock_joined_links_get_present(join));
        record_put_number(record, "Conflicts", "conflicting",
                          passlock_joined_links_get_conflicting(join));
        record_put_number(record, "Over limit", "exceeding",
                          passlock_joined_links_get_exceeding(join));
        record_put_number(record, "Unfinished calls", "unfinished",
                          passlock_joined_links_get_unfinished(join));
        record_put_strings(record, NULL, "conflicts", passlock_joined_links_get_conflicts(join));
}

int verb_store_join(Invocation *invocation)
{
        _cleanup_(passlock_joined_links_unrefp) passlock_joined_links *join = NULL;
        _cleanup_(record_freep) Record *record = record_new();
        int r;

        r = set_timeout(invocation);
        if (r == 0)
                r = passlock_options_set_bool(invocation->options, "apply", invocation->apply);
        if (r == 0)
                r = passlock_join_store(invocation->client, invocation->options, &join);
        if (r != 0)
                return report_call(invocation->client, r);
        put_join(record, join, invocation->apply);
        r = record_print(record, invocation->json);
        if (r < 0)
                return report_failure(r, passlock_strerror(r));
        if (!invocation->json)
                print_links(passlock_joined_links_get_conflicts(join));
        return passlock_joined_links_get_conflicting(join) +
                                       passlock_joined_links_get_exceeding(join) >
                               0
                       ? EXIT_CALLER
                       : 0;
}

static void put_leave(Record *record, const passlock_left_store *left, bool apply)
{
        record_put_bool(record, NULL, "dry_run", !apply);
        record_put_number(record, "Links", "links", passlock_left_store_get_links(left));
        record_put_number(record, "Open exchanges", "exchanges",
                          passlock_left_store_get_exchanges(left));
        record_put_number(record, "Open deletes", "deletes", passlock_left_store_get_deletes(left));
        record_put_number(record, "Exchanges of other hosts", "left",
                          passlock_left_store_get_left(left));
        record_put_number(record, "Links not shared", "unshared",
                          passlock_left_store_get_unshared(left));
        record_put_bool(record, "Confirmed by etcd", "current",
                        passlock_left_store_is_current(left));
        record_put_bool(record, NULL, "told", passlock_left_store_is_told(left));
        record_put_number(record, NULL, "host_number", passlock_left_store_get_host_number(left));
        record_put_string(record, "Earlier store", "kept", passlock_left_store_get_kept(left));
}

static void advise_after_leave(const passlock_left_store *left)
{
        if (!passlock_left_store_is_told(left))
                report("etcd still has the key hosts/%03u of this host: remove it when the other "
                       "hosts have finished its exchanges",
                       passlock_left_store_get_host_number(left));
        report("changes fail from now on: remove Engine=etcd from [Store], and restart passlockd");
}

int verb_store_leave(Invocation *invocation)
{
        _cleanup_(passlock_left_store_unrefp) passlock_left_store *left = NULL;
        _cleanup_(record_freep) Record *record = record_new();
        int r;

        r = set_timeout(invocation);
        if (r == 0)
                r = passlock_options_set_bool(invocation->options, "apply", invocation->apply);
        if (r == 0)
                r = passlock_leave_store(invocation->client, invocation->options, &left);
        if (r != 0)
                return report_call(invocation->client, r);
        put_leave(record, left, invocation->apply);
        r = record_print(record, invocation->json);
        if (r < 0)
                return report_failure(r, passlock_strerror(r));
        if (!invocation->json && !passlock_left_store_is_current(left))
                report("etcd has not confirmed the links: changes of other hosts may be missing");
        if (!invocation->json && invocation->apply)
                advise_after_leave(left);
        return 0;
}
