/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/bus/bus.h"
#include "daemon/config/config.h"

/*
 * The configured tenancies: each gets its settings from the configuration and its key from a
 * credential, and appears on the bus under its label. Keys that appear later are applied then.
 */
typedef struct TenancySet TenancySet;

/* Arguments must outlive it. Returns 0 or a negative errno. */
int tenancy_set_new(sd_event *event, Tenancies *all, Bus *bus, TenancySet **ret);
TenancySet *tenancy_set_free(TenancySet *set);
DEFINE_CLEANUP(TenancySet *, tenancy_set_free);

/* Applies a checked configuration, which is lent until the next one; retires all other tenancies.
 * Returns 0 or a negative errno; after -ENOMEM the configuration may be applied partly. */
int tenancy_set_configure(TenancySet *set, const Config *config);

/* Shows the tenancies on another connection to the bus. Returns 0 or a negative errno. */
int tenancy_set_move(TenancySet *set, Bus *bus);

/* Stops all background work for good. */
void tenancy_set_stop(TenancySet *set);

/* Lent until the next configuration. */
Tenancy *const *tenancy_set_get(const TenancySet *set, size_t *ret_n);

/* Adds findings on keys and crash recovery. Returns 0 or -ENOMEM. */
int tenancy_set_diagnose(const TenancySet *set, FindingList *list);
