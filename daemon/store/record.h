/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/answer.h"
#include "daemon/model/link.h"

/*
 * The values of the databases, as bytes. A record starts with the version of its encoding; numbers
 * are big-endian, a string is its length in two bytes and then itself, and one that may be missing
 * has a byte before it that tells. What is read is never trusted: a record of another version, cut
 * off, with something behind its end, or that says what cannot be, is -EBADMSG.
 */
typedef struct Record {
        uint8_t *bytes;
        size_t len;
} Record;

void record_clear(Record *record);

/* A tenancy of this store. Its number is never given to another one. */
typedef struct Tenancy {
        uint32_t number;
        uint64_t n_links;
        uint64_t unsettled_since_ms; /* see store_set_unsettled() */
} Tenancy;

/* All return 0, -ENOMEM, or -EINVAL for what could not be read again (a string that is missing or
 * of more than 64K; an answer without error and without principal; ids that are not valid). */
int record_from_tenancy(const Tenancy *tenancy, Record *ret);
int record_from_link(const Link *link, Record *ret);
int record_from_answer(const Answer *answer, Record *ret);

/* All return 0, -ENOMEM or -EBADMSG. What they give is the caller's. */
int record_to_tenancy(const void *bytes, size_t len, Tenancy *ret);
int record_to_link(const void *bytes, size_t len, Link **ret);
int record_to_answer(const void *bytes, size_t len, Answer *ret);
