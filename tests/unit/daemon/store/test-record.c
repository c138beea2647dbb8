/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/model/valid.h"
#include "daemon/store/lmdb/key.h"
#include "daemon/store/lmdb/record.h"
#include "dbus/error.h"
#include "tests/unit/daemon/store/store-fixture.h"

/* An exactly sized copy, so that the sanitizer sees overreads. */
static uint8_t *exactly(const void *bytes, size_t len)
{
        uint8_t *copy = malloc(len);

        if (len > 0)
                memcpy(copy, bytes, len);
        return copy;
}

static int read_tenancy(const void *bytes, size_t len)
{
        TenancyRecord tenancy = {};

        return record_decode(&tenancy_record, bytes, len, &tenancy);
}

/* The key of the record that read_link() reads. */
static StoreKey link_key;

static int read_link(const void *bytes, size_t len)
{
        _cleanup_(link_freep) Link *link = NULL;
        int r = record_to_link(link_key.bytes, link_key.len, bytes, len, &link);

        assert_true((r == 0) == (link != NULL));
        assert_true(r != 0 ||
                    (id_is_valid(link->authenticator_id) && user_id_is_valid(link->user_id)));
        return r;
}

static int read_answer(const void *bytes, size_t len)
{
        _cleanup_(idempotency_record_clear) IdempotencyRecord answer = {};
        int r = record_decode(&idempotency_record, bytes, len, &answer);

        if (r == 0)
                assert_true((answer.error == 0) == (answer.principal != NULL));
        return r;
}

/* Truncation, another version and trailing bytes are refused. */
static void check_strict(const Record *record, unsigned only_version,
                         int (*read)(const void *bytes, size_t len))
{
        _cleanup_(freep) uint8_t *longer = malloc(record->len + 1);

        assert_int_equal(read(record->bytes, record->len), 0);
        for (size_t len = 0; len < record->len; len++) {
                _cleanup_(freep) uint8_t *bytes = exactly(record->bytes, len);

                assert_int_equal(read(bytes, len), -EBADMSG);
        }
        for (unsigned version = 0; version < 256; version++) {
                _cleanup_(freep) uint8_t *bytes = exactly(record->bytes, record->len);

                bytes[0] = (uint8_t) version;
                assert_int_equal(read(bytes, record->len), version == only_version ? 0 : -EBADMSG);
        }
        memcpy(longer, record->bytes, record->len);
        longer[record->len] = 0;
        assert_int_equal(read(longer, record->len + 1), -EBADMSG);
}

/* Fuzzed input must not be read out of bounds. */
static void check_mutations(const Record *record, int (*read)(const void *bytes, size_t len))
{
        unsigned n_refused = 0;

        srandom(1);
        for (unsigned i = 0; i < 20000; i++) {
                size_t len = record->len - (i % 4 ? 0 : (size_t) random() % record->len);
                _cleanup_(freep) uint8_t *bytes = exactly(record->bytes, len);
                int r;

                for (unsigned n = 1 + i % 5; n > 0; n--)
                        bytes[(size_t) random() % len] = (uint8_t) random();
                r = read(bytes, len);
                assert_true(r == 0 || r == -EBADMSG);
                n_refused += r < 0;
        }
        assert_true(n_refused > 0);
}

static void test_tenancy(void **state)
{
        TenancyRecord tenancy = {.number = 0xfedcba98, .n_links = UINT64_MAX};
        TenancyRecord copy = {};
        _cleanup_(record_clear) Record record = {};

        assert_int_equal(record_encode(&tenancy_record, &tenancy, &record), 0);
        assert_int_equal(record_decode(&tenancy_record, record.bytes, record.len, &copy), 0);
        assert_true(copy.number == tenancy.number);
        assert_true(copy.n_links == tenancy.n_links);
        check_strict(&record, 2, read_tenancy);
        check_mutations(&record, read_tenancy);
}

static void check_link_round_trip(const Link *link)
{
        _cleanup_(link_freep) Link *copy = NULL, *same = NULL;
        _cleanup_(record_clear) Record record = {};

        assert_int_equal(key_for_link(7, link->authenticator_id, &link_key), 0);
        assert_int_equal(record_encode(&link_record, link, &record), 0);
        assert_int_equal(record_to_link_of(link->authenticator_id, record.bytes, record.len, &same),
                         0);
        assert_string_equal(same->authenticator_id, link->authenticator_id);
        assert_int_equal(
                record_to_link(link_key.bytes, link_key.len, record.bytes, record.len, &copy), 0);
        assert_string_equal(copy->authenticator_id, link->authenticator_id);
        assert_string_equal(copy->user_id, link->user_id);
        assert_true(streq_ptr(copy->platform_name, link->platform_name));
        assert_true(copy->created_at_ms == link->created_at_ms);
        assert_true(copy->last_used_at_ms == link->last_used_at_ms);
        assert_int_equal(copy->id, link->id);
        check_strict(&record, 3, read_link);
        check_mutations(&record, read_link);
}

static void test_link(void **state)
{
        _cleanup_(freep) char *id = make_id(512, 7), *user = make_id(256, 8);
        Link link = {.authenticator_id = id, .user_id = user};
        char platform[] = "iCloud Keychain", empty[] = "";

        check_link_round_trip(&link);
        link.platform_name = platform;
        link.created_at_ms = UINT64_MAX;
        link.last_used_at_ms = 1;
        link.id = UINT64_MAX;
        check_link_round_trip(&link);
        link.platform_name = empty;
        check_link_round_trip(&link);

        /* The key has the whole id. */
        id[KEY_ID_LEN_MAX] = '\0';
        check_link_round_trip(&link);
        id[1] = '\0';
        check_link_round_trip(&link);
}

static void test_link_times(void **state)
{
        static const uint64_t times[] = {0,
                                         1,
                                         2,
                                         63,
                                         64,
                                         1U << 31,
                                         1700000000000,
                                         1700000000001,
                                         (UINT64_C(1) << 63) - 1,
                                         UINT64_C(1) << 63,
                                         (UINT64_C(1) << 63) + 1,
                                         UINT64_MAX - 1,
                                         UINT64_MAX};
        char id[] = "auth", user[] = "ada";

        for (size_t i = 0; i < ARRAY_SIZE(times) * ARRAY_SIZE(times); i++) {
                Link link = {.authenticator_id = id,
                             .user_id = user,
                             .created_at_ms = times[i % ARRAY_SIZE(times)],
                             .last_used_at_ms = times[i / ARRAY_SIZE(times)]};
                _cleanup_(record_clear) Record record = {};
                _cleanup_(link_freep) Link *copy = NULL;

                assert_int_equal(record_encode(&link_record, &link, &record), 0);
                assert_int_equal(record_to_link_of(id, record.bytes, record.len, &copy), 0);
                assert_true(copy->created_at_ms == link.created_at_ms);
                assert_true(copy->last_used_at_ms == link.last_used_at_ms);
        }
}

/* A link of now is small. */
static void test_link_size(void **state)
{
        _cleanup_(freep) char *id = make_id(27, 1), *user = make_id(32, 2);
        Link link = {.authenticator_id = id, .user_id = user, .created_at_ms = 1800000000000};
        _cleanup_(record_clear) Record record = {};

        link.id = 10000000;
        assert_int_equal(record_encode(&link_record, &link, &record), 0);
        assert_int_equal(record.len, 46);
}

/* Impossible values. */
static void test_bad_links(void **state)
{
        static const struct {
                const char *bytes;
                size_t len;
                int r;
        } records[] = {
#define RECORD(s, r) {s, sizeof(s) - 1, r}
                RECORD("\3\3ada\0\1\0\1", 0),
                RECORD("\3\3ada\1\1\0\1", 0),            /* an empty platform name */
                RECORD("\3\3ada\2x\1\0\1", 0),           /* a platform name */
                RECORD("\3\3ada\0\x81\0\0\1", -EBADMSG), /* a superfluous byte in a number */
                RECORD("\3\3ada\0\1\0", -EBADMSG),       /* too short */
                RECORD("\3\3ada\0\1\0\1\0", -EBADMSG),   /* too long */
                RECORD("\3\0\0\1\0\1", -EBADMSG),        /* no user */
                RECORD("\3\3ad\n\0\1\0\1", -EBADMSG),    /* an invalid user */
                RECORD("\3\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"
                       "ada",
                       -EBADMSG),
                RECORD("\3\3ada\xff\xff\xff\xff\xff\xff\xff\xff\xff\1x", -EBADMSG),
                /* The largest number, and one that does not fit. */
                RECORD("\3\3ada\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\0\1", 0),
                RECORD("\3\3ada\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\2\0\1", -EBADMSG),
                RECORD("\3\3ada\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\0\0\1", -EBADMSG),
                /* The id is in the key, and must not be in the record. */
                RECORD("\3\4auth\3ada\0\1\0\1", -EBADMSG),
                /* Version 2: another id than in the key. */
                RECORD("\2\0\4auth\0\3ada\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 0),
                RECORD("\2\0\4autx\0\3ada\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1",
                       -EBADMSG),
#undef RECORD
        };

        assert_int_equal(key_for_link(7, "auth", &link_key), 0);
        for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
                _cleanup_(freep) uint8_t *bytes =
                        exactly((const uint8_t *) records[i].bytes, records[i].len);

                assert_int_equal(read_link(bytes, records[i].len), records[i].r);
        }
}

/* A record whose key has not the id must have a long one. */
static void test_bad_link_keys(void **state)
{
        static const char record[] = "\3\3ada\0\1\0\1", with_id[] = "\3\4auth\3ada\0\1\0\1";
        static const struct {
                const char *bytes;
                size_t len;
        } keys[] = {{"\0\0\0\7", 4},
                    {"\0\0\0", 3},
                    {"\0\0\0\7a\0b", 7},
                    {"\0\0\0\7a\nb", 7},
                    {"\0\0\0\7\xff", 5}};
        _cleanup_(freep) char *long_id = make_id(512, 1);

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                link_key.len = keys[i].len;
                memcpy(link_key.bytes, keys[i].bytes, keys[i].len);
                assert_int_equal(read_link(record, sizeof(record) - 1), -EBADMSG);
        }
        assert_int_equal(key_for_link(7, long_id, &link_key), 0);
        assert_int_equal(read_link(record, sizeof(record) - 1), -EBADMSG);
        assert_int_equal(read_link(with_id, sizeof(with_id) - 1), -EBADMSG);
}

static void test_answer(void **state)
{
        _cleanup_(idempotency_record_clear) IdempotencyRecord answer = {
                .principal = make_principal(), .linked = true, .expires_at_ms = UINT64_MAX - 1};
        _cleanup_(idempotency_record_clear) IdempotencyRecord copy = {};
        _cleanup_(record_clear) Record record = {};

        assert_int_equal(record_encode(&idempotency_record, &answer, &record), 0);
        assert_int_equal(record_decode(&idempotency_record, record.bytes, record.len, &copy), 0);
        assert_int_equal(copy.error, 0);
        assert_true(copy.linked);
        assert_false(copy.newly_linked);
        assert_true(copy.expires_at_ms == answer.expires_at_ms);
        assert_string_equal(copy.principal->id, "p-1");
        assert_string_equal(copy.principal->user_id, "ada");
        assert_string_equal(copy.principal->authenticator_id, "auth-1");
        assert_string_equal(copy.principal->authenticator_type, "passkey");
        assert_null(copy.principal->platform_name);
        assert_string_equal(copy.principal->ip_address, "192.0.2.1");
        assert_null(copy.principal->user_agent);
        assert_int_equal(copy.principal->created_at_ms, 1700000000000);
        assert_int_equal(copy.principal->expires_at_ms, 1700000300000);
        assert_true(copy.principal->verified);
        assert_false(copy.principal->user_verified);
        check_strict(&record, 1, read_answer);
        check_mutations(&record, read_answer);
}

static int read_exchange(const void *bytes, size_t len)
{
        _cleanup_(exchange_record_clear) ExchangeRecord record = {};

        return record_decode(&exchange_record, bytes, len, &record);
}

static int read_delete(const void *bytes, size_t len)
{
        _cleanup_(delete_record_clear) DeleteRecord record = {};

        return record_decode(&delete_record, bytes, len, &record);
}

static int read_decision(const void *bytes, size_t len)
{
        TombstoneRecord record = {};

        return record_decode(&tombstone_record, bytes, len, &record);
}

static void check_exchange_round_trip(const ExchangeRecord *exchange)
{
        const ExchangeIntent *intent = &exchange->intent;
        _cleanup_(record_clear) Record record = {};
        ExchangeRecord copy = {};

        assert_int_equal(record_encode(&exchange_record, exchange, &record), 0);
        assert_int_equal(record_decode(&exchange_record, record.bytes, record.len, &copy), 0);
        assert_int_equal(copy.tenancy, exchange->tenancy);
        assert_true(copy.begun_at_ms == exchange->begun_at_ms);
        assert_true(streq_ptr(copy.intent.user_id, intent->user_id));
        assert_int_equal(copy.intent.wants_link, intent->wants_link);
        assert_int_equal(copy.intent.has_key, intent->has_key);
        assert_memory_equal(copy.intent.key, intent->key, IDEMPOTENCY_KEY_LEN);
        assert_memory_equal(&copy.intent.begun_at, &intent->begun_at, sizeof(HostTime));
        assert_true(copy.intent.begun_at_api_ms == intent->begun_at_api_ms);
        assert_true(copy.intent.window_ms == intent->window_ms);
        assert_true(streq_ptr(copy.intent.endpoint, intent->endpoint));
        exchange_intent_clear(&copy.intent);
        check_strict(&record, 2, read_exchange);
        check_mutations(&record, read_exchange);
}

static void test_exchange(void **state)
{
        _cleanup_(freep) char *user = make_id(256, 3), *too_long = make_id(257, 3);
        ExchangeRecord exchange = {.tenancy = UINT32_MAX, .begun_at_ms = UINT64_MAX};
        Record record = {};

        check_exchange_round_trip(&exchange);
        exchange.intent = (ExchangeIntent){
                .user_id = user,
                .wants_link = true,
                .has_key = true,
                .key = {1, 2, 3},
                .begun_at = {.boot_id = {9, 8, 7}, .boottime_ms = 5, .realtime_ms = UINT64_MAX},
                .begun_at_api_ms = 6,
                .window_ms = 7,
                .endpoint = (char *) "https://api",
        };
        check_exchange_round_trip(&exchange);
        exchange.intent.user_id = too_long;
        assert_int_equal(record_encode(&exchange_record, &exchange, &record), -EINVAL);
}

static void test_delete(void **state)
{
        _cleanup_(freep) char *longest = make_id(512, 3), *too_long = make_id(513, 3);
        Link first = {.authenticator_id = (char *) "a", .id = 8},
             second = {.authenticator_id = longest, .id = UINT64_MAX};
        Link *links[] = {&first, &second};
        DeleteRecord delete = {.tenancy = 7,
                               .intent = {.endpoint = (char *) "https://api",
                                          .links = {.links = links, .n_links = 2}}},
                     copy = {};
        _cleanup_(record_clear) Record record = {};

        assert_int_equal(record_encode(&delete_record, &delete, &record), 0);
        assert_int_equal(record_decode(&delete_record, record.bytes, record.len, &copy), 0);
        assert_int_equal(copy.tenancy, 7);
        assert_string_equal(copy.intent.endpoint, "https://api");
        assert_int_equal(copy.intent.links.n_links, 2);
        assert_string_equal(copy.intent.links.links[0]->authenticator_id, "a");
        assert_int_equal(copy.intent.links.links[0]->id, 8);
        assert_string_equal(copy.intent.links.links[1]->authenticator_id, longest);
        assert_true(copy.intent.links.links[1]->id == UINT64_MAX);
        delete_intent_clear(&copy.intent);
        check_strict(&record, 2, read_delete);
        check_mutations(&record, read_delete);
        first.authenticator_id = too_long;
        record_clear(&record);
        assert_int_equal(record_encode(&delete_record, &delete, &record), -EINVAL);
}

/* Records of schema 2 are read unchanged. */
static void test_schema_2(void **state)
{
        static const uint8_t old_delete[] = {1, 0, 0, 0, 7, 0, 1, 0, 2, 'p', 'k'};
        static const uint8_t old_link_bytes[] = {1,   0,   6,   'a', 'u', 't', 'h', '-', '1', 0, 3,
                                                 'a', 'd', 'a', 0,   0,   0,   0,   0,   0,   0, 0,
                                                 5,   0,   0,   0,   0,   0,   0,   0,   9};
        _cleanup_(link_freep) Link *old_link = NULL;
        ExchangeRecord exchange = {.tenancy = 7, .intent = {.window_ms = 9}}, old_exchange = {};
        DeleteRecord delete = {};
        Record record;

        assert_int_equal(
                record_to_link_of("auth-1", old_link_bytes, sizeof(old_link_bytes), &old_link), 0);
        assert_string_equal(old_link->user_id, "ada");
        assert_int_equal(old_link->created_at_ms, 5);
        assert_int_equal(old_link->last_used_at_ms, 9);
        assert_int_equal(old_link->id, 0);

        assert_int_equal(record_encode(&exchange_record, &exchange, &record), 0);
        record.bytes[0] = 1;
        assert_int_equal(
                record_decode(&exchange_record, record.bytes, record.len - 1, &old_exchange), 0);
        assert_int_equal(old_exchange.intent.window_ms, 9);
        assert_null(old_exchange.intent.endpoint);
        record_clear(&record);

        assert_int_equal(record_decode(&delete_record, old_delete, sizeof(old_delete), &delete), 0);
        assert_int_equal(delete.intent.links.n_links, 1);
        assert_string_equal(delete.intent.links.links[0]->authenticator_id, "pk");
        assert_int_equal(delete.intent.links.links[0]->id, 0);
        assert_null(delete.intent.endpoint);
        delete_intent_clear(&delete.intent);
}

static void test_decision(void **state)
{
        TombstoneRecord decision = {.tenancy = 7, .tombstoned_at_ms = 8, .subject = {1, 2}},
                        copy = {};
        _cleanup_(record_clear) Record record = {};

        assert_int_equal(record_encode(&tombstone_record, &decision, &record), 0);
        assert_int_equal(record_decode(&tombstone_record, record.bytes, record.len, &copy), 0);
        assert_int_equal(copy.tenancy, 7);
        assert_int_equal(copy.tombstoned_at_ms, 8);
        assert_memory_equal(copy.subject, decision.subject, SUBJECT_DIGEST_LEN);
        check_strict(&record, 1, read_decision);
}

static void test_answer_error(void **state)
{
        IdempotencyRecord answer = {.error = ERROR_LINK_CONFLICT, .expires_at_ms = 5}, copy = {};
        _cleanup_(record_clear) Record record = {};

        assert_int_equal(record_encode(&idempotency_record, &answer, &record), 0);
        assert_int_equal(record_decode(&idempotency_record, record.bytes, record.len, &copy), 0);
        assert_int_equal(copy.error, ERROR_LINK_CONFLICT);
        assert_null(copy.principal);
        assert_false(copy.linked);
        check_strict(&record, 1, read_answer);

        /* An unknown error and an unknown flag. */
        record.bytes[9] = ERROR_MAX + 1;
        assert_int_equal(read_answer(record.bytes, record.len), -EBADMSG);
        record.bytes[9] = ERROR_MAX;
        assert_int_equal(read_answer(record.bytes, record.len), 0);
        record.bytes[10] = 4;
        assert_int_equal(read_answer(record.bytes, record.len), -EBADMSG);
}

/* Objects that could not be decoded are not encoded. */
static void test_unacceptable(void **state)
{
        _cleanup_(freep) char *long_id = make_id(513, 1), *long_user = make_id(257, 1),
                              *long_name = make_id(65536, 1);
        char id[] = "auth", user[] = "ada", empty[] = "";
        const Link links[] = {
                {.authenticator_id = long_id, .user_id = user},
                {.authenticator_id = id, .user_id = long_user},
                {.authenticator_id = empty, .user_id = user},
                {.authenticator_id = id, .user_id = empty},
                {.authenticator_id = id},
                {.user_id = user},
                {.authenticator_id = id, .user_id = user, .platform_name = long_name},
        };
        _cleanup_(principal_freep) Principal *principal = make_principal();
        Record record = {};

        for (size_t i = 0; i < ARRAY_SIZE(links); i++)
                assert_int_equal(record_encode(&link_record, &links[i], &record), -EINVAL);

        assert_int_equal(record_encode(&idempotency_record, &(IdempotencyRecord){}, &record),
                         -EINVAL);
        assert_int_equal(
                record_encode(&idempotency_record, &(IdempotencyRecord){.error = -1}, &record),
                -EINVAL);
        assert_int_equal(record_encode(&idempotency_record,
                                       &(IdempotencyRecord){.error = ERROR_MAX + 1}, &record),
                         -EINVAL);
        assert_int_equal(record_encode(&idempotency_record,
                                       &(IdempotencyRecord){.error = 1, .principal = principal},
                                       &record),
                         -EINVAL);
        free(TAKE_PTR(principal->authenticator_type));
        assert_int_equal(record_encode(&idempotency_record,
                                       &(IdempotencyRecord){.principal = principal}, &record),
                         -EINVAL);
        assert_null(record.bytes);
}

/* An embedded NUL is refused. */
static void test_nul_inside(void **state)
{
        _cleanup_(link_freep) Link *link = make_link("auth", "ada", 1);
        _cleanup_(record_clear) Record record = {};

        assert_int_equal(record_encode(&link_record, link, &record), 0);
        assert_int_equal(key_for_link(7, "auth", &link_key), 0);
        assert_int_equal(record.bytes[2], 'a');
        record.bytes[3] = '\0';
        assert_int_equal(read_link(record.bytes, record.len), -EBADMSG);
        record.bytes[3] = 0xff;
        assert_int_equal(read_link(record.bytes, record.len), -EBADMSG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tenancy),      cmocka_unit_test(test_link),
                cmocka_unit_test(test_answer),       cmocka_unit_test(test_answer_error),
                cmocka_unit_test(test_exchange),     cmocka_unit_test(test_delete),
                cmocka_unit_test(test_decision),     cmocka_unit_test(test_schema_2),
                cmocka_unit_test(test_link_times),   cmocka_unit_test(test_link_size),
                cmocka_unit_test(test_bad_links),    cmocka_unit_test(test_bad_link_keys),
                cmocka_unit_test(test_unacceptable), cmocka_unit_test(test_nul_inside),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
