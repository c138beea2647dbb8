/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <openssl/sha.h>

#include "sandbox/webauthn/authdata.h"

enum {
        RP_ID_HASH_LEN = 32,
        AAGUID_LEN = 16,
        CREDENTIAL_ID_MAX = 1023,
};

static int take(Span *input, size_t len, Span *ret)
{
        if (input->len < len)
                return -EBADMSG;
        *ret = (Span){input->data, len};
        *input = (Span){input->data + len, input->len - len};
        return 0;
}

/* Big-endian, at most four bytes. */
static int take_number(Span *input, size_t len, uint32_t *ret)
{
        uint32_t value = 0;
        Span bytes;
        int r;

        r = take(input, len, &bytes);
        if (r < 0)
                return r;
        for (size_t i = 0; i < len; i++)
                value = value << 8 | bytes.data[i];
        *ret = value;
        return 0;
}

static int take_map(Span *input, Span *ret)
{
        CborItem item;
        int r;

        r = cbor_item_take(input, &item);
        if (r < 0)
                return r;
        if (item.type != CBOR_MAP)
                return -EBADMSG;
        *ret = item.whole;
        return 0;
}

static int take_attested(Span *input, AuthData *data)
{
        uint32_t len;
        int r;

        r = take(input, AAGUID_LEN, &data->aaguid);
        if (r < 0)
                return r;
        r = take_number(input, 2, &len);
        if (r < 0)
                return r;
        if (len < 1 || len > CREDENTIAL_ID_MAX)
                return -EBADMSG;
        r = take(input, len, &data->credential_id);
        if (r < 0)
                return r;
        return take_map(input, &data->public_key);
}

int authdata_parse(Span input, AuthData *ret)
{
        AuthData data = {};
        Span extensions;
        uint32_t flags;
        int r;

        r = take(&input, RP_ID_HASH_LEN, &data.rp_id_hash);
        if (r < 0)
                return r;
        r = take_number(&input, 1, &flags);
        if (r < 0)
                return r;
        data.flags = (uint8_t) flags;
        r = take_number(&input, 4, &data.counter);
        if (r < 0)
                return r;
        if (data.flags & AUTHDATA_ATTESTED) {
                r = take_attested(&input, &data);
                if (r < 0)
                        return r;
        }
        if (data.flags & AUTHDATA_EXTENSIONS) {
                r = take_map(&input, &extensions);
                if (r < 0)
                        return r;
        }
        if (input.len > 0)
                return -EBADMSG;
        *ret = data;
        return 0;
}

bool authdata_verify(Span auth_data, Span client_data, EVP_PKEY *key, int algorithm, Span signature)
{
        _cleanup_(freep) uint8_t *message = must(malloc(auth_data.len + SHA256_DIGEST_LENGTH));

        memcpy(message, auth_data.data, auth_data.len);
        SHA256(client_data.data, client_data.len, message + auth_data.len);
        return cose_verify(key, algorithm, (Span){message, auth_data.len + SHA256_DIGEST_LENGTH},
                           signature);
}
