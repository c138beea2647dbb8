/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "base/macro.h"

/*
 * What all connections of a uid have in common: how many of their calls wait for an answer, how
 * many of these for polkit's, and how many records failing ones have left of late. The latter is
 * remembered when they have gone, so that to come anew is no way around it.
 */
typedef struct Quotas Quotas;
typedef struct Quota Quota;

/* `bus` must outlive this, and be attached to an event loop when it is used. Returns 0 or -ENOMEM.
 */
int quotas_new(sd_bus *bus, Quotas **ret);
/* All references are gone. Returns NULL. */
Quotas *quotas_free(Quotas *quotas);
DEFINE_CLEANUP(Quotas *, quotas_free);

/* A reference to the quota of a uid. Returns 0 or -ENOMEM. */
int quotas_find(Quotas *quotas, uid_t uid, Quota **ret);
/* NULL is fine. Returns NULL. */
Quota *quota_unref(Quota *quota);

unsigned *quota_n_pending(Quota *quota);
unsigned *quota_n_questions(Quota *quota);

/*
 * May a failing call leave a record: is it one of the first few in a while? `quota` is NULL if it
 * is not known who called; these share one. Others are counted, and when the while is over a record
 * says how many there were.
 */
bool quotas_may_record(Quotas *quotas, Quota *quota);
