/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/strv.h"
#include "daemon/etcd-log/etcd-log-status.h"
#include "daemon/shared-store-status.h"
#include "daemon/store/store-shared.h"

/* The watch is checked every two seconds. */
#define BEHIND_MS_MAX 10000U

/* Another host with the name of this one is reported for so long. */
#define RIVAL_MS (10U * 60U * 1000U)

static uint64_t elapsed_ms(uint64_t since_ms)
{
        uint64_t now_ms = monotonic_ms();

        return now_ms > since_ms ? now_ms - since_ms : 0;
}

/* Facts of this host */

static uint64_t behind_ms(const EtcdLogStatus *log, const ReplicaStatus *replica)
{
        uint64_t since_ms = log->heard_at_ms;

        if (replica->late_at_ms != 0 && replica->late_at_ms < since_ms)
                since_ms = replica->late_at_ms;
        return elapsed_ms(since_ms);
}

static const char *find_endpoint(char *const *endpoints, const EtcdLogStatus *log)
{
        return endpoints && log->has_endpoint && log->endpoint < strv_len(endpoints)
                       ? endpoints[log->endpoint]
                       : NULL;
}

static const char *state_of(const EtcdLogStatus *log, const ReplicaStatus *replica)
{
        if (replica->has_left)
                return "left";
        if (!streq(log->state, "serving"))
                return log->state;
        if (replica->is_restoring)
                return "restoring";
        return replica->is_loading ? "loading" : log->state;
}

void shared_store_get_status(SharedStore *shared, char *const *endpoints, StoreStatus *ret)
{
        ReplicaStatus replica;
        EtcdLogStatus log;

        store_shared_get_status(shared_store_get(shared), &replica);
        etcd_log_get_status(shared_store_log(shared), &log);
        *ret = (StoreStatus){
                .engine = "etcd",
                .state = state_of(&log, &replica),
                .reason = log.reason,
                .away_since_ms =
                        log.away_since_ms ? realtime_ms() - elapsed_ms(log.away_since_ms) : 0,
                .revision = replica.revision,
                .cluster_revision = log.revision > 0 ? log.revision + replica.offset : 0,
                .behind_ms = behind_ms(&log, &replica),
                .host = log.host_name,
                .host_number = log.host_number,
                .has_host_number = log.has_host_number,
                .n_waiting = replica.n_waiting,
                .n_outbox = replica.n_outbox,
                .n_unconfirmed = replica.n_unconfirmed,
                .endpoint = find_endpoint(endpoints, &log),
        };
}

/* Facts from etcd */

static bool answers(const EtcdHealth *health, uint64_t member_id)
{
        for (unsigned i = 0; i < health->n_endpoints; i++)
                if (health->endpoints[i].error == 0 && health->endpoints[i].member_id == member_id)
                        return true;
        return false;
}

static void add_member(StoreStatus *status, const EtcdHealth *health, const EtcdMember *member)
{
        StoreMember *added;

        if (status->n_members == STORE_MEMBERS_MAX)
                return;
        added = &status->members[status->n_members++];
        (void) snprintf(added->name, sizeof(added->name), "%s", member->name);
        (void) snprintf(added->id, sizeof(added->id), "%" PRIx64, member->id);
        added->is_leader = health->leader == member->id;
        added->answers = answers(health, member->id);
}

static void add_health(StoreStatus *status, const EtcdHealth *health)
{
        for (size_t i = 0; i < health->n_members; i++)
                add_member(status, health, &health->members[i]);
        for (unsigned i = 0; i < health->n_endpoints; i++) {
                const EtcdEndpointHealth *endpoint = &health->endpoints[i];

                if (endpoint->error != 0)
                        continue;
                if ((uint64_t) endpoint->status.db_size > status->db_size)
                        status->db_size = (uint64_t) endpoint->status.db_size;
                if ((uint64_t) endpoint->status.db_size_quota > status->quota)
                        status->quota = (uint64_t) endpoint->status.db_size_quota;
        }
        status->no_space = health->no_space;
        status->is_corrupt = health->corrupt;
}

/* The call */

typedef struct StatusCall {
        Call call;
        SharedStore *shared;
        char **endpoints;
        EtcdHealthCheck *check;
} StatusCall;

static void destroy(Call *call)
{
        StatusCall *status = (StatusCall *) call;

        etcd_health_check_cancel(status->check);
        strv_free(status->endpoints);
}

static void on_health(const EtcdHealth *health, void *userdata)
{
        StatusCall *call = userdata;
        StoreStatus status;

        call->check = NULL;
        shared_store_get_status(call->shared, call->endpoints, &status);
        add_health(&status, health);
        call_end(&call->call, &(Result){.store = &status});
}

int shared_store_status_start(SharedStore *shared, char *const *endpoints, ResultFunc func,
                              void *userdata, Call **ret)
{
        StatusCall *call;
        int r = 0;

        r = call_new_without_api(sizeof(StatusCall), NULL, func, userdata, &call);
        if (r < 0)
                return r;
        call->call.destroy = destroy;
        call->shared = shared;
        for (size_t i = 0; r == 0 && endpoints && endpoints[i]; i++)
                r = strv_push(&call->endpoints, endpoints[i]);
        if (r == 0)
                r = etcd_health_check_start(etcd_log_client(shared_store_log(shared)), on_health,
                                            call, &call->check);
        return call_started(&call->call, r, ret);
}

/* Findings */

static int diagnose_state(const EtcdLogStatus *log, const char *place, FindingList *list)
{
        char text[256];

        if (streq(log->state, "other-cluster"))
                return finding_add(
                        list, .kind = "store", .name = "etcd", .place = place,
                        .text = "The endpoints belong to another etcd cluster than before",
                        .advice = "correct Endpoints=, and restart passlockd; if the cluster was "
                                  "replaced, stop passlockd, and remove shared/data.mdb in its "
                                  "state directory first");
        if (!streq(log->state, "away"))
                return 0;
        (void) snprintf(text, sizeof(text), "etcd has been away for %" PRIu64 " s: %s",
                        elapsed_ms(log->away_since_ms) / 1000, log->reason);
        return finding_add(list, .kind = "store", .name = "etcd", .place = place, .text = text,
                           .advice = "check etcd at the endpoints: etcdctl endpoint health; "
                                     "until then links can be read, but not changed");
}

/* Conflicts of a restore can only be resolved by an administrator. */
static int diagnose_restore(const RestoreCounts *counts, const char *place, FindingList *list)
{
        char text[256];

        if (!counts || counts->n_conflicting + counts->n_exceeding + counts->n_unexplained == 0)
                return 0;
        (void) snprintf(
                text, sizeof(text),
                "After etcd was restored from a backup, lost links were not pushed back: %zu "
                "are linked to other users, %zu of users with too many links; and %zu links "
                "of the backup were unknown to this host",
                counts->n_conflicting, counts->n_exceeding, counts->n_unexplained);
        return finding_add(list, .kind = "store", .name = "etcd", .place = place, .text = text,
                           .advice =
                                   "compare with the vault by passlockctl reconcile; this finding "
                                   "stays until passlockd restarts");
}

static int diagnose_lag(uint64_t lag_ms, const char *place, FindingList *list)
{
        char text[128];

        if (lag_ms <= BEHIND_MS_MAX)
                return 0;
        (void) snprintf(text, sizeof(text),
                        "Changes that other hosts made in the last %" PRIu64 " s may be missing",
                        lag_ms / 1000);
        return finding_add(list, .kind = "store", .name = "etcd", .place = place, .text = text,
                           .advice = "see passlockctl store status, and journalctl -u passlockd");
}

int shared_store_diagnose(SharedStore *shared, const char *place, FindingList *list)
{
        ReplicaStatus replica;
        EtcdLogStatus log;
        int r;

        store_shared_get_status(shared_store_get(shared), &replica);
        if (replica.has_left)
                return finding_add(list, .kind = "store", .name = "etcd", .place = place,
                                   .text = "This host has left the shared store, so links cannot "
                                           "be changed",
                                   .advice = "remove Engine=etcd from [Store], and restart "
                                             "passlockd");
        etcd_log_get_status(shared_store_log(shared), &log);
        r = diagnose_state(&log, place, list);
        if (r == 0 && replica.is_restoring)
                r = finding_add(
                        list, .kind = "store", .name = "etcd", .place = place,
                        .text = "etcd was restored from a backup: what it has lost is being "
                                "pushed back, and links are not changed meanwhile",
                        .advice = "see journalctl -u passlockd, if this lasts");
        if (r == 0)
                r = diagnose_restore(shared_store_restored(shared), place, list);
        if (r == 0)
                r = diagnose_lag(behind_ms(&log, &replica), place, list);
        if (r == 0 && log.rival_at_ms != 0 && elapsed_ms(log.rival_at_ms) < RIVAL_MS)
                r = finding_add(list, .kind = "store", .name = log.host_name,
                                .text = "Another host has the name of this one in the shared "
                                        "store, so each of them keeps the other from changing "
                                        "links",
                                .advice = "one is a copy of the other: there, stop passlockd, "
                                          "remove shared/host-name in its state directory, and "
                                          "start it");
        return r;
}
