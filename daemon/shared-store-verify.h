/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/core/call.h"
#include "daemon/shared-store.h"

/*
 * Start function of a Call: compares the links of the replica with those in etcd at one revision.
 * Links that differ are read again, because both change meanwhile: a difference counts if it stays,
 * with the same revision in etcd, after the replica has heard everything. Results: STORE_FAILED if
 * etcd does not serve, or the replica does not catch up.
 */
int shared_store_verify_start(sd_event *event, SharedStore *shared, ResultFunc func, void *userdata,
                              Call **ret);
