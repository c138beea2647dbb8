/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/bus/bus.h"
#include "daemon/config/config.h"

/*
 * The tenancies that are configured: each has its settings from the configuration in force and its
 * key from a credential, and is shown on the bus under its label. A key that comes later is taken
 * when it comes.
 */
typedef struct TenancySet TenancySet;

/* What is passed is lent, and outlives it. Returns 0 or a negative errno. */
int tenancy_set_new(sd_event *event, Tenancies *all, Bus *bus, TenancySet **ret);
TenancySet *tenancy_set_free(TenancySet *set);
DEFINE_CLEANUP(TenancySet *, tenancy_set_free);

/* Configures these tenancies, and retires all others. The configuration is lent until the next one.
 * It has been checked: only lack of memory stops this halfway. Returns 0 or a negative errno. */
int tenancy_set_configure(TenancySet *set, const Config *config);

/* Calls off all background work, for good. */
void tenancy_set_stop(TenancySet *set);

/* Lent until the next configuration. */
Tenancy *const *tenancy_set_get(const TenancySet *set, size_t *ret_n);

/* Adds findings on keys, and on what a crash has left to do. Returns 0 or -ENOMEM. */
int tenancy_set_diagnose(const TenancySet *set, FindingList *list);
