/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/store/lmdb/tenancy-cache.h"

typedef struct TenancyNumber {
        char *id;
        uint32_t number;
} TenancyNumber;

bool tenancy_cache_get(const TenancyCache *cache, const char *tenancy_id, uint32_t *ret)
{
        size_t begin = 0, end = cache->n_entries;

        while (begin < end) {
                size_t middle = begin + (end - begin) / 2;
                int order = strcmp(cache->entries[middle].id, tenancy_id);

                if (order == 0) {
                        *ret = cache->entries[middle].number;
                        return true;
                }
                if (order < 0)
                        begin = middle + 1;
                else
                        end = middle;
        }
        return false;
}

void tenancy_cache_add(TenancyCache *cache, const char *tenancy_id, uint32_t number)
{
        size_t i = cache->n_entries;
        TenancyNumber *grown;
        char *id;

        grown = reallocarray(cache->entries, cache->n_entries + 1, sizeof(TenancyNumber));
        if (!grown)
                return;
        cache->entries = grown;
        id = strdup(tenancy_id);
        if (!id)
                return;
        for (; i > 0 && strcmp(grown[i - 1].id, id) > 0; i--)
                grown[i] = grown[i - 1];
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
