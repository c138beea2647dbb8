/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Records of the store. The first byte selects the type. A record that is decoded, encoded and
 * decoded again is the same record. */

#include <errno.h>

#include "daemon/model/valid.h"
#include "daemon/store/lmdb/key.h"
#include "daemon/store/lmdb/record.h"
#include "daemon/store/shared/restore-record.h"
#include "dbus/error.h"
#include "tests/fuzz/fuzz.h"

typedef union Object {
        TenancyRecord tenancy;
        IdempotencyRecord idempotency;
        TombstoneRecord tombstone;
        ExchangeRecord exchange;
        DeleteRecord delete;
        RestoreRecord restore;
} Object;

static void clear_nothing(Object *object _unused_)
{
}

static void clear_idempotency(Object *object)
{
        idempotency_record_clear(&object->idempotency);
}

static void clear_exchange(Object *object)
{
        exchange_record_clear(&object->exchange);
}

static void clear_delete(Object *object)
{
        delete_record_clear(&object->delete);
}

static void check_idempotency(const Object *object)
{
        const IdempotencyRecord *record = &object->idempotency;

        assert(record->error >= 0 && record->error <= ERROR_MAX);
        assert((record->error == 0) == (record->principal != NULL));
}

static void check_exchange(const Object *object)
{
        const ExchangeIntent *intent = &object->exchange.intent;

        assert(!intent->user_id || user_id_is_valid(intent->user_id));
}

static void check_delete(const Object *object)
{
        const LinkList *links = &object->delete.intent.links;

        for (size_t i = 0; i < links->n_links; i++)
                assert(id_is_valid(links->links[i]->authenticator_id));
}

static void check_restore(const Object *object)
{
        assert(object->restore.kept < object->restore.offset);
        assert(object->restore.done <= object->restore.level);
}

static const struct Target {
        char selector;
        const RecordType *type;
        void (*clear)(Object *object);
        void (*check)(const Object *object); /* NULL: all values are valid */
} targets[] = {
        {'t', &tenancy_record, clear_nothing, NULL},
        {'1', &tenancy_1_record, clear_nothing, NULL},
        {'s', &tombstone_record, clear_nothing, NULL},
        {'i', &idempotency_record, clear_idempotency, check_idempotency},
        {'e', &exchange_record, clear_exchange, check_exchange},
        {'d', &delete_record, clear_delete, check_delete},
        {'h', &restore_record, clear_nothing, check_restore},
};

/* Records of the current version have one encoding. */
static void check_encoding(const struct Target *target, const Object *object, const uint8_t *bytes,
                           size_t len)
{
        _cleanup_(record_clear) Record record = {}, again = {};
        Object copy = {};

        assert(record_encode(target->type, object, &record) == 0);
        if (bytes[0] == target->type->version && target->type != &tenancy_1_record)
                assert(record.len == len && memcmp(record.bytes, bytes, len) == 0);
        assert(record_decode(target->type, record.bytes, record.len, &copy) == 0);
        assert(record_encode(target->type, &copy, &again) == 0);
        assert(again.len == record.len && memcmp(again.bytes, record.bytes, again.len) == 0);
        target->clear(&copy);
}

static void fuzz_record(const struct Target *target, const uint8_t *bytes, size_t len)
{
        Object object = {};
        int r;

        r = record_decode(target->type, bytes, len, &object);
        assert(r == 0 || r == -EBADMSG);
        if (r == 0 && target->check)
                target->check(&object);
        if (r == 0)
                check_encoding(target, &object, bytes, len);
        target->clear(&object);
}

/* A link is encoded without an id that its key has. */
static void check_link(const Link *link, const uint8_t *bytes, size_t len)
{
        _cleanup_(record_clear) Record record = {};
        _cleanup_(link_freep) Link *copy = NULL;

        assert(id_is_valid(link->authenticator_id));
        assert(user_id_is_valid(link->user_id));
        assert(record_encode(&link_record, link, &record) == 0);
        if (bytes[0] == link_record.version)
                assert(record.len == len && memcmp(record.bytes, bytes, len) == 0);
        assert(record_to_link_of(link->authenticator_id, record.bytes, record.len, &copy) == 0);
        assert(streq(copy->authenticator_id, link->authenticator_id));
        assert(streq(copy->user_id, link->user_id));
        assert(streq_ptr(copy->platform_name, link->platform_name));
        assert(copy->created_at_ms == link->created_at_ms);
        assert(copy->last_used_at_ms == link->last_used_at_ms);
        assert(copy->id == link->id);
}

static void fuzz_link(const char *authenticator_id, const uint8_t *bytes, size_t len)
{
        _cleanup_(link_freep) Link *link = NULL;
        int r;

        r = record_to_link_of(authenticator_id, bytes, len, &link);
        assert(r == 0 || r == -EBADMSG);
        if (r == 0)
                check_link(link, bytes, len);
}

static void fuzz_links(const uint8_t *bytes, size_t len)
{
        static char long_id[511];

        memset(long_id, 'x', sizeof(long_id) - 1);
        fuzz_link("key", bytes, len);
        fuzz_link(long_id, bytes, len);
}

/* Keys of the database. */
static void fuzz_key(const uint8_t *bytes, size_t len)
{
        uint8_t digest[IDEMPOTENCY_KEY_LEN];
        StoreKey key;
        uint64_t id;

        if (key_parse_id(bytes, len, &id) == 0) {
                key_for_id(id, &key);
                assert(key.len == len && memcmp(key.bytes, bytes, len) == 0);
        }
        if (key_parse_expiry(bytes, len, &id, digest) == 0) {
                key_for_expiry(id, digest, &key);
                assert(key.len == len && memcmp(key.bytes, bytes, len) == 0);
        }
        if (key_for_link_bytes(1, bytes, len, &key) == 0)
                assert(key.len == len + KEY_TENANCY_LEN && key.len <= KEY_LEN_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size == 0)
                return 0;
        if (*data == 'k')
                fuzz_key(data + 1, size - 1);
        if (*data == 'l')
                fuzz_links(data + 1, size - 1);
        for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
                if (targets[i].selector == (char) *data)
                        fuzz_record(&targets[i], data + 1, size - 1);
        return 0;
}
