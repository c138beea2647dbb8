/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/bus/bus.h"
#include "daemon/config/config.h"
#include "daemon/holder/holder.h"

/*
 * The configured tenancies: each gets its settings from the configuration and its account from the
 * key holder, and appears on the bus under its label.
 */
typedef struct TenancySet TenancySet;

/* Arguments must outlive it. Returns 0 or a negative errno. */
int tenancy_set_new(Tenancies *all, Holder *holder, Bus *bus, TenancySet **ret);
TenancySet *tenancy_set_free(TenancySet *set);
DEFINE_CLEANUP(TenancySet *, tenancy_set_free);

/* Applies a checked configuration, which is lent until the next one; retires all other tenancies.
 * Returns 0 or a negative errno; after -ENOMEM the configuration may be applied partly. */
int tenancy_set_configure(TenancySet *set, const Config *config);

/* Shows the tenancies on another connection to the bus. Returns 0 or a negative errno. */
int tenancy_set_move(TenancySet *set, Bus *bus);

/* Applies the accounts that the key holder has told about since, and records faults of keys. */
void tenancy_set_update(TenancySet *set);

/* Stops all background work for good. */
void tenancy_set_stop(TenancySet *set);

/* Lent until the next configuration. */
Tenancy *const *tenancy_set_get(const TenancySet *set, size_t *ret_n);

/* Adds findings on keys and crash recovery. Returns 0 or -ENOMEM. */
int tenancy_set_diagnose(const TenancySet *set, FindingList *list);
