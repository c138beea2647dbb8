/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/model/valid.h"
#include "daemon/store/record.h"
#include "dbus/error.h"

#define LINK_VERSION        2
#define IDEMPOTENCY_VERSION 1
#define TENANCY_VERSION     2

enum {
        IDEMPOTENCY_LINKED = 1 << 0,
        IDEMPOTENCY_NEWLY_LINKED = 1 << 1,
        IDEMPOTENCY_FLAGS = IDEMPOTENCY_LINKED | IDEMPOTENCY_NEWLY_LINKED,
};

enum {
        PRINCIPAL_VERIFIED = 1 << 0,
        PRINCIPAL_USER_VERIFIED = 1 << 1,
        PRINCIPAL_FLAGS = PRINCIPAL_VERIFIED | PRINCIPAL_USER_VERIFIED,
};

static void encode_tenancy(Encoder *e, const void *object)
{
        const TenancyRecord *tenancy = object;

        encode_u32(e, tenancy->number);
        encode_u64(e, tenancy->n_links);
}

static void encode_link(Encoder *e, const void *object)
{
        const Link *link = object;

        if (!id_is_valid(link->authenticator_id) || !user_id_is_valid(link->user_id))
                e->invalid = true;
        encode_string(e, link->authenticator_id);
        encode_string(e, link->user_id);
        encode_optional_string(e, link->platform_name);
        encode_u64(e, link->created_at_ms);
        encode_u64(e, link->last_used_at_ms);
        encode_u64(e, link->id);
}

static void encode_principal(Encoder *e, const Principal *principal)
{
        encode_string(e, principal->id);
        encode_string(e, principal->user_id);
        encode_string(e, principal->authenticator_id);
        encode_string(e, principal->authenticator_type);
        encode_optional_string(e, principal->platform_name);
        encode_optional_string(e, principal->ip_address);
        encode_optional_string(e, principal->user_agent);
        encode_u64(e, principal->created_at_ms);
        encode_u64(e, principal->expires_at_ms);
        encode_u8(e, (principal->verified ? PRINCIPAL_VERIFIED : 0) |
                             (principal->user_verified ? PRINCIPAL_USER_VERIFIED : 0));
}

static void encode_idempotency(Encoder *e, const void *object)
{
        const IdempotencyRecord *answer = object;

        if (answer->error < 0 || answer->error > ERROR_MAX || !answer->error != !!answer->principal)
                e->invalid = true;
        encode_u64(e, answer->expires_at_ms);
        encode_u8(e, (uint8_t) answer->error);
        encode_u8(e, (answer->linked ? IDEMPOTENCY_LINKED : 0) |
                             (answer->newly_linked ? IDEMPOTENCY_NEWLY_LINKED : 0));
        if (answer->principal)
                encode_principal(e, answer->principal);
}

int record_from_tenancy(const TenancyRecord *tenancy, Record *ret)
{
        return encode_record(TENANCY_VERSION, encode_tenancy, tenancy, ret);
}

int record_from_link(const Link *link, Record *ret)
{
        return encode_record(LINK_VERSION, encode_link, link, ret);
}

int record_from_idempotency(const IdempotencyRecord *answer, Record *ret)
{
        return encode_record(IDEMPOTENCY_VERSION, encode_idempotency, answer, ret);
}

int record_to_tenancy(const void *bytes, size_t len, TenancyRecord *ret)
{
        Decoder d = decoder_start(bytes, len, TENANCY_VERSION);
        TenancyRecord tenancy = {.number = decode_u32(&d), .n_links = decode_u64(&d)};
        int r = decoder_end(&d);

        if (r < 0)
                return r;
        *ret = tenancy;
        return 0;
}

int record_to_tenancy_1(const void *bytes, size_t len, TenancyRecord *ret)
{
        Decoder d = decoder_start(bytes, len, 1);
        TenancyRecord tenancy = {.number = decode_u32(&d), .n_links = decode_u64(&d)};
        int r;

        (void) decode_u64(&d); /* obsolete field */
        r = decoder_end(&d);
        if (r < 0)
                return r;
        *ret = tenancy;
        return 0;
}

int record_to_link(const void *bytes, size_t len, Link **ret)
{
        _cleanup_(link_freep) Link *link = calloc(1, sizeof(Link));
        bool has_id = record_version(bytes, len) > 1;
        Decoder d = decoder_start(bytes, len, has_id ? LINK_VERSION : 1);
        int r;

        if (!link)
                return -ENOMEM;
        link->authenticator_id = decode_string(&d);
        link->user_id = decode_string(&d);
        link->platform_name = decode_optional_string(&d);
        link->created_at_ms = decode_u64(&d);
        link->last_used_at_ms = decode_u64(&d);
        if (has_id)
                link->id = decode_u64(&d);
        r = decoder_end(&d);
        if (r < 0)
                return r;
        if (!id_is_valid(link->authenticator_id) || !user_id_is_valid(link->user_id))
                return -EBADMSG;

        *ret = TAKE_PTR(link);
        return 0;
}

static Principal *decode_principal(Decoder *d)
{
        _cleanup_(principal_freep) Principal *principal = principal_new();
        uint8_t flags;

        if (!principal) {
                decoder_fail(d, -ENOMEM);
                return NULL;
        }
        principal->id = decode_string(d);
        principal->user_id = decode_string(d);
        principal->authenticator_id = decode_string(d);
        principal->authenticator_type = decode_string(d);
        principal->platform_name = decode_optional_string(d);
        principal->ip_address = decode_optional_string(d);
        principal->user_agent = decode_optional_string(d);
        principal->created_at_ms = decode_u64(d);
        principal->expires_at_ms = decode_u64(d);
        flags = decode_flags(d, PRINCIPAL_FLAGS);
        principal->verified = flags & PRINCIPAL_VERIFIED;
        principal->user_verified = flags & PRINCIPAL_USER_VERIFIED;
        return TAKE_PTR(principal);
}

int record_to_idempotency(const void *bytes, size_t len, IdempotencyRecord *ret)
{
        _cleanup_(idempotency_record_clear) IdempotencyRecord answer = {};
        Decoder d = decoder_start(bytes, len, IDEMPOTENCY_VERSION);
        uint8_t flags;
        int r;

        answer.expires_at_ms = decode_u64(&d);
        answer.error = decode_u8(&d);
        flags = decode_flags(&d, IDEMPOTENCY_FLAGS);
        answer.linked = flags & IDEMPOTENCY_LINKED;
        answer.newly_linked = flags & IDEMPOTENCY_NEWLY_LINKED;
        if (answer.error > ERROR_MAX)
                decoder_fail(&d, -EBADMSG);
        if (d.r == 0 && answer.error == 0)
                answer.principal = decode_principal(&d);
        r = decoder_end(&d);
        if (r < 0)
                return r;

        *ret = answer;
        answer = (IdempotencyRecord){};
        return 0;
}
