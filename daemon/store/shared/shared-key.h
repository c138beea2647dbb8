/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/idempotency-record.h"

/*
 * The keys of a shared store, as texts without the prefix of the configuration:
 *
 *        links/TENANCY/AUTHENTICATOR      a link
 *        users/TENANCY/SHARD              changed with each new link of a user of that shard; the
 *                                         first two bytes of SHA-256 of the user id, in hex
 *        answers/KEY                      an idempotency record, in hex
 *        exchanges/TENANCY/ID             an open exchange, in hex
 *        deletes/TENANCY/ID               an open delete in the vault
 *        tombstones/TENANCY/ID            a tombstone
 *        hosts/NUMBER                     a host
 *        alive/NUMBER                     exists while the host is not away
 *        history/restored                 see restore-record.h
 *        history/latest                   see LOG_LATEST_KEY
 *
 * In a tenancy id, % and / are percent-encoded. Values are those of lmdb/record.h, with 0 for the
 * number of the tenancy, which differs between hosts.
 */
typedef enum SharedKind {
        SHARED_LINK,
        SHARED_USER,
        SHARED_ANSWER,
        SHARED_EXCHANGE,
        SHARED_DELETE,
        SHARED_TOMBSTONE,
        SHARED_HOST,
        SHARED_ALIVE,
        SHARED_HISTORY,
} SharedKind;

#define SHARED_KEYS_TOMBSTONES "tombstones/"
#define SHARED_KEYS_HISTORY    "history/"

/* Return the key, which the caller frees; NULL if out of memory. */
char *shared_key_for_link(const char *tenancy_id, const char *authenticator_id);
/* `digest`: SHA-256 of the user id, or its beginning. */
char *shared_key_for_user(const char *tenancy_id, const uint8_t digest[static 2]);
char *shared_key_for_answer(const uint8_t key[static IDEMPOTENCY_KEY_LEN]);
/* `kind`: SHARED_EXCHANGE, SHARED_DELETE or SHARED_TOMBSTONE. */
char *shared_key_for_id(SharedKind kind, const char *tenancy_id, uint64_t id);

/* Whether the key is one of SHARED_USER, which is written without a value. */
bool shared_key_is_mark(const char *key);
char *shared_key_for_alive(unsigned host);

typedef struct SharedKey {
        SharedKind kind;
        char *tenancy_id;       /* NULL: none */
        char *authenticator_id; /* of a link */
        uint64_t id;
        uint8_t answer[IDEMPOTENCY_KEY_LEN];
} SharedKey;

/* Parses a key, which is not trusted. Returns 0, -ENOMEM, or -EBADMSG also for an unknown kind. */
int shared_key_parse(const char *key, SharedKey *ret);
void shared_key_clear(SharedKey *key);
