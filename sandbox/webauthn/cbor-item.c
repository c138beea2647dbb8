/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "sandbox/webauthn/cbor-item.h"

enum {
        DEPTH_MAX = 8,
};

static Span span_after(Span span, size_t n)
{
        return (Span){span.data + n, span.len - n};
}

/* Reads the first byte and the number that it announces. */
static int take_head(Span *input, CborType *ret_type, uint64_t *ret_value)
{
        uint64_t value = 0;
        size_t n;

        if (input->len < 1)
                return -EBADMSG;
        *ret_type = input->data[0] >> 5;
        *ret_value = input->data[0] & 31;
        if (*ret_value < 24) {
                *input = span_after(*input, 1);
                return 0;
        }
        if (*ret_value > 27)
                return -EBADMSG;
        n = (size_t) 1 << (*ret_value - 24);
        if (input->len < 1 + n)
                return -EBADMSG;
        for (size_t i = 1; i <= n; i++)
                value = value << 8 | input->data[i];
        *ret_value = value;
        *input = span_after(*input, 1 + n);
        return 0;
}

static int skip(Span *input, unsigned depth, CborType *ret_type, uint64_t *ret_value,
                Span *ret_content);

/* Each member takes at least a byte, so a count beyond the input ends at once. */
static int skip_members(Span *input, uint64_t n, unsigned depth)
{
        if (depth == 0)
                return -EBADMSG;
        for (; n > 0; n--) {
                CborType type;
                uint64_t value;
                Span content;
                int r;

                r = skip(input, depth - 1, &type, &value, &content);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int skip(Span *input, unsigned depth, CborType *ret_type, uint64_t *ret_value,
                Span *ret_content)
{
        int r;

        r = take_head(input, ret_type, ret_value);
        if (r < 0)
                return r;
        *ret_content = *input;
        switch (*ret_type) {
        case CBOR_BYTES:
        case CBOR_TEXT:
                if (*ret_value > input->len)
                        return -EBADMSG;
                *input = span_after(*input, *ret_value);
                break;
        case CBOR_ARRAY:
        case CBOR_MAP:
                if (*ret_value > input->len)
                        return -EBADMSG;
                r = skip_members(input, *ret_type == CBOR_MAP ? 2 * *ret_value : *ret_value, depth);
                if (r < 0)
                        return r;
                break;
        case CBOR_TAG:
                return -EBADMSG;
        default:
                break;
        }
        ret_content->len -= input->len;
        return 0;
}

int cbor_item_take(Span *input, CborItem *ret)
{
        CborItem item = {.whole = *input};
        Span rest = *input;
        int r;

        r = skip(&rest, DEPTH_MAX, &item.type, &item.value, &item.content);
        if (r < 0)
                return r;
        item.whole.len -= rest.len;
        *input = rest;
        *ret = item;
        return 0;
}

int cbor_item_read(Span input, CborItem *ret)
{
        CborItem item;
        int r;

        r = cbor_item_take(&input, &item);
        if (r < 0)
                return r;
        if (input.len > 0)
                return -EBADMSG;
        *ret = item;
        return 0;
}

bool cbor_item_is_text(const CborItem *item, const char *text)
{
        return item->type == CBOR_TEXT && item->content.len == strlen(text) &&
               memcmp(item->content.data, text, item->content.len) == 0;
}

bool cbor_item_is_int(const CborItem *item, int64_t value)
{
        if (value < 0)
                return item->type == CBOR_NEGATIVE && item->value == (uint64_t) (-1 - value);
        return item->type == CBOR_UNSIGNED && item->value == (uint64_t) value;
}

/* With a text the key is that text, without one the integer. */
static int map_get(const CborItem *map, const char *text, int64_t number, CborItem *ret)
{
        Span rest = map->content;
        bool found = false;
        CborItem hit;

        if (map->type != CBOR_MAP)
                return -EBADMSG;
        while (rest.len > 0) {
                CborItem key, value;

                if (cbor_item_take(&rest, &key) < 0 || cbor_item_take(&rest, &value) < 0)
                        return -EBADMSG;
                if (text ? !cbor_item_is_text(&key, text) : !cbor_item_is_int(&key, number))
                        continue;
                if (found)
                        return -EBADMSG;
                found = true;
                hit = value;
        }
        if (!found)
                return -ENOENT;
        *ret = hit;
        return 0;
}

int cbor_item_get(const CborItem *map, const char *key, CborItem *ret)
{
        return map_get(map, key, 0, ret);
}

int cbor_item_get_int(const CborItem *map, int64_t key, CborItem *ret)
{
        return map_get(map, NULL, key, ret);
}
