/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "base/rate-limit.h"

/*
 * The quota of a uid, shared by all its connections: calls in flight, pending polkit checks, and
 * the rate limit of audit records, which outlives the connections so that reconnecting does not
 * evade it.
 */
typedef struct Quotas Quotas;

typedef struct Quota {
        LIST_ENTRY(Quota) entry;
        bool has_uid;
        uid_t uid;
        unsigned n_ref;
        unsigned n_pending;   /* calls in flight */
        unsigned n_questions; /* pending polkit checks */
        RateLimit records;
} Quota;

/* `bus` must outlive this, and be attached to an event loop before use. Returns 0 or -ENOMEM. */
int quotas_new(sd_bus *bus, Quotas **ret);
/* No references may be left. Returns NULL. */
Quotas *quotas_free(Quotas *quotas);
DEFINE_CLEANUP(Quotas *, quotas_free);

/* A reference to the quota of a uid. Returns 0 or -ENOMEM. */
int quotas_find(Quotas *quotas, uid_t uid, Quota **ret);
/* NULL is fine. Returns NULL. */
Quota *quota_unref(Quota *quota);

/*
 * Whether a failing call may leave an audit record: the first few in an interval may. The others
 * are counted, and one record at the end of the interval has their number. All unknown callers
 * (NULL) share one quota.
 */
bool quotas_may_record(Quotas *quotas, Quota *quota);
