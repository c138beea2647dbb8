/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/idempotency-record.h"
#include "daemon/model/link.h"
#include "daemon/store/encoding.h"

/*
 * The values of the databases, as bytes; see encoding.h. A record is not trusted: one of another
 * version, cut off, with bytes behind its end, or that says something impossible, is -EBADMSG.
 */

/* A tenancy of this store. Its number is never given to another one. */
typedef struct TenancyRecord {
        uint32_t number;
        uint64_t n_links;
} TenancyRecord;

/* All return 0, -ENOMEM, or -EINVAL for what could not be read again (a string that is missing or
 * of more than 64K; an answer without error and without principal; ids that are not valid). */
int record_from_tenancy(const TenancyRecord *tenancy, Record *ret);
int record_from_link(const Link *link, Record *ret);
int record_from_idempotency(const IdempotencyRecord *answer, Record *ret);

/* All return 0, -ENOMEM or -EBADMSG. What they give is the caller's. */
int record_to_tenancy(const void *bytes, size_t len, TenancyRecord *ret);
/* The same from a store of schema 1. */
int record_to_tenancy_1(const void *bytes, size_t len, TenancyRecord *ret);
int record_to_link(const void *bytes, size_t len, Link **ret);
int record_to_idempotency(const void *bytes, size_t len, IdempotencyRecord *ret);
