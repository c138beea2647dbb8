/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/etcd/etcd-reply.h"

/*
 * Joins the fragments of long watch messages, so that all events of a revision are together.
 * Zero-initialised it is empty.
 */
typedef struct EtcdFragments {
        EtcdEvent *events; /* of the last revision of a fragment, which may be incomplete */
        size_t n_events;
        EtcdArena arena;
} EtcdFragments;

/* A revision with more events is malformed. */
#define ETCD_REVISION_EVENTS_MAX 65536U

/* Adds the events that were held back to the message, and holds back those of its last revision if
 * it is a fragment. Returns 0, -ENOMEM or ETCD_ERROR_MALFORMED. */
int etcd_fragments_join(EtcdFragments *fragments, EtcdWatchReply *reply);
void etcd_fragments_clear(EtcdFragments *fragments);
