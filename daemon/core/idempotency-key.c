/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <endian.h>
#include <errno.h>
#include <openssl/evp.h>

#include "daemon/core/idempotency-key.h"

/* Prefixes each part with its length, so that different requests never hash the same bytes. */
static bool digest_part(EVP_MD_CTX *md, const void *part, size_t len)
{
        uint64_t prefix = htole64(len);

        return EVP_DigestUpdate(md, &prefix, sizeof(prefix)) && EVP_DigestUpdate(md, part, len);
}

static void evp_md_ctx_freep(EVP_MD_CTX **md)
{
        EVP_MD_CTX_free(*md);
}

int idempotency_key_digest(const char *tenancy_id, const ExchangeRequest *request,
                           uint8_t ret_key[static IDEMPOTENCY_KEY_LEN])
{
        _cleanup_(evp_md_ctx_freep) EVP_MD_CTX *md = EVP_MD_CTX_new();
        uint32_t uid = htole32(request->uid);

        if (!md || !EVP_DigestInit_ex(md, EVP_sha256(), NULL) ||
            !digest_part(md, tenancy_id, strlen(tenancy_id)) ||
            !digest_part(md, &uid, sizeof(uid)) ||
            !digest_part(md, request->code, strlen(request->code)) ||
            !digest_part(md, request->request_id, strlen(request->request_id)) ||
            !EVP_DigestFinal_ex(md, ret_key, NULL))
                return -ENOMEM;
        return 0;
}
