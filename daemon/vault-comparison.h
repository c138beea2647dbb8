/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/core/tenancy.h"
#include "daemon/store/store.h"

/* After the shared store was restored from a backup: compares all links with the vault, without a
 * change, and keeps the differences for the findings. */
typedef struct VaultComparison VaultComparison;

/* Store and tenancies must outlive it. Returns 0 or a negative errno. */
int vault_comparison_new(sd_event *event, Store *store, VaultComparison **ret);
/* Returns NULL. */
VaultComparison *vault_comparison_free(VaultComparison *comparison);

/* Compares the tenancies one after another; retries each until the vault has answered. */
void vault_comparison_start(VaultComparison *comparison, Tenancies *tenancies);
/* Adds a finding, if there are differences. Returns 0 or -ENOMEM. */
int vault_comparison_diagnose(const VaultComparison *comparison, FindingList *list);
