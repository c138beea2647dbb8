/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/etcd/etcd-client-internal.h"
#include "daemon/etcd/etcd-health.h"

/* A call of the check. */
typedef struct Part {
        EtcdHealthCheck *check;
        unsigned i;
        EtcdCall *call; /* in flight, or NULL */
} Part;

struct EtcdHealthCheck {
        EtcdHealth health;
        EtcdEndpointHealth endpoints[ETCD_ENDPOINTS_MAX];
        Part statuses[ETCD_ENDPOINTS_MAX], members, alarms;
        unsigned n_calls; /* in flight */
        EtcdArena arena;
        EtcdHealthFunc func;
        void *userdata;
};

EtcdHealthCheck *etcd_health_check_cancel(EtcdHealthCheck *check)
{
        if (!check)
                return NULL;
        for (unsigned i = 0; i < ETCD_ENDPOINTS_MAX; i++)
                etcd_call_cancel(check->statuses[i].call);
        etcd_call_cancel(check->members.call);
        etcd_call_cancel(check->alarms.call);
        etcd_arena_clear(&check->arena);
        free(check);
        return NULL;
}
DEFINE_CLEANUP(EtcdHealthCheck *, etcd_health_check_cancel);

static void set_leader(EtcdHealthCheck *check)
{
        uint64_t leader = 0, told;

        for (unsigned i = 0; i < check->health.n_endpoints; i++) {
                told = check->endpoints[i].status.leader;
                if (told != 0 && leader != 0 && told != leader)
                        return;
                leader = told ?: leader;
        }
        check->health.leader = leader;
}

static void end_call(Part *part)
{
        EtcdHealthCheck *check = part->check;

        part->call = NULL;
        if (--check->n_calls > 0)
                return;
        set_leader(check);
        check->func(&check->health, check->userdata);
        etcd_health_check_cancel(check);
}

/* Copies memory that is lent. */
static void *copy(EtcdHealthCheck *check, const void *data, size_t n, size_t size)
{
        void *to = etcd_arena_alloc(&check->arena, n, size);

        return to && n > 0 ? memcpy(to, data, n * size) : to;
}

static void on_status(int r, const EtcdReply *reply, void *userdata)
{
        Part *part = userdata;
        EtcdEndpointHealth *endpoint = part->check->endpoints + part->i;
        const char *version;

        endpoint->error = r;
        if (r == 0) {
                version = copy(part->check, reply->status.version,
                               strlen(reply->status.version) + 1, 1);
                endpoint->status = reply->status;
                endpoint->status.version = version ?: "";
                endpoint->cluster_id = reply->header.cluster_id;
                endpoint->member_id = reply->header.member_id;
                endpoint->is_leader = reply->status.leader != 0 &&
                                      reply->status.leader == reply->header.member_id;
        }
        end_call(part);
}

static void take_members(EtcdHealthCheck *check, const EtcdMembersReply *reply)
{
        EtcdMember *members = copy(check, reply->members, reply->n_members, sizeof(EtcdMember));

        for (size_t i = 0; members && i < reply->n_members; i++) {
                const char *name = reply->members[i].name;
                const char *name_copy = copy(check, name, strlen(name) + 1, 1);

                members[i].name = name_copy ?: "";
        }
        check->health.members = members;
        check->health.n_members = members ? reply->n_members : 0;
}

static void on_members(int r, const EtcdReply *reply, void *userdata)
{
        Part *part = userdata;

        if (r == 0)
                take_members(part->check, &reply->members);
        end_call(part);
}

static void take_alarms(EtcdHealthCheck *check, const EtcdAlarmsReply *reply)
{
        check->health.alarms = copy(check, reply->alarms, reply->n_alarms, sizeof(EtcdAlarm));
        check->health.n_alarms = check->health.alarms ? reply->n_alarms : 0;
        for (size_t i = 0; i < reply->n_alarms; i++) {
                if (reply->alarms[i].kind == ETCD_ALARM_NOSPACE)
                        check->health.no_space = true;
                if (reply->alarms[i].kind == ETCD_ALARM_CORRUPT)
                        check->health.corrupt = true;
        }
}

static void on_alarms(int r, const EtcdReply *reply, void *userdata)
{
        Part *part = userdata;

        if (r == 0)
                take_alarms(part->check, &reply->alarms);
        end_call(part);
}

static int start_calls(EtcdHealthCheck *check, EtcdClient *client)
{
        const uint64_t timeout_ms = 2 * client->try_ms;
        EtcdCallOptions options = {.timeout_ms = timeout_ms, .try_ms = timeout_ms};
        int r = 0;

        check->members = check->alarms = (Part){.check = check};
        r = etcd_members_start(client, &options, on_members, &check->members, &check->members.call);
        if (r == 0)
                r = etcd_alarms_start(client, &options, on_alarms, &check->alarms,
                                      &check->alarms.call);
        options.pinned = true;
        for (unsigned i = 0; i < check->health.n_endpoints && r == 0; i++) {
                options.endpoint = i;
                check->statuses[i] = (Part){.check = check, .i = i};
                r = etcd_status_start(client, &options, on_status, check->statuses + i,
                                      &check->statuses[i].call);
        }
        return r;
}

int etcd_health_check_start(EtcdClient *client, EtcdHealthFunc func, void *userdata,
                            EtcdHealthCheck **ret)
{
        _cleanup_(etcd_health_check_cancelp) EtcdHealthCheck *check =
                calloc(1, sizeof(EtcdHealthCheck));
        int r;

        if (!check)
                return -ENOMEM;
        check->func = func;
        check->userdata = userdata;
        check->health.endpoints = check->endpoints;
        check->health.n_endpoints = etcd_client_n_endpoints(client);
        check->n_calls = check->health.n_endpoints + 2;
        r = start_calls(check, client);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(check);
        return 0;
}
