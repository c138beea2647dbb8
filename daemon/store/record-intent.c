/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "daemon/model/valid.h"
#include "daemon/store/record-intent.h"

#define RECORD_VERSION 1

enum {
        EXCHANGE_WANTS_LINK = 1 << 0,
        EXCHANGE_HAS_KEY = 1 << 1,
        EXCHANGE_FLAGS = EXCHANGE_WANTS_LINK | EXCHANGE_HAS_KEY,
};

static void encode_exchange(Encoder *e, const void *object)
{
        const ExchangeRecord *exchange = object;
        const ExchangeIntent *intent = &exchange->intent;

        if (intent->user_id && !user_id_is_valid(intent->user_id))
                e->invalid = true;
        encode_u32(e, exchange->tenancy);
        encode_u64(e, exchange->begun_at_ms);
        encode_u8(e, (intent->wants_link ? EXCHANGE_WANTS_LINK : 0) |
                             (intent->has_key ? EXCHANGE_HAS_KEY : 0));
        encode_optional_string(e, intent->user_id);
        if (intent->has_key)
                encode_bytes(e, intent->key, IDEMPOTENCY_KEY_LEN);
        encode_bytes(e, intent->begun_at.boot_id, BOOT_ID_LEN);
        encode_u64(e, intent->begun_at.boottime_ms);
        encode_u64(e, intent->begun_at.realtime_ms);
        encode_u64(e, intent->begun_at_api_ms);
        encode_u64(e, intent->window_ms);
}

static void encode_delete(Encoder *e, const void *object)
{
        const DeleteRecord *delete = object;
        size_t n = strv_len(delete->authenticator_ids);

        if (n > UINT16_MAX)
                e->invalid = true;
        encode_u32(e, delete->tenancy);
        encode_u16(e, (uint16_t) n);
        for (size_t i = 0; i < n; i++) {
                if (!id_is_valid(delete->authenticator_ids[i]))
                        e->invalid = true;
                encode_string(e, delete->authenticator_ids[i]);
        }
}

static void encode_tombstone(Encoder *e, const void *object)
{
        const TombstoneRecord *tombstone = object;

        encode_u32(e, tombstone->tenancy);
        encode_u64(e, tombstone->tombstoned_at_ms);
        encode_bytes(e, tombstone->authenticator, AUTHENTICATOR_DIGEST_LEN);
}

int record_from_exchange(const ExchangeRecord *exchange, Record *ret)
{
        return encode_record(RECORD_VERSION, encode_exchange, exchange, ret);
}

int record_from_delete(const DeleteRecord *delete, Record *ret)
{
        return encode_record(RECORD_VERSION, encode_delete, delete, ret);
}

int record_from_tombstone(const TombstoneRecord *tombstone, Record *ret)
{
        return encode_record(RECORD_VERSION, encode_tombstone, tombstone, ret);
}

static void decode_array(Decoder *d, uint8_t *ret, size_t len)
{
        const void *bytes = decode_bytes(d, len);

        if (bytes)
                memcpy(ret, bytes, len);
}

int record_to_exchange(const void *bytes, size_t len, ExchangeRecord *ret)
{
        Decoder d = decoder_start(bytes, len, RECORD_VERSION);
        ExchangeRecord exchange = {};
        _cleanup_(exchange_intent_clear) ExchangeIntent intent = {};
        uint8_t flags;
        int r;

        exchange.tenancy = decode_u32(&d);
        exchange.begun_at_ms = decode_u64(&d);
        flags = decode_flags(&d, EXCHANGE_FLAGS);
        intent.wants_link = flags & EXCHANGE_WANTS_LINK;
        intent.has_key = flags & EXCHANGE_HAS_KEY;
        intent.user_id = decode_optional_string(&d);
        if (intent.has_key)
                decode_array(&d, intent.key, IDEMPOTENCY_KEY_LEN);
        decode_array(&d, intent.begun_at.boot_id, BOOT_ID_LEN);
        intent.begun_at.boottime_ms = decode_u64(&d);
        intent.begun_at.realtime_ms = decode_u64(&d);
        intent.begun_at_api_ms = decode_u64(&d);
        intent.window_ms = decode_u64(&d);
        r = decoder_end(&d);
        if (r < 0)
                return r;
        if (intent.user_id && !user_id_is_valid(intent.user_id))
                return -EBADMSG;

        exchange.intent = TAKE(intent, (ExchangeIntent){});
        *ret = exchange;
        return 0;
}

int record_to_delete(const void *bytes, size_t len, DeleteRecord *ret)
{
        Decoder d = decoder_start(bytes, len, RECORD_VERSION);
        _cleanup_(strv_freep) char **ids = NULL;
        uint32_t tenancy = decode_u32(&d);
        size_t n = decode_u16(&d);
        int r;

        for (size_t i = 0; i < n && d.r == 0; i++) {
                _cleanup_(freep) char *id = decode_string(&d);

                if (id && !id_is_valid(id))
                        decoder_fail(&d, -EBADMSG);
                else if (id && strv_push(&ids, id) < 0)
                        decoder_fail(&d, -ENOMEM);
        }
        r = decoder_end(&d);
        if (r < 0)
                return r;
        *ret = (DeleteRecord){.tenancy = tenancy, .authenticator_ids = TAKE_PTR(ids)};
        return 0;
}

int record_to_tombstone(const void *bytes, size_t len, TombstoneRecord *ret)
{
        Decoder d = decoder_start(bytes, len, RECORD_VERSION);
        TombstoneRecord tombstone = {.tenancy = decode_u32(&d), .tombstoned_at_ms = decode_u64(&d)};
        int r;

        decode_array(&d, tombstone.authenticator, AUTHENTICATOR_DIGEST_LEN);
        r = decoder_end(&d);
        if (r < 0)
                return r;
        *ret = tombstone;
        return 0;
}
