/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/intent.h"
#include "daemon/store/lmdb/codec.h"

/* The database values. Input is not trusted: an unknown version, truncation, trailing bytes or an
 * impossible value is -EBADMSG. Times are on the store's clock; ids are in the keys. */

/* A tenancy's row in the store. Numbers are never reused. */
typedef struct TenancyRecord {
        uint32_t number;
        uint64_t n_links;
} TenancyRecord;

typedef struct ExchangeRecord {
        uint32_t tenancy; /* tenancy number */
        uint64_t begun_at_ms;
        ExchangeIntent intent;
} ExchangeRecord;

typedef struct DeleteRecord {
        uint32_t tenancy;
        DeleteIntent intent;
} DeleteRecord;

/* A digest of an authenticator id or user id: tombstones must be small. */
#define SUBJECT_DIGEST_LEN 16U

typedef struct TombstoneRecord {
        uint32_t tenancy;
        uint64_t tombstoned_at_ms;
        uint8_t subject[SUBJECT_DIGEST_LEN];
} TombstoneRecord;

extern const RecordType tenancy_record;     /* TenancyRecord */
extern const RecordType tenancy_1_record;   /* TenancyRecord in schema 1 */
extern const RecordType idempotency_record; /* IdempotencyRecord */
extern const RecordType tombstone_record;   /* TombstoneRecord */
/*
 * Link. The record has the authenticator id only if the key has not all of it. To decode a record
 * of another link, set the authenticator id of the zeroed link first. Also decodes records of
 * schema 3, which have the id in any case, and of schema 2, which lack the link id.
 */
extern const RecordType link_record;
/* These also decode records of schema 2, which have neither endpoints nor link ids. */
extern const RecordType exchange_record; /* ExchangeRecord */
extern const RecordType delete_record;   /* DeleteRecord */

void exchange_record_clear(ExchangeRecord *record);
void delete_record_clear(DeleteRecord *record);

/* Decodes an allocated link. Returns 0, -ENOMEM or -EBADMSG. */
int record_to_link(const void *key, size_t key_len, const void *bytes, size_t len, Link **ret);
/* Likewise, with a valid authenticator id instead of the key. */
int record_to_link_of(const char *authenticator_id, const void *bytes, size_t len, Link **ret);
