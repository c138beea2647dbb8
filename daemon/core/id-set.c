/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <openssl/evp.h>
#include <sys/random.h>

#include "daemon/core/id-set.h"

#define KEY_LEN      16U
#define ID_LEN_MAX   1536U /* of a key of the shared store */
#define CAPACITY_MIN 1024U

struct IdSet {
        uint8_t key[KEY_LEN];
        uint64_t *slots; /* open addressing; 0: empty */
        size_t capacity; /* a power of two; at most half of the slots are used */
        size_t n_ids;
};

int id_set_new(IdSet **ret)
{
        _cleanup_(id_set_freep) IdSet *set = calloc(1, sizeof(IdSet));

        if (!set)
                return -ENOMEM;
        if (getrandom(set->key, KEY_LEN, 0) != KEY_LEN)
                return -EIO;
        set->capacity = CAPACITY_MIN;
        set->slots = calloc(set->capacity, sizeof(uint64_t));
        if (!set->slots)
                return -ENOMEM;

        *ret = TAKE_PTR(set);
        return 0;
}

IdSet *id_set_free(IdSet *set)
{
        if (!set)
                return NULL;
        free(set->slots);
        free(set);
        return NULL;
}

/* Never returns 0, which marks an empty slot. */
static uint64_t digest(const IdSet *set, const char *id)
{
        uint8_t text[KEY_LEN + ID_LEN_MAX], md[EVP_MAX_MD_SIZE];
        size_t len = strnlen(id, ID_LEN_MAX);
        uint64_t value = 0;

        memcpy(text, set->key, KEY_LEN);
        memcpy(text + KEY_LEN, id, len);
        if (EVP_Digest(text, KEY_LEN + len, md, NULL, EVP_sha256(), NULL))
                memcpy(&value, md, sizeof(value));
        return value ?: 1;
}

/* The slot with the value, or the empty slot to insert it. */
static size_t find_slot(const uint64_t *slots, size_t capacity, uint64_t value)
{
        size_t i = value & (capacity - 1);

        while (slots[i] && slots[i] != value)
                i = (i + 1) & (capacity - 1);
        return i;
}

static int grow(IdSet *set)
{
        size_t capacity = set->capacity * 2;
        uint64_t *slots = calloc(capacity, sizeof(uint64_t));

        if (!slots)
                return -ENOMEM;
        for (size_t i = 0; i < set->capacity; i++)
                if (set->slots[i])
                        slots[find_slot(slots, capacity, set->slots[i])] = set->slots[i];
        free(set->slots);
        set->slots = slots;
        set->capacity = capacity;
        return 0;
}

int id_set_add(IdSet *set, const char *id)
{
        uint64_t value = digest(set, id);
        size_t slot;

        if (set->n_ids * 2 >= set->capacity && grow(set) < 0)
                return -ENOMEM;
        slot = find_slot(set->slots, set->capacity, value);
        if (!set->slots[slot]) {
                set->slots[slot] = value;
                set->n_ids++;
        }
        return 0;
}

bool id_set_has(const IdSet *set, const char *id)
{
        uint64_t value = digest(set, id);

        return set->slots[find_slot(set->slots, set->capacity, value)] == value;
}
