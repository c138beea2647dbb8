/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/store/tenancy-cache.h"

typedef struct TenancyNumber {
        char *id;
        uint32_t number;
} TenancyNumber;

/* Returns the index of the first entry that is not less than the id. */
static size_t find(const TenancyCache *cache, const char *tenancy_id)
{
        size_t begin = 0, end = cache->n_entries;

        while (begin < end) {
                size_t middle = begin + (end - begin) / 2;

                if (strcmp(cache->entries[middle].id, tenancy_id) < 0)
                        begin = middle + 1;
                else
                        end = middle;
        }
        return begin;
}

bool tenancy_cache_get(const TenancyCache *cache, const char *tenancy_id, uint32_t *ret)
{
        size_t i = find(cache, tenancy_id);

        if (i == cache->n_entries || !streq(cache->entries[i].id, tenancy_id))
                return false;
        *ret = cache->entries[i].number;
        return true;
}

void tenancy_cache_add(TenancyCache *cache, const char *tenancy_id, uint32_t number)
{
        size_t i = find(cache, tenancy_id), n_after = cache->n_entries - i;
        TenancyNumber *grown;
        char *id;

        grown = reallocarray(cache->entries, cache->n_entries + 1, sizeof(TenancyNumber));
        if (!grown)
                return;
        cache->entries = grown;
        id = strdup(tenancy_id);
        if (!id)
                return;
        memmove(grown + i + 1, grown + i, n_after * sizeof(TenancyNumber));
        grown[i] = (TenancyNumber){.id = id, .number = number};
        cache->n_entries++;
}

void tenancy_cache_clear(TenancyCache *cache)
{
        for (size_t i = 0; i < cache->n_entries; i++)
                free(cache->entries[i].id);
        free(cache->entries);
        *cache = (TenancyCache){};
}
