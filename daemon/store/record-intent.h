/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/intent.h"
#include "daemon/store/encoding.h"

/* The records of calls that were begun, and of decisions that keep crash recovery from making a
 * link. Times are the store's; ids are in the keys. */

typedef struct ExchangeRecord {
        uint32_t tenancy; /* its number */
        uint64_t begun_at_ms;
        ExchangeIntent intent;
} ExchangeRecord;

typedef struct DeleteRecord {
        uint32_t tenancy;
        char **authenticator_ids;
} DeleteRecord;

/* A digest of the authenticator's id, since a tombstone must not need much space. */
#define AUTHENTICATOR_DIGEST_LEN 16U

typedef struct TombstoneRecord {
        uint32_t tenancy;
        uint64_t tombstoned_at_ms;
        uint8_t authenticator[AUTHENTICATOR_DIGEST_LEN];
} TombstoneRecord;

/* As in record.h. */
int record_from_exchange(const ExchangeRecord *exchange, Record *ret);
int record_from_delete(const DeleteRecord *delete, Record *ret);
int record_from_tombstone(const TombstoneRecord *tombstone, Record *ret);

int record_to_exchange(const void *bytes, size_t len, ExchangeRecord *ret);
int record_to_delete(const void *bytes, size_t len, DeleteRecord *ret);
int record_to_tombstone(const void *bytes, size_t len, TombstoneRecord *ret);
