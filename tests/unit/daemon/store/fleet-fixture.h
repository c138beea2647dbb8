/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/store-shared.h"
#include "tests/unit/daemon/store/memory-cluster.h"
#include "tests/unit/daemon/store/store-fixture.h"

enum { HOSTS = 3, TIMEOUT_MS = 120000 };

/* News that a host was told. */
typedef struct Watcher {
        unsigned n_added, n_removed;
        unsigned n_restored;
        RestoreCounts counts; /* of the last restore */
} Watcher;

/* Some hosts that share a log, and one with a store of its own. */
typedef struct Fleet {
        MemoryCluster *cluster;
        Fixture hosts[HOSTS];
        Fixture local;
        Watcher watchers[HOSTS];
} Fleet;

/* For cmocka. */
int fleet_setup(void **state);
int fleet_teardown(void **state);
/* Hosts that make exchanges alone. */
int fleet_setup_alone(void **state);
int fleet_teardown_alone(void **state);

void fleet_make_directory(Fixture *f);
/* Opens the store of a host. */
void fleet_join(Fleet *fleet, unsigned i);
/* Runs all until a callback has run so many times. */
void fleet_wait(Fleet *fleet, const unsigned *n_calls, unsigned wanted);
/* Runs until all hosts have applied all revisions. */
void fleet_settle(Fleet *fleet);

/* Changes at a host, of the tenancy "t". */
int fleet_add(Fleet *fleet, unsigned host, const char *user, const char *authenticator,
              bool *ret_newly_linked);
void fleet_remove(Fleet *fleet, unsigned host, const char *authenticator);
/* Imports links with authenticators PREFIX-NUMBER. */
void fleet_import(Fleet *fleet, unsigned host, const char *prefix, size_t n, const char *user,
                  bool dry_run);
void fleet_add_links(Fleet *fleet, unsigned host, const char *prefix, size_t n, const char *user);
/* An exchange of a code that links a passkey. */
int fleet_exchange(Fleet *fleet, unsigned host, const char *user, const char *authenticator,
                   bool *ret_newly_linked);
