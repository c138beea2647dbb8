/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"
#include "daemon/model/idempotency-record.h"

/*
 * Database keys. LMDB limits keys to 511 bytes, so a tenancy is a number:
 *
 *        link     tenancy (4 bytes, big-endian) ‖ authenticator
 *        user     tenancy (4 bytes, big-endian) ‖ SHA-256 of the user id, its first 16 bytes
 *        user 3   tenancy (4 bytes, big-endian) ‖ user id: up to schema 3
 *        expiry   expires_at_ms (8 bytes, big-endian) ‖ digest of the idempotency key
 *        intent   id (8 bytes, big-endian); deletes and tombstones likewise
 *
 * The authenticator is its id up to KEY_ID_LEN_MAX bytes; a longer id is a prefix and its SHA-256.
 * The hashed form is one byte longer than any literal id, so the two cannot collide.
 */
#define KEY_LEN_MAX     511U
#define KEY_TENANCY_LEN 4U
#define KEY_ID_LEN_MAX  (KEY_LEN_MAX - KEY_TENANCY_LEN - 1U)

typedef struct StoreKey {
        size_t len;
        uint8_t bytes[KEY_LEN_MAX];
} StoreKey;

/* Whether a link key has all of the id. */
static inline bool key_has_id(const char *authenticator_id)
{
        return strnlen(authenticator_id, KEY_ID_LEN_MAX + 1) <= KEY_ID_LEN_MAX;
}

/* The ids must be valid. -EIO if the digest fails. */
int key_for_link(uint32_t tenancy, const char *authenticator_id, StoreKey *ret);
int key_for_user(uint32_t tenancy, const char *user_id, StoreKey *ret);
void key_for_user_3(uint32_t tenancy, const char *user_id, StoreKey *ret);
void key_for_expiry(uint64_t expires_at_ms, const uint8_t digest[static IDEMPOTENCY_KEY_LEN],
                    StoreKey *ret);

void key_for_id(uint64_t id, StoreKey *ret);

/* The lowest possible link key of a tenancy. */
void key_for_tenancy(uint32_t tenancy, StoreKey *ret);

/* Rebuilds a link key from its authenticator bytes. Returns 0 or -EBADMSG. */
int key_for_link_bytes(uint32_t tenancy, const void *authenticator, size_t len, StoreKey *ret);

/* Copies the authenticator id of a link key, unchecked; NULL if the key has not all of it. Returns
 * 0, -ENOMEM or -EBADMSG. */
int key_parse_link(const void *bytes, size_t len, char **ret);

/* Parses an expiry key. Returns 0 or -EBADMSG. */
int key_parse_expiry(const void *bytes, size_t len, uint64_t *ret_expires_at_ms,
                     uint8_t ret_digest[static IDEMPOTENCY_KEY_LEN]);

/* Parses an intent key. Returns 0 or -EBADMSG. */
int key_parse_id(const void *bytes, size_t len, uint64_t *ret_id);
