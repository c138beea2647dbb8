/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * The metrics of the daemon, as Prometheus knows them: Manager.GetMetrics has them in this order,
 * passlock-metrics(7) is generated from the table. Names begin with passlock_ and end in their
 * unit. Labels have a bounded number of values, and never those of users.
 *
 *        name                           type       labels
 *        help
 */
#define METRIC_TABLE(X) \
        X(BUILD_INFO, "passlock_build_info", GAUGE, "version", "Version of passlockd, always 1.") \
        X(START_TIME, "passlock_start_time_seconds", GAUGE, "", \
          "Start of passlockd. Counters begin at 0 then, and are kept by a reload.") \
        X(CPU, "passlock_cpu_seconds_total", COUNTER, "", "CPU time that passlockd has used.") \
        X(MEMORY, "passlock_resident_memory_bytes", GAUGE, "", "Resident memory of passlockd.") \
        X(OPEN_FDS, "passlock_open_fds", GAUGE, "", "Open file descriptors of passlockd.") \
        X(MAX_FDS, "passlock_max_fds", GAUGE, "", "Limit of open file descriptors.") \
        X(RELOADS, "passlock_config_reloads_total", COUNTER, "outcome", \
          "Reloads of the configuration that have ended: ok, or failed.") \
        X(RELOAD_OK, "passlock_config_last_reload_successful", GAUGE, "", \
          "1: the last reload succeeded, or there was none. 0: an older configuration is in " \
          "force.") \
        X(CONFIG_LOADED, "passlock_config_loaded_timestamp_seconds", GAUGE, "", \
          "Time when the configuration in force was loaded.") \
        X(KEY_HOLDER, "passlock_key_holder_loaded", GAUGE, "", \
          "1: the key holder is connected, and has loaded configuration and keys.") \
\
        X(CALLS, "passlock_calls_total", COUNTER, "method outcome decided_by grant", \
          "Method calls that have ended. outcome: ok, the last part of the D-Bus error name, or " \
          "Canceled without a reply. decided_by: root, grant, polkit, or none. grant: the name " \
          "of " \
          "the section; other beyond the first 64 names since the start.") \
        X(CALLS_IN_FLIGHT, "passlock_calls_in_flight", GAUGE, "", \
          "Method calls that have no reply yet, without the one that reads the metrics.") \
        X(CALLS_WAITING, "passlock_calls_waiting", GAUGE, "queue", \
          "Calls in flight that have not begun: in the queue of single or of bulk calls, or " \
          "parked, for a caller that does not read or a slot of the API.") \
        X(MESSAGES_REFUSED, "passlock_messages_refused_total", COUNTER, "", \
          "Messages refused by a rate limit or back-pressure on arrival. They are not in " \
          "passlock_calls_total.") \
        X(SUBSCRIBERS, "passlock_subscribers", GAUGE, "", "Subscriptions to changes of links.") \
        X(SUBSCRIPTIONS_LOST, "passlock_subscriptions_lost_total", COUNTER, "", \
          "Subscriptions that passlockd has ended, as those of subscribers that do not read.") \
        X(RECORDS, "passlock_audit_records_total", COUNTER, "", \
          "Audit records sent to the journal.") \
        X(RECORDS_SUPPRESSED, "passlock_audit_records_suppressed_total", COUNTER, "", \
          "Audit records of failed calls that their rate limit has suppressed.") \
        X(RECORDS_LOST, "passlock_audit_records_lost_total", COUNTER, "", \
          "Audit records lost because the journal did not take them.") \
\
        X(TENANCY_STATE, "passlock_tenancy_state", GAUGE, "tenancy state", \
          "1 for the current State of the tenancy, else 0: ready, unconfigured, denied, " \
          "degraded.") \
        X(LINKS, "passlock_links", GAUGE, "tenancy", "Links in the store.") \
        X(UNFINISHED_EXCHANGES, "passlock_unfinished_exchanges", GAUGE, "tenancy", \
          "Exchanges cut off by a crash, whose links are being recovered.") \
        X(UNFINISHED_DELETES, "passlock_unfinished_deletes", GAUGE, "tenancy", \
          "Deletes of passkeys whose outcome is unknown, and being looked up.") \
        X(API_CALLS, "passlock_api_calls_total", COUNTER, "tenancy request outcome", \
          "Calls to the API that have ended, with their retries, and background work. outcome as " \
          "above.") \
        X(API_RETRIES, "passlock_api_retries_total", COUNTER, "tenancy request", \
          "Requests to the API that were sent again.") \
        X(API_DURATION, "passlock_api_request_duration_seconds", HISTOGRAM, "tenancy request", \
          "Time from sending a request to the key holder until the reply of the API, or its " \
          "absence. Each retry counts.") \
        X(API_CONNECT, "passlock_api_connect_duration_seconds", HISTOGRAM, "tenancy", \
          "Part of these times for requests that opened a connection and got a reply: name " \
          "resolution, connection and TLS handshake.") \
        X(API_IN_FLIGHT, "passlock_api_calls_in_flight", GAUGE, "tenancy", \
          "Calls to the API in flight.") \
        X(API_BREAKER, "passlock_api_breaker_open", GAUGE, "tenancy", \
          "1: calls fail at once, because the API does not respond.") \
        X(API_SUCCESS, "passlock_api_last_success_timestamp_seconds", GAUGE, "tenancy", \
          "Last time that the API accepted the key and answered as documented; 0: never.") \
        X(API_KEY, "passlock_api_key_timestamp_seconds", GAUGE, "tenancy", \
          "Time when passlockd first got the API key in use: the key is at least as old. 0: no " \
          "key.") \
\
        X(STORE_OPEN, "passlock_store_open", GAUGE, "", "1: the store of the links is open.") \
        X(STORE_RESERVE, "passlock_store_reserve_allocated", GAUGE, "", \
          "1: the disk space for removals is reserved. 0: the disk is full.") \
        X(STORE_SIZE, "passlock_store_size_bytes", GAUGE, "", "Size of the file of the store.") \
        X(STORE_CHANGES, "passlock_store_changes_total", COUNTER, "outcome", \
          "Changes of the store that have ended. outcome as above.") \
        X(STORE_DURATION, "passlock_store_change_duration_seconds", HISTOGRAM, "", \
          "Time from queueing a change of the store until it was durable, or had failed.") \
        X(SHARED_STATE, "passlock_shared_store_state", GAUGE, "state", \
          "With Engine=etcd: 1 for the current state, as Manager.GetStore has it, else 0.") \
        X(SHARED_AWAY, "passlock_shared_store_away_timestamp_seconds", GAUGE, "", \
          "With Engine=etcd: since when no endpoint works; 0: one does.") \
        X(REPLICA_LAG, "passlock_replica_lag_seconds", GAUGE, "", \
          "With Engine=etcd: changes of other hosts that were made within this time may be " \
          "missing on this host; up to 3 is normal.") \
        X(REPLICA_REVISION, "passlock_replica_revision", GAUGE, "", \
          "With Engine=etcd: the revision of this host's copy.") \
        X(CLUSTER_REVISION, "passlock_cluster_revision", GAUGE, "", \
          "With Engine=etcd: the latest revision of the cluster that was seen.") \
        X(SHARED_WAITING, "passlock_shared_store_changes_waiting", GAUGE, "", \
          "With Engine=etcd: changes of this host that are not committed yet.") \
        X(SHARED_OUTBOX, "passlock_shared_store_outbox_links", GAUGE, "", \
          "With Engine=etcd: links of this host that other hosts do not have yet.") \
        X(SHARED_UNCONFIRMED, "passlock_shared_store_unconfirmed_misses_total", COUNTER, "", \
          "With Engine=etcd: look-ups of missing links that were answered without etcd.")

typedef enum MetricId {
#define X(id, name, type, labels, help) METRIC_##id,
        METRIC_TABLE(X)
#undef X
                N_METRICS,
} MetricId;

typedef enum MetricType {
        METRIC_COUNTER,
        METRIC_GAUGE,
        METRIC_HISTOGRAM,
} MetricType;

#define METRIC_LABELS_MAX 4U

typedef struct Metric {
        const char *name;
        MetricType type;
        const char *labels; /* names, separated by spaces */
        const char *help;
} Metric;

const Metric *metric_get(MetricId id);
/* As in the TYPE line of the text format. */
const char *metric_type_name(MetricType type);
