/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "base/rate-limit.h"
#include "base/token-bucket.h"
#include "daemon/bus/dispatch/turns.h"

/*
 * The quota of a uid, shared by all its connections: calls in flight, pending polkit checks, and
 * rate limits, which outlive the connections so that reconnecting does not evade them.
 */
typedef struct Quotas Quotas;

typedef struct Quota {
        LIST_ENTRY(Quota) entry;
        bool has_uid;
        uid_t uid;
        unsigned n_ref;
        unsigned n_pending;       /* calls in flight or waiting for their turn */
        unsigned n_bulk;          /* of these, bulk calls */
        unsigned n_questions;     /* pending polkit checks */
        unsigned n_subscriptions; /* to links */
        RateLimit records;
        /* See admission.c. */
        TokenBucket calls;    /* without a grant */
        TokenBucket standard; /* introspection, properties and the like */
        TokenBucket refusals; /* replies LimitsExceeded */
        TurnQueue turns[TURN_KINDS];
} Quota;

/* `bus` must outlive this, and be attached to an event loop before use. Returns 0 or -ENOMEM. */
int quotas_new(sd_bus *bus, Quotas **ret);
/* No references may be left. Returns NULL. */
Quotas *quotas_free(Quotas *quotas);
DEFINE_CLEANUP(Quotas *, quotas_free);

/* A reference to the quota of a uid. Returns 0 or -ENOMEM. */
int quotas_find(Quotas *quotas, uid_t uid, Quota **ret);
/* NULL is fine. Returns NULL. */
Quota *quotas_unref(Quotas *quotas, Quota *quota);

/*
 * Whether a failing call may leave an audit record: the first few in an interval may. The others
 * are counted, and one record at the end of the interval has their number. All unknown callers
 * (NULL) share one quota.
 */
bool quotas_may_record(Quotas *quotas, Quota *quota);

/* The quota that all connections of unknown uid share. */
Quota *quotas_strangers(Quotas *quotas);
