/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tests/unit/daemon/store/fleet-fixture.h"

/* A fleet whose log is restored from a backup. */

/* Closes the store of a host. */
void fleet_leave(Fleet *fleet, unsigned i);
bool fleet_restores(Fleet *fleet, unsigned host);
/* Whether a host has pushed back what the log lacked. */
bool fleet_has_restored(const Fleet *fleet);
uint64_t fleet_id_of(Fleet *fleet, unsigned host, const char *authenticator);

/* Links "kept" that a backup has, and "lost" that it does not have; the removal of kept-3 is lost
 * as well. Returns the revision of the backup. */
uint64_t fleet_make_history(Fleet *fleet);

/* Links after it. */
#define HISTORY_LINKS (100 + 100 + 30 - 1)

void assert_restored(Fleet *fleet, unsigned host, uint64_t n_links);

/* The hosts were down, and start one after another. The first one has heard of nothing; the second
 * one not of the last changes, so that it knows a removed link as linked, and a link with its old
 * user. The revision of the restored log is `raised_by` above the last one; 0: it goes back. */
void assert_order(Fleet *fleet, const unsigned order[static HOSTS], uint64_t raised_by);
