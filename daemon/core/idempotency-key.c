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

static bool digest_uid(EVP_MD_CTX *md, uid_t uid)
{
        uint32_t number = htole32(uid);

        return digest_part(md, &number, sizeof(number));
}

/* The kind keeps a grant that is named "root" apart from root. */
static bool digest_shared_caller(EVP_MD_CTX *md, const ExchangeRequest *request)
{
        const char *kind = request->grant ? "grant" : request->uid == 0 ? "root" : "uid";

        if (!digest_part(md, kind, strlen(kind)))
                return false;
        if (request->grant)
                return digest_part(md, request->grant, strlen(request->grant));
        return request->uid == 0 || digest_uid(md, request->uid);
}

int idempotency_key_digest(const char *tenancy_id, const ExchangeRequest *request, bool is_shared,
                           uint8_t ret_key[static IDEMPOTENCY_KEY_LEN])
{
        _cleanup_(evp_md_ctx_freep) EVP_MD_CTX *md = EVP_MD_CTX_new();

        if (!md || !EVP_DigestInit_ex(md, EVP_sha256(), NULL) ||
            !digest_part(md, tenancy_id, strlen(tenancy_id)) ||
            !(is_shared ? digest_shared_caller(md, request) : digest_uid(md, request->uid)) ||
            !digest_part(md, request->code, strlen(request->code)) ||
            !digest_part(md, request->request_id, strlen(request->request_id)) ||
            !EVP_DigestFinal_ex(md, ret_key, NULL))
                return -ENOMEM;
        return 0;
}
