/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/clock.h"
#include "daemon/etcd/etcd-call.h"
#include "tests/etcd/curl-transport.h"
#include "tests/etcd/etcd-cluster.h"
#include "tests/unit/test.h"

/* A cluster, and a client of it. There is one of each. */

extern sd_event *event;
extern EtcdCluster cluster;
extern CurlTransport *transport;
extern EtcdClient *client;
extern unsigned n_state_changes;

/* Runs the event loop until a condition holds; fails after a minute. */
#define run_until(condition) \
        do { \
                uint64_t _end_ms = monotonic_ms() + 60000; \
                while (!(condition)) { \
                        assert_true(monotonic_ms() < _end_ms); \
                        assert_true(sd_event_run(event, 100000) >= 0); \
                } \
        } while (0)

/* Runs the tests of the array, or tells meson to skip them. */
#define fixture_run(tests) \
        (etcd_cluster_is_possible() ? cmocka_run_group_tests(tests, NULL, NULL) \
                                    : fixture_skip_all())
int fixture_skip_all(void);

/* Start a cluster, and wait until the client serves. */
int set_up_one(void **state);
int set_up_three(void **state);
void fixture_start(unsigned n_members, const char *quota);
int tear_down(void **state);

/* Connects to these ports instead of the cluster's, or to those. */
void fixture_connect(const uint16_t *ports, unsigned n_ports);
void fixture_disconnect(void);

/* Sends a txn and waits for its result. The outputs may be NULL. */
int fixture_txn(const EtcdTxn *txn, bool *ret_succeeded, int64_t *ret_revision);
/* Puts a key; value and key are strings. */
int fixture_put(const char *key, const char *value, int64_t *ret_revision);
/* Until it succeeds. Returns the revision. */
int64_t fixture_put_surely(const char *key, const char *value);
void fixture_compact(int64_t revision);
/* The index of the leader. */
unsigned fixture_leader(void);
