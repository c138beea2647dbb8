/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/intent.h"
#include "daemon/store/codec.h"

/* Encoded intents and tombstones. Times are on the store's clock; ids are in the keys. */

typedef struct ExchangeRecord {
        uint32_t tenancy; /* tenancy number */
        uint64_t begun_at_ms;
        ExchangeIntent intent;
} ExchangeRecord;

typedef struct DeleteRecord {
        uint32_t tenancy;
        DeleteIntent intent;
} DeleteRecord;

/* A digest of the id of the authenticator, or of the user, since a decision must not need much
 * space. */
#define SUBJECT_DIGEST_LEN 16U

typedef struct TombstoneRecord {
        uint32_t tenancy;
        uint64_t tombstoned_at_ms;
        uint8_t subject[SUBJECT_DIGEST_LEN];
} TombstoneRecord;

/* Return values as in record.h. */
int record_from_exchange(const ExchangeRecord *exchange, Record *ret);
int record_from_delete(const DeleteRecord *delete, Record *ret);
int record_from_tombstone(const TombstoneRecord *tombstone, Record *ret);

/* Also an exchange or a delete of schema 2: without endpoint and ids of links. */
int record_to_exchange(const void *bytes, size_t len, ExchangeRecord *ret);
int record_to_delete(const void *bytes, size_t len, DeleteRecord *ret);
int record_to_tombstone(const void *bytes, size_t len, TombstoneRecord *ret);
