/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/changes/change.h"

/* Changes of a host that leaves a shared store. Return 0 or -ENOMEM. */

/* Changes nothing, and ends when the replica has all that was committed before. */
int change_new_catch_up(StoreDoneFunc func, void *userdata, StoreChange **ret);
/* Removes the open exchanges of this host from the shared store: they are in its own one. */
int change_new_hand_over(const char *tenancy_id, StoreDoneFunc func, void *userdata,
                         StoreChange **ret);
