/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <cbor.h>

#include "sandbox/macro.h"

/*
 * CBOR maps, decoded by libcbor, for the parts of an object that libfido2 takes apart or does not
 * check.
 */

typedef struct Span {
        const uint8_t *data;
        size_t len;
} Span;

/* For spans that own their bytes. */
static inline void span_free(Span *span)
{
        free((void *) span->data);
}

static inline Span span_from(Span span, size_t n)
{
        return (Span){span.data + n, span.len - n};
}

/*
 * Decodes a definite-length map at the start of the input, and advances the input. Returns an owned
 * map, or NULL.
 */
cbor_item_t *cbor_map_take(Span *input);

/* Returns the value of a text key, lent, or NULL if the key is missing or duplicate. */
cbor_item_t *cbor_map_get(const cbor_item_t *map, const char *key);

/* Returns true if the item is a definite-length string with this text. */
bool cbor_text_equals(const cbor_item_t *item, const char *text);

static inline void cbor_decrefp(cbor_item_t **p)
{
        if (*p)
                cbor_decref(p);
}
