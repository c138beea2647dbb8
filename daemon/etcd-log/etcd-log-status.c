/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/etcd-log/etcd-log-internal.h"
#include "daemon/etcd-log/etcd-log-status.h"

static const char *state_name(EtcdClientState state)
{
        switch (state) {
        case ETCD_CLIENT_SERVING:
                return "serving";
        case ETCD_CLIENT_AWAY:
                return "away";
        case ETCD_CLIENT_OTHER_CLUSTER:
                return "other-cluster";
        case ETCD_CLIENT_REVISION_WENT_BACK:
                return "revision-went-back";
        case ETCD_CLIENT_STARTING:
                break;
        }
        return "starting";
}

void etcd_log_get_status(SharedLog *shared, EtcdLogStatus *ret)
{
        const EtcdLog *log = container_of(shared, EtcdLog, log);
        EtcdClientState state = etcd_client_state(log->client);
        bool is_away = state == ETCD_CLIENT_AWAY;

        *ret = (EtcdLogStatus){
                .state = state_name(state),
                .reason = is_away ? etcd_error_text(etcd_client_away_reason(log->client)) : NULL,
                .away_since_ms = is_away ? etcd_client_away_since_ms(log->client) : 0,
                .heard_at_ms = etcd_log_heard_at_ms(log),
                .revision = (uint64_t) etcd_client_revision(log->client),
                .host_name = log->host.name,
                .has_host_number = log->host.claimed,
                .host_number = log->host.number,
                .rival_at_ms = log->host.rival_at_ms,
        };
        ret->has_endpoint = etcd_client_endpoint(log->client, &ret->endpoint);
}
