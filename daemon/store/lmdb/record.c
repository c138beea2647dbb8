/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/model/valid.h"
#include "daemon/store/lmdb/key.h"
#include "daemon/store/lmdb/record.h"
#include "dbus/error.h"

/* Encoding checks a string in the first of its two passes. */
static void check_string(Codec *codec, const char *s, bool (*is_valid)(const char *s))
{
        if (codec->r == 0 && !codec->output)
                codec_check(codec, is_valid(s));
}

static void code_valid_string(Codec *codec, char **s, bool (*is_valid)(const char *s))
{
        code_string(codec, s);
        check_string(codec, *s, is_valid);
}

static void code_tenancy(Codec *codec, void *object)
{
        TenancyRecord *tenancy = object;
        uint64_t obsolete = 0;

        code_u32(codec, &tenancy->number);
        code_u64(codec, &tenancy->n_links);
        if (codec->version == 1)
                code_u64(codec, &obsolete);
}

/* Zigzag encoding: 0, -1, 1, -2, … become 0, 1, 2, 3, … */
static uint64_t zigzag(uint64_t n)
{
        return n << 1 ^ -(n >> 63);
}

static uint64_t unzigzag(uint64_t n)
{
        return n >> 1 ^ -(n & 1);
}

/* The last use is stored as its difference to the creation, but 0 if never used: all differences
 * below that of "never" move up by one. */
static void code_last_used(Codec *codec, Link *link)
{
        uint64_t never = zigzag(-link->created_at_ms), difference, value;

        difference = zigzag(link->last_used_at_ms - link->created_at_ms);
        value = difference == never ? 0 : difference < never ? difference + 1 : difference;
        code_varint(codec, &value);
        if (!codec->decoding)
                return;
        difference = value == 0 ? never : value <= never ? value - 1 : value;
        link->last_used_at_ms = link->created_at_ms + unzigzag(difference);
}

/* Up to version 2 also if the key has the id. */
static void code_redundant_id(Codec *codec, Link *link)
{
        _cleanup_(freep) char *id = NULL;

        code_valid_string(codec, &id, id_is_valid);
        if (codec->r < 0)
                return;
        codec_check(codec, !link->authenticator_id || streq(link->authenticator_id, id));
        if (!link->authenticator_id)
                link->authenticator_id = TAKE_PTR(id);
}

static void code_link_2(Codec *codec, Link *link)
{
        code_redundant_id(codec, link);
        code_valid_string(codec, &link->user_id, user_id_is_valid);
        code_optional_string(codec, &link->platform_name);
        code_u64(codec, &link->created_at_ms);
        code_u64(codec, &link->last_used_at_ms);
        if (codec->version > 1)
                code_u64(codec, &link->id);
}

/* Codes an authenticator id that the key does not have. */
static void code_long_id(Codec *codec, char **id)
{
        if (codec->decoding ? *id != NULL : *id && key_has_id(*id))
                return;
        code_short_string(codec, id);
        codec_check(codec, codec->r < 0 || !key_has_id(*id));
}

static void code_link(Codec *codec, void *object)
{
        Link *link = object;
        bool lent = codec->decoding && link->authenticator_id;

        if (codec->version <= 2) {
                code_link_2(codec, link);
                return;
        }
        code_long_id(codec, &link->authenticator_id);
        if (!lent)
                check_string(codec, link->authenticator_id, id_is_valid);
        code_short_string(codec, &link->user_id);
        check_string(codec, link->user_id, user_id_is_valid);
        code_optional_short_string(codec, &link->platform_name);
        code_varint(codec, &link->created_at_ms);
        code_last_used(codec, link);
        code_varint(codec, &link->id);
}

static void code_principal_members(Codec *codec, Principal *principal)
{
        code_string(codec, &principal->id);
        code_string(codec, &principal->user_id);
        code_string(codec, &principal->authenticator_id);
        code_string(codec, &principal->authenticator_type);
        code_optional_string(codec, &principal->platform_name);
        code_optional_string(codec, &principal->ip_address);
        code_optional_string(codec, &principal->user_agent);
        code_u64(codec, &principal->created_at_ms);
        code_u64(codec, &principal->expires_at_ms);
        code_flags(codec, (bool *[]){&principal->verified, &principal->user_verified, NULL});
}

static void code_principal(Codec *codec, Principal **principal)
{
        if (codec->decoding)
                *principal = principal_new();
        if (*principal)
                code_principal_members(codec, *principal);
        else
                codec_fail(codec, codec->decoding ? -ENOMEM : -EINVAL);
}

static void code_idempotency(Codec *codec, void *object)
{
        IdempotencyRecord *answer = object;
        uint8_t error = (uint8_t) answer->error;

        code_u64(codec, &answer->expires_at_ms);
        code_u8(codec, &error);
        code_flags(codec, (bool *[]){&answer->linked, &answer->newly_linked, NULL});
        if (codec->decoding)
                answer->error = error;
        codec_check(codec, answer->error >= 0 && answer->error <= ERROR_MAX);
        codec_check(codec, answer->error == 0 || !answer->principal);
        if (codec->r == 0 && answer->error == 0)
                code_principal(codec, &answer->principal);
}

static void code_exchange(Codec *codec, void *object)
{
        ExchangeRecord *exchange = object;
        ExchangeIntent *intent = &exchange->intent;

        code_u32(codec, &exchange->tenancy);
        code_u64(codec, &exchange->begun_at_ms);
        code_flags(codec, (bool *[]){&intent->wants_link, &intent->has_key, NULL});
        code_optional_string(codec, &intent->user_id);
        codec_check(codec, !intent->user_id || user_id_is_valid(intent->user_id));
        if (intent->has_key)
                code_bytes(codec, intent->key, IDEMPOTENCY_KEY_LEN);
        code_bytes(codec, intent->begun_at.boot_id, BOOT_ID_LEN);
        code_u64(codec, &intent->begun_at.boottime_ms);
        code_u64(codec, &intent->begun_at.realtime_ms);
        code_u64(codec, &intent->begun_at_api_ms);
        code_u64(codec, &intent->window_ms);
        if (codec->version > 1)
                code_optional_string(codec, &intent->endpoint);
}

static int push_empty_link(LinkList *links)
{
        Link *link = calloc(1, sizeof(Link));

        return link ? link_list_push(links, link) : -ENOMEM;
}

/* An intent stores only the ids of its links. */
static void code_link_ids(Codec *codec, LinkList *links)
{
        uint16_t n = (uint16_t) links->n_links;

        codec_check(codec, links->n_links <= UINT16_MAX);
        code_u16(codec, &n);
        for (size_t i = 0; i < n && codec->r == 0; i++) {
                if (codec->decoding && push_empty_link(links) < 0) {
                        codec_fail(codec, -ENOMEM);
                        return;
                }
                code_valid_string(codec, &links->links[i]->authenticator_id, id_is_valid);
                if (codec->version > 1)
                        code_u64(codec, &links->links[i]->id);
        }
}

static void code_delete(Codec *codec, void *object)
{
        DeleteRecord *delete = object;

        code_u32(codec, &delete->tenancy);
        if (codec->version > 1)
                code_optional_string(codec, &delete->intent.endpoint);
        code_link_ids(codec, &delete->intent.links);
}

static void code_tombstone(Codec *codec, void *object)
{
        TombstoneRecord *tombstone = object;

        code_u32(codec, &tombstone->tenancy);
        code_u64(codec, &tombstone->tombstoned_at_ms);
        code_bytes(codec, tombstone->subject, SUBJECT_DIGEST_LEN);
}

const RecordType tenancy_record = {.version = 2, .oldest_version = 2, .code = code_tenancy};
const RecordType tenancy_1_record = {.version = 1, .oldest_version = 1, .code = code_tenancy};
const RecordType link_record = {.version = 3, .oldest_version = 1, .code = code_link};
const RecordType idempotency_record = {.version = 1, .oldest_version = 1, .code = code_idempotency};
const RecordType exchange_record = {.version = 2, .oldest_version = 1, .code = code_exchange};
const RecordType delete_record = {.version = 2, .oldest_version = 1, .code = code_delete};
const RecordType tombstone_record = {.version = 1, .oldest_version = 1, .code = code_tombstone};

void exchange_record_clear(ExchangeRecord *record)
{
        exchange_intent_clear(&record->intent);
}

void delete_record_clear(DeleteRecord *record)
{
        delete_intent_clear(&record->intent);
}

/* Takes ownership of the id; NULL: the record must have it. */
static int decode_link(char *authenticator_id, const void *bytes, size_t len, Link **ret)
{
        _cleanup_(freep) char *id = authenticator_id;
        _cleanup_(link_freep) Link *link = malloc(sizeof(Link)); /* faster than calloc() */
        int r;

        if (!link)
                return -ENOMEM;
        *link = (Link){.authenticator_id = TAKE_PTR(id)};
        r = record_decode(&link_record, bytes, len, link);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(link);
        return 0;
}

int record_to_link(const void *key, size_t key_len, const void *bytes, size_t len, Link **ret)
{
        _cleanup_(freep) char *id = NULL;
        int r;

        r = key_parse_link(key, key_len, &id);
        if (r < 0)
                return r;
        if (id && !id_is_valid(id))
                return -EBADMSG;
        return decode_link(TAKE_PTR(id), bytes, len, ret);
}

int record_to_link_of(const char *authenticator_id, const void *bytes, size_t len, Link **ret)
{
        _cleanup_(link_freep) Link *link = NULL;
        char *id = NULL;
        int r;

        if (key_has_id(authenticator_id)) {
                id = strdup(authenticator_id);
                if (!id)
                        return -ENOMEM;
        }
        r = decode_link(id, bytes, len, &link);
        if (r < 0)
                return r;
        if (!id && !streq(link->authenticator_id, authenticator_id))
                return -EBADMSG;
        *ret = TAKE_PTR(link);
        return 0;
}
