/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/config/config.h"
#include "daemon/holder/holder.h"

/* Adds findings on the credentials of [Store], and on a key holder with another configuration of
 * it. Returns 0 or -ENOMEM. */
int store_findings_add(const StoreConfig *config, const Holder *holder, FindingList *list);
