/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/idempotency-record.h"
#include "daemon/model/link.h"
#include "daemon/store/codec.h"

/* Encoded database values; see encoding.h. Input is not trusted: an unknown version, truncation,
 * trailing bytes or an impossible value is -EBADMSG. */

/* A tenancy's row in the store. Numbers are never reused. */
typedef struct TenancyRecord {
        uint32_t number;
        uint64_t n_links;
} TenancyRecord;

/* Return 0, -ENOMEM, or -EINVAL for an object that decoding would refuse. */
int record_from_tenancy(const TenancyRecord *tenancy, Record *ret);
int record_from_link(const Link *link, Record *ret);
int record_from_idempotency(const IdempotencyRecord *answer, Record *ret);

/* Return 0, -ENOMEM or -EBADMSG. Results are owned by the caller. */
int record_to_tenancy(const void *bytes, size_t len, TenancyRecord *ret);
/* Decodes the format of schema version 1. */
int record_to_tenancy_1(const void *bytes, size_t len, TenancyRecord *ret);
/* Also one of schema 2, which has no id. */
int record_to_link(const void *bytes, size_t len, Link **ret);
int record_to_idempotency(const void *bytes, size_t len, IdempotencyRecord *ret);
