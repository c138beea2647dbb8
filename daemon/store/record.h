/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/intent.h"
#include "daemon/store/codec.h"

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
/* These also decode records of schema 2, which have neither endpoints nor link ids. */
extern const RecordType link_record;     /* Link */
extern const RecordType exchange_record; /* ExchangeRecord */
extern const RecordType delete_record;   /* DeleteRecord */

void exchange_record_clear(ExchangeRecord *record);
void delete_record_clear(DeleteRecord *record);

/* record_decode() of an allocated link. */
int record_to_link(const void *bytes, size_t len, Link **ret);
