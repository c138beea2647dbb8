/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <endian.h>
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "base/log.h"
#include "daemon/store/lmdb/key.h"

#define DIGEST_LEN      32U
#define USER_DIGEST_LEN 16U

static void key_append(StoreKey *key, const void *bytes, size_t len)
{
        assert(len <= KEY_LEN_MAX - key->len);
        memcpy(key->bytes + key->len, bytes, len);
        key->len += len;
}

static const EVP_MD *sha256;

/* EVP_sha256() is fetched again for each digest, which takes longer than the digest of an id. */
static void fetch_sha256(void)
{
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL) ?: EVP_sha256();
}

static int digest_id(const char *id, size_t len, uint8_t ret[static DIGEST_LEN])
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;

        (void) pthread_once(&once, fetch_sha256);
        if (!EVP_Digest(id, len, ret, NULL, sha256, NULL))
                return log_errno_origin(-EIO);
        return 0;
}

void key_for_tenancy(uint32_t tenancy, StoreKey *ret)
{
        uint32_t number = htobe32(tenancy);

        ret->len = 0;
        key_append(ret, &number, sizeof(number));
}

int key_for_link(uint32_t tenancy, const char *authenticator_id, StoreKey *ret)
{
        size_t len = strlen(authenticator_id);
        uint8_t digest[DIGEST_LEN];
        int r;

        key_for_tenancy(tenancy, ret);
        if (len <= KEY_ID_LEN_MAX) {
                key_append(ret, authenticator_id, len);
                return 0;
        }

        r = digest_id(authenticator_id, len, digest);
        if (r < 0)
                return r;
        key_append(ret, authenticator_id, KEY_LEN_MAX - KEY_TENANCY_LEN - DIGEST_LEN);
        key_append(ret, digest, DIGEST_LEN);
        return 0;
}

int key_for_link_bytes(uint32_t tenancy, const void *authenticator, size_t len, StoreKey *ret)
{
        if (len == 0 || len > KEY_LEN_MAX - KEY_TENANCY_LEN)
                return -EBADMSG;
        key_for_tenancy(tenancy, ret);
        key_append(ret, authenticator, len);
        return 0;
}

int key_parse_link(const void *bytes, size_t len, char **ret)
{
        const char *authenticator = (const char *) bytes + KEY_TENANCY_LEN;
        char *id = NULL;

        if (len <= KEY_TENANCY_LEN || len > KEY_LEN_MAX)
                return -EBADMSG;
        len -= KEY_TENANCY_LEN;
        if (len <= KEY_ID_LEN_MAX) {
                if (memchr(authenticator, '\0', len))
                        return -EBADMSG;
                id = strndup(authenticator, len);
                if (!id)
                        return -ENOMEM;
        }
        *ret = id;
        return 0;
}

int key_for_user(uint32_t tenancy, const char *user_id, StoreKey *ret)
{
        uint8_t digest[DIGEST_LEN];
        int r;

        r = digest_id(user_id, strlen(user_id), digest);
        if (r < 0)
                return r;
        key_for_tenancy(tenancy, ret);
        key_append(ret, digest, USER_DIGEST_LEN);
        return 0;
}

void key_for_user_3(uint32_t tenancy, const char *user_id, StoreKey *ret)
{
        key_for_tenancy(tenancy, ret);
        key_append(ret, user_id, strlen(user_id));
}

void key_for_expiry(uint64_t expires_at_ms, const uint8_t digest[static IDEMPOTENCY_KEY_LEN],
                    StoreKey *ret)
{
        uint64_t time = htobe64(expires_at_ms);

        ret->len = 0;
        key_append(ret, &time, sizeof(time));
        key_append(ret, digest, IDEMPOTENCY_KEY_LEN);
}

int key_parse_expiry(const void *bytes, size_t len, uint64_t *ret_expires_at_ms,
                     uint8_t ret_digest[static IDEMPOTENCY_KEY_LEN])
{
        uint64_t time;

        if (len != sizeof(time) + IDEMPOTENCY_KEY_LEN)
                return -EBADMSG;
        memcpy(&time, bytes, sizeof(time));
        memcpy(ret_digest, (const uint8_t *) bytes + sizeof(time), IDEMPOTENCY_KEY_LEN);
        *ret_expires_at_ms = be64toh(time);
        return 0;
}

void key_for_id(uint64_t id, StoreKey *ret)
{
        uint64_t number = htobe64(id);

        ret->len = 0;
        key_append(ret, &number, sizeof(number));
}

int key_parse_id(const void *bytes, size_t len, uint64_t *ret_id)
{
        uint64_t number;

        if (len != sizeof(number))
                return -EBADMSG;
        memcpy(&number, bytes, sizeof(number));
        *ret_id = be64toh(number);
        return 0;
}
