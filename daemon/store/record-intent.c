/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/model/valid.h"
#include "daemon/store/record-intent.h"

#define EXCHANGE_VERSION 2
#define DELETE_VERSION   2
#define DECISION_VERSION 1

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
        encode_optional_string(e, intent->endpoint);
}

static void encode_delete(Encoder *e, const void *object)
{
        const DeleteRecord *delete = object;
        const LinkList *links = &delete->intent.links;

        if (links->n_links > UINT16_MAX)
                e->invalid = true;
        encode_u32(e, delete->tenancy);
        encode_optional_string(e, delete->intent.endpoint);
        encode_u16(e, (uint16_t) links->n_links);
        for (size_t i = 0; i < links->n_links; i++) {
                if (!id_is_valid(links->links[i]->authenticator_id))
                        e->invalid = true;
                encode_string(e, links->links[i]->authenticator_id);
                encode_u64(e, links->links[i]->id);
        }
}

static void encode_tombstone(Encoder *e, const void *object)
{
        const TombstoneRecord *tombstone = object;

        encode_u32(e, tombstone->tenancy);
        encode_u64(e, tombstone->tombstoned_at_ms);
        encode_bytes(e, tombstone->subject, SUBJECT_DIGEST_LEN);
}

int record_from_exchange(const ExchangeRecord *exchange, Record *ret)
{
        return encode_record(EXCHANGE_VERSION, encode_exchange, exchange, ret);
}

int record_from_delete(const DeleteRecord *delete, Record *ret)
{
        return encode_record(DELETE_VERSION, encode_delete, delete, ret);
}

int record_from_tombstone(const TombstoneRecord *tombstone, Record *ret)
{
        return encode_record(DECISION_VERSION, encode_tombstone, tombstone, ret);
}

static void decode_array(Decoder *d, uint8_t *ret, size_t len)
{
        const void *bytes = decode_bytes(d, len);

        if (bytes)
                memcpy(ret, bytes, len);
}

int record_to_exchange(const void *bytes, size_t len, ExchangeRecord *ret)
{
        bool has_endpoint = record_version(bytes, len) > 1;
        Decoder d = decoder_start(bytes, len, has_endpoint ? EXCHANGE_VERSION : 1);
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
        if (has_endpoint)
                intent.endpoint = decode_optional_string(&d);
        r = decoder_end(&d);
        if (r < 0)
                return r;
        if (intent.user_id && !user_id_is_valid(intent.user_id))
                return -EBADMSG;

        exchange.intent = TAKE(intent, (ExchangeIntent){});
        *ret = exchange;
        return 0;
}

/* An intent has the ids of its links only. */
static int decode_link(Decoder *d, bool has_id, LinkList *links)
{
        _cleanup_(link_freep) Link *link = calloc(1, sizeof(Link));

        if (!link)
                return -ENOMEM;
        link->authenticator_id = decode_string(d);
        if (has_id)
                link->id = decode_u64(d);
        if (d->r == 0 && !id_is_valid(link->authenticator_id))
                decoder_fail(d, -EBADMSG);
        return d->r < 0 ? d->r : link_list_push(links, TAKE_PTR(link));
}

int record_to_delete(const void *bytes, size_t len, DeleteRecord *ret)
{
        bool is_old = record_version(bytes, len) == 1;
        Decoder d = decoder_start(bytes, len, is_old ? 1 : DELETE_VERSION);
        _cleanup_(delete_intent_clear) DeleteIntent intent = {};
        uint32_t tenancy = decode_u32(&d);
        size_t n;
        int r = 0;

        if (!is_old)
                intent.endpoint = decode_optional_string(&d);
        n = decode_u16(&d);
        for (size_t i = 0; i < n && r == 0; i++)
                r = decode_link(&d, !is_old, &intent.links);
        if (r == 0)
                r = decoder_end(&d);
        if (r < 0)
                return r;
        *ret = (DeleteRecord){.tenancy = tenancy, .intent = TAKE(intent, (DeleteIntent){})};
        return 0;
}

int record_to_tombstone(const void *bytes, size_t len, TombstoneRecord *ret)
{
        Decoder d = decoder_start(bytes, len, DECISION_VERSION);
        TombstoneRecord tombstone = {.tenancy = decode_u32(&d), .tombstoned_at_ms = decode_u64(&d)};
        int r;

        decode_array(&d, tombstone.subject, SUBJECT_DIGEST_LEN);
        r = decoder_end(&d);
        if (r < 0)
                return r;
        *ret = tombstone;
        return 0;
}
