/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/change.h"
#include "daemon/store/environment.h"

/* The thread that makes the changes, in the order in which they were queued. */
typedef struct Writer Writer;

/* The environment is lent. Returns 0 or a negative errno. */
int writer_new(Environment *environment, Writer **ret);
/* Waits until all that was queued has been made, and frees it unreported. */
Writer *writer_free(Writer *writer);
DEFINE_CLEANUP(Writer *, writer_free);

/* Takes the change over. */
void writer_queue(Writer *writer, StoreChange *change);

/* Readable when there is something to collect. */
int writer_get_fd(Writer *writer);
/* Moves the changes that have ended to the end of `queue`. */
void writer_collect(Writer *writer, ChangeQueue *queue);
