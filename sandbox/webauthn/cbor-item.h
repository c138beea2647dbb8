/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/*
 * A reader of CBOR (RFC 8949) for untrusted bytes: it allocates nothing, looks at no byte outside
 * its input, and knows only what authenticators use: definite lengths, no tags, little nesting.
 */

typedef struct Span {
        const uint8_t *data;
        size_t len;
} Span;

typedef enum CborType {
        CBOR_UNSIGNED,
        CBOR_NEGATIVE,
        CBOR_BYTES,
        CBOR_TEXT,
        CBOR_ARRAY,
        CBOR_MAP,
        CBOR_TAG,
        CBOR_SIMPLE,
} CborType;

/* One item, lent by the input. */
typedef struct CborItem {
        CborType type;
        uint64_t value; /* the number itself (a negative one is -1 - value), or the count */
        Span whole;     /* the encoded item */
        Span content;   /* what follows the head: the string, or the encoded members */
} CborItem;

/* Takes one whole item off the front of the input. Returns 0 or -EBADMSG. */
int cbor_item_take(Span *input, CborItem *ret);

/* Reads bytes that are one item and nothing else. Returns 0 or -EBADMSG. */
int cbor_item_read(Span input, CborItem *ret);

/*
 * Finds a member of a map by its text or integer key. Returns 0, -ENOENT, or -EBADMSG if this is no
 * map or the key is there twice.
 */
int cbor_item_get(const CborItem *map, const char *key, CborItem *ret);
int cbor_item_get_int(const CborItem *map, int64_t key, CborItem *ret);

/* True if the item is exactly this text, or exactly this integer. */
bool cbor_item_is_text(const CborItem *item, const char *text);
bool cbor_item_is_int(const CborItem *item, int64_t value);
