/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox/webauthn/cbor-map.h"

cbor_item_t *cbor_map_take(Span *input)
{
        struct cbor_load_result result;
        _cleanup_(cbor_decrefp) cbor_item_t *map = NULL;

        map = cbor_load(input->data, input->len, &result);
        if (!map || !cbor_isa_map(map) || !cbor_map_is_definite(map))
                return NULL;
        *input = (Span){input->data + result.read, input->len - result.read};
        return TAKE_PTR(map);
}

bool cbor_text_equals(const cbor_item_t *item, const char *text)
{
        return cbor_isa_string(item) && cbor_string_is_definite(item) &&
               cbor_string_length(item) == strlen(text) &&
               memcmp(cbor_string_handle(item), text, strlen(text)) == 0;
}

cbor_item_t *cbor_map_get(const cbor_item_t *map, const char *key)
{
        const struct cbor_pair *pairs = cbor_map_handle(map);
        cbor_item_t *value = NULL;

        for (size_t i = 0; i < cbor_map_size(map); i++) {
                if (!cbor_text_equals(pairs[i].key, key))
                        continue;
                if (value)
                        return NULL;
                value = pairs[i].value;
        }
        return value;
}
