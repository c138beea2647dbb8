/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/store/lmdb/access-set.h"

void access_set_clear(AccessSet *set)
{
        for (size_t i = 0; i < set->n_entries; i++) {
                free(set->entries[i].key);
                free(set->entries[i].old);
                free(set->entries[i].value);
        }
        free(set->entries);
        *set = (AccessSet){};
}

static bool is_noted(Database database)
{
        switch (database) {
        case DATABASE_LINKS:
        case DATABASE_USERS:
        case DATABASE_IDEMPOTENCY:
        case DATABASE_INTENTS:
        case DATABASE_DELETES:
        case DATABASE_TOMBSTONES:
                return true;
        default:
                return false;
        }
}

/* An empty value gets one byte, so that NULL means that there is none. */
static int copy_value(const MDB_val *value, uint8_t **ret, size_t *ret_len)
{
        uint8_t *copy = malloc(value->mv_size + 1);

        if (!copy)
                return -ENOMEM;
        if (value->mv_size > 0)
                memcpy(copy, value->mv_data, value->mv_size);
        *ret = copy;
        *ret_len = value->mv_size;
        return 0;
}

static Access *find(const AccessSet *set, Database database, const MDB_val *key)
{
        for (size_t i = 0; i < set->n_entries; i++) {
                Access *entry = &set->entries[i];

                if (entry->database == database && entry->key_len == key->mv_size &&
                    memcmp(entry->key, key->mv_data, key->mv_size) == 0)
                        return entry;
        }
        return NULL;
}

static Access *add(AccessSet *set, Database database, const MDB_val *key)
{
        Access *entries = reallocarray(set->entries, set->n_entries + 1, sizeof(Access));
        Access entry = {.database = database};

        if (entries)
                set->entries = entries;
        if (!entries || copy_value(key, &entry.key, &entry.key_len) < 0) {
                set->error = -ENOMEM;
                return NULL;
        }
        entries[set->n_entries] = entry;
        return &entries[set->n_entries++];
}

/* Returns the entry of the key, NULL if nothing has to be noted. */
static Access *find_or_add(AccessSet *set, Database database, const MDB_val *key, bool *ret_is_new)
{
        Access *entry;

        *ret_is_new = false;
        if (!set || !is_noted(database) || set->error < 0)
                return NULL;
        entry = find(set, database, key);
        if (entry)
                return entry;
        *ret_is_new = true;
        return add(set, database, key);
}

void access_set_read(AccessSet *set, Database database, const MDB_val *key, const MDB_val *value)
{
        bool is_new;
        Access *entry = find_or_add(set, database, key, &is_new);

        if (!entry || !is_new || !value)
                return;
        entry->existed = true;
        if (copy_value(value, &entry->old, &entry->old_len) < 0)
                set->error = -ENOMEM;
}

void access_set_put(AccessSet *set, Database database, const MDB_val *key, const MDB_val *value)
{
        bool is_new;
        Access *entry = find_or_add(set, database, key, &is_new);

        if (!entry)
                return;
        entry->written = true;
        free(TAKE_PTR(entry->value));
        if (copy_value(value, &entry->value, &entry->value_len) < 0)
                set->error = -ENOMEM;
}

void access_set_remove(AccessSet *set, Database database, const MDB_val *key)
{
        bool is_new;
        Access *entry = find_or_add(set, database, key, &is_new);

        if (!entry)
                return;
        entry->existed |= is_new;
        entry->written = true;
        free(TAKE_PTR(entry->value));
}
