/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <endian.h>
#include <errno.h>

#include "daemon/model/valid.h"
#include "daemon/store/record.h"
#include "dbus/error.h"

#define RECORD_VERSION 1

enum {
        ANSWER_LINKED = 1 << 0,
        ANSWER_NEWLY_LINKED = 1 << 1,
        ANSWER_FLAGS = ANSWER_LINKED | ANSWER_NEWLY_LINKED,
};

enum {
        PRINCIPAL_VERIFIED = 1 << 0,
        PRINCIPAL_USER_VERIFIED = 1 << 1,
        PRINCIPAL_FLAGS = PRINCIPAL_VERIFIED | PRINCIPAL_USER_VERIFIED,
};

/* Writing: once without bytes, to learn how many there are, and then in earnest. */
typedef struct Encoder {
        uint8_t *bytes;
        size_t len;
        bool invalid;
} Encoder;

static void put(Encoder *e, const void *bytes, size_t len)
{
        if (e->bytes)
                memcpy(e->bytes + e->len, bytes, len);
        e->len += len;
}

static void put_u8(Encoder *e, uint8_t value)
{
        put(e, &value, sizeof(value));
}

static void put_u32(Encoder *e, uint32_t value)
{
        value = htobe32(value);
        put(e, &value, sizeof(value));
}

static void put_u64(Encoder *e, uint64_t value)
{
        value = htobe64(value);
        put(e, &value, sizeof(value));
}

static void put_string(Encoder *e, const char *s)
{
        size_t len = s ? strlen(s) : 0;
        uint16_t n = htobe16((uint16_t) len);

        if (!s || len > UINT16_MAX) {
                e->invalid = true;
                return;
        }
        put(e, &n, sizeof(n));
        put(e, s, len);
}

static void put_optional_string(Encoder *e, const char *s)
{
        put_u8(e, s ? 1 : 0);
        if (s)
                put_string(e, s);
}

static void encode_tenancy(Encoder *e, const void *object)
{
        const Tenancy *tenancy = object;

        put_u32(e, tenancy->number);
        put_u64(e, tenancy->n_links);
        put_u64(e, tenancy->unsettled_since_ms);
}

static void encode_link(Encoder *e, const void *object)
{
        const Link *link = object;

        if (!id_is_valid(link->authenticator_id) || !user_id_is_valid(link->user_id))
                e->invalid = true;
        put_string(e, link->authenticator_id);
        put_string(e, link->user_id);
        put_optional_string(e, link->platform_name);
        put_u64(e, link->created_at_ms);
        put_u64(e, link->last_used_at_ms);
}

static void encode_principal(Encoder *e, const Principal *principal)
{
        put_string(e, principal->id);
        put_string(e, principal->user_id);
        put_string(e, principal->authenticator_id);
        put_string(e, principal->authenticator_type);
        put_optional_string(e, principal->platform_name);
        put_optional_string(e, principal->ip_address);
        put_optional_string(e, principal->user_agent);
        put_u64(e, principal->created_at_ms);
        put_u64(e, principal->expires_at_ms);
        put_u8(e, (principal->verified ? PRINCIPAL_VERIFIED : 0) |
                          (principal->user_verified ? PRINCIPAL_USER_VERIFIED : 0));
}

static void encode_answer(Encoder *e, const void *object)
{
        const Answer *answer = object;

        if (answer->error < 0 || answer->error > ERROR_MAX || !answer->error != !!answer->principal)
                e->invalid = true;
        put_u64(e, answer->expires_at_ms);
        put_u8(e, (uint8_t) answer->error);
        put_u8(e, (answer->linked ? ANSWER_LINKED : 0) |
                          (answer->newly_linked ? ANSWER_NEWLY_LINKED : 0));
        if (answer->principal)
                encode_principal(e, answer->principal);
}

static int encode(void (*encode_object)(Encoder *e, const void *object), const void *object,
                  Record *ret)
{
        Encoder e = {};

        put_u8(&e, RECORD_VERSION);
        encode_object(&e, object);
        if (e.invalid)
                return -EINVAL;

        e.bytes = malloc(e.len);
        if (!e.bytes)
                return -ENOMEM;
        e.len = 0;
        put_u8(&e, RECORD_VERSION);
        encode_object(&e, object);
        *ret = (Record){.bytes = e.bytes, .len = e.len};
        return 0;
}

int record_from_tenancy(const Tenancy *tenancy, Record *ret)
{
        return encode(encode_tenancy, tenancy, ret);
}

int record_from_link(const Link *link, Record *ret)
{
        return encode(encode_link, link, ret);
}

int record_from_answer(const Answer *answer, Record *ret)
{
        return encode(encode_answer, answer, ret);
}

void record_clear(Record *record)
{
        free(record->bytes);
        *record = (Record){};
}

/* Reading: after the first failure there is nothing left, and r tells what it was. */
typedef struct Decoder {
        const uint8_t *bytes;
        size_t left;
        int r;
} Decoder;

static void fail(Decoder *d, int r)
{
        if (d->r == 0)
                d->r = r;
        d->left = 0;
}

static const void *take(Decoder *d, size_t len)
{
        const uint8_t *bytes = d->bytes;

        if (d->r < 0 || len > d->left) {
                fail(d, -EBADMSG);
                return NULL;
        }
        d->bytes += len;
        d->left -= len;
        return bytes;
}

static uint8_t take_u8(Decoder *d)
{
        const uint8_t *bytes = take(d, 1);

        return bytes ? *bytes : 0;
}

static uint8_t take_flags(Decoder *d, uint8_t known)
{
        uint8_t flags = take_u8(d);

        if (flags & ~known)
                fail(d, -EBADMSG);
        return flags;
}

static uint16_t take_u16(Decoder *d)
{
        const void *bytes = take(d, sizeof(uint16_t));
        uint16_t value = 0;

        if (bytes)
                memcpy(&value, bytes, sizeof(value));
        return be16toh(value);
}

static uint32_t take_u32(Decoder *d)
{
        const void *bytes = take(d, sizeof(uint32_t));
        uint32_t value = 0;

        if (bytes)
                memcpy(&value, bytes, sizeof(value));
        return be32toh(value);
}

static uint64_t take_u64(Decoder *d)
{
        const void *bytes = take(d, sizeof(uint64_t));
        uint64_t value = 0;

        if (bytes)
                memcpy(&value, bytes, sizeof(value));
        return be64toh(value);
}

/* A copy, or NULL if that failed. */
static char *take_string(Decoder *d)
{
        size_t len = take_u16(d);
        const char *bytes = take(d, len);
        char *s;

        if (!bytes)
                return NULL;
        if (memchr(bytes, '\0', len)) {
                fail(d, -EBADMSG);
                return NULL;
        }
        s = strndup(bytes, len);
        if (!s)
                fail(d, -ENOMEM);
        return s;
}

static char *take_optional_string(Decoder *d)
{
        return take_flags(d, 1) ? take_string(d) : NULL;
}

static Decoder decoder_start(const void *bytes, size_t len)
{
        Decoder d = {.bytes = bytes, .left = len};

        if (take_u8(&d) != RECORD_VERSION)
                fail(&d, -EBADMSG);
        return d;
}

static int decoder_end(Decoder *d)
{
        if (d->left > 0)
                fail(d, -EBADMSG);
        return d->r;
}

int record_to_tenancy(const void *bytes, size_t len, Tenancy *ret)
{
        Decoder d = decoder_start(bytes, len);
        Tenancy tenancy = {.number = take_u32(&d),
                           .n_links = take_u64(&d),
                           .unsettled_since_ms = take_u64(&d)};
        int r = decoder_end(&d);

        if (r < 0)
                return r;
        *ret = tenancy;
        return 0;
}

int record_to_link(const void *bytes, size_t len, Link **ret)
{
        _cleanup_(link_freep) Link *link = calloc(1, sizeof(Link));
        Decoder d = decoder_start(bytes, len);
        int r;

        if (!link)
                return -ENOMEM;
        link->authenticator_id = take_string(&d);
        link->user_id = take_string(&d);
        link->platform_name = take_optional_string(&d);
        link->created_at_ms = take_u64(&d);
        link->last_used_at_ms = take_u64(&d);
        r = decoder_end(&d);
        if (r < 0)
                return r;
        if (!id_is_valid(link->authenticator_id) || !user_id_is_valid(link->user_id))
                return -EBADMSG;

        *ret = TAKE_PTR(link);
        return 0;
}

static Principal *take_principal(Decoder *d)
{
        _cleanup_(principal_freep) Principal *principal = principal_new();
        uint8_t flags;

        if (!principal) {
                fail(d, -ENOMEM);
                return NULL;
        }
        principal->id = take_string(d);
        principal->user_id = take_string(d);
        principal->authenticator_id = take_string(d);
        principal->authenticator_type = take_string(d);
        principal->platform_name = take_optional_string(d);
        principal->ip_address = take_optional_string(d);
        principal->user_agent = take_optional_string(d);
        principal->created_at_ms = take_u64(d);
        principal->expires_at_ms = take_u64(d);
        flags = take_flags(d, PRINCIPAL_FLAGS);
        principal->verified = flags & PRINCIPAL_VERIFIED;
        principal->user_verified = flags & PRINCIPAL_USER_VERIFIED;
        return TAKE_PTR(principal);
}

int record_to_answer(const void *bytes, size_t len, Answer *ret)
{
        _cleanup_(answer_clear) Answer answer = {};
        Decoder d = decoder_start(bytes, len);
        uint8_t flags;
        int r;

        answer.expires_at_ms = take_u64(&d);
        answer.error = take_u8(&d);
        flags = take_flags(&d, ANSWER_FLAGS);
        answer.linked = flags & ANSWER_LINKED;
        answer.newly_linked = flags & ANSWER_NEWLY_LINKED;
        if (answer.error > ERROR_MAX)
                fail(&d, -EBADMSG);
        if (d.r == 0 && answer.error == 0)
                answer.principal = take_principal(&d);
        r = decoder_end(&d);
        if (r < 0)
                return r;

        *ret = answer;
        answer = (Answer){};
        return 0;
}
