/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* The numbers of tenancies that have been read, sorted by id. A number never changes while the
 * environment is open. */
typedef struct TenancyCache {
        struct TenancyNumber *entries;
        size_t n_entries;
} TenancyCache;

bool tenancy_cache_get(const TenancyCache *cache, const char *tenancy_id, uint32_t *ret);
/* Out of memory, the tenancy is not cached. */
void tenancy_cache_add(TenancyCache *cache, const char *tenancy_id, uint32_t number);
void tenancy_cache_clear(TenancyCache *cache);
