/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/engines/leave.h"
#include "daemon/store/shared/own-store.h"

/* The files of a leave: `leaving`, in the state directory, gets the copy of the replica. */
typedef struct LeaveFiles LeaveFiles;

/* Copies the arguments. Returns 0 or -ENOMEM. */
int leave_files_new(const LeaveOptions *options, const char *replica_directory, LeaveFiles **ret);
/* Removes a copy that is not installed. NULL is fine. Returns NULL. */
LeaveFiles *leave_files_free(LeaveFiles *files);

/* Copies a part of the replica, and after the last one turns the copy into an own store. Nobody may
 * write the replica meanwhile. Returns 1 if more is left, 0, or a negative errno; -EBUSY if the own
 * store is open. */
int leave_files_copy(LeaveFiles *files, Environment *replica, const OwnStoreOptions *options);
/* Makes the mark, and replaces the own store by the copy. *ret_kept is the path that the replaced
 * store has now, lent; NULL: there was none. Returns 0 or a negative errno, after which the own
 * store is as before. */
int leave_files_install(LeaveFiles *files, const char **ret_kept);
