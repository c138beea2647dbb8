/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/change.h"
#include "daemon/store/environment.h"

/* The writer thread: commits queued changes in order. */
typedef struct Writer Writer;

/* The environment is lent. Returns 0 or a negative errno. */
int writer_new(Environment *environment, Writer **ret);
/* Commits all queued changes, and frees them without a report. */
Writer *writer_free(Writer *writer);
DEFINE_CLEANUP(Writer *, writer_free);

/* Takes ownership of the change. */
void writer_queue(Writer *writer, StoreChange *change);

/* Readable when writer_collect() has results. */
int writer_get_fd(Writer *writer);
/* Moves completed changes to the end of `queue`. */
void writer_collect(Writer *writer, ChangeQueue *queue);
