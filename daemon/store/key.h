/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"
#include "daemon/model/idempotency-record.h"

/*
 * The keys of the databases. LMDB's are at most 511 bytes, so a tenancy is a number in them:
 *
 *        link     tenancy (4 bytes, big-endian) ‖ authenticator
 *        user     tenancy (4 bytes, big-endian) ‖ user id
 *        expiry   expires_at_ms (8 bytes, big-endian) ‖ the answer's digest
 *        intent   id (8 bytes, big-endian); the same for a delete and a decision
 *
 * The authenticator is its id, if that is at most KEY_ID_LEN_MAX bytes, and else the head of the id
 * and the SHA-256 of all of it. The latter is one byte longer than any id that stands for itself,
 * so that no id can be chosen to equal another's key.
 */
#define KEY_LEN_MAX     511U
#define KEY_TENANCY_LEN 4U
#define KEY_ID_LEN_MAX  (KEY_LEN_MAX - KEY_TENANCY_LEN - 1U)

typedef struct StoreKey {
        size_t len;
        uint8_t bytes[KEY_LEN_MAX];
} StoreKey;

/* The ids are valid ones. Fails only where the digest does, with -EIO. */
int key_for_link(uint32_t tenancy, const char *authenticator_id, StoreKey *ret);
void key_for_user(uint32_t tenancy, const char *user_id, StoreKey *ret);
void key_for_expiry(uint64_t expires_at_ms, const uint8_t digest[static IDEMPOTENCY_KEY_LEN],
                    StoreKey *ret);

void key_for_id(uint64_t id, StoreKey *ret);

/* The key of a tenancy's first link is not less than this, nor is any other of its. */
void key_for_tenancy(uint32_t tenancy, StoreKey *ret);

/* From the bytes of an authenticator in a link's key. Returns 0, or -EBADMSG if it cannot be one.
 */
int key_for_link_bytes(uint32_t tenancy, const void *authenticator, size_t len, StoreKey *ret);

/* From the bytes of an expiry's key. Returns 0, or -EBADMSG if it cannot be one. */
int key_parse_expiry(const void *bytes, size_t len, uint64_t *ret_expires_at_ms,
                     uint8_t ret_digest[static IDEMPOTENCY_KEY_LEN]);

/* The same for an id. */
int key_parse_id(const void *bytes, size_t len, uint64_t *ret_id);
