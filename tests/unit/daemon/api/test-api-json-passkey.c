/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/strv.h"
#include "daemon/api/api-json.h"
#include "tests/unit/daemon/api/json-fields.h"
#include "tests/unit/test.h"

static const char passkey_reply[] =
        "{\"_tag\":\"Passkey\",\"id\":\"pk1\",\"userId\":\"user-42\",\"enabled\":true,"
        "\"credential\":{\"id\":\"hffH\",\"userId\":\"aDdx\",\"username\":\"ada\","
        "\"aaguid\":\"fbfc3007-154e-4ecc-8c0b-6e020557d7bd\",\"backedUp\":true,\"counter\":7,"
        "\"deviceType\":\"multiDevice\",\"transports\":[\"hybrid\",\"internal\"],"
        "\"publicKey\":\"pQEC\",\"rpId\":\"localhost\"},"
        "\"platform\":{\"name\":\"Keychain\",\"icon\":\"https://a/b.svg\"},"
        "\"createdAt\":1767225600000,\"updatedAt\":1767225660000,\"lastUsed\":1767225660001}";

#define ROW(id) \
        "{\"_tag\":\"PasskeySummary\",\"id\":\"" id "\",\"userId\":\"user-42\",\"enabled\":true," \
        "\"credential\":{\"id\":\"hffH\",\"userId\":\"aDdx\"},\"createdAt\":1767225600000," \
        "\"lastUsed\":1767225660000}"

static const char list_reply[] =
        "{\"_tag\":\"FindAllPasskeys\",\"cursor\":\"c2Vj\",\"records\":[" ROW("pk1") "," ROW(
                "pk2") "]}";

static const char update_reply[] =
        "{\"_tag\":\"PreparedPasskeyUpdate\",\"updatePasskeysToken\":\"ut_1\","
        "\"expiresAt\":1767225900000,\"warnings\":[{\"code\":\"PASSKEY_NOT_FOUND\","
        "\"message\":\"There is none\",\"passkeyId\":\"pk0\"},"
        "{\"code\":\"NEWLY_INVENTED\",\"message\":\"m\"}]}";

static const char deletion_reply[] =
        "{\"_tag\":\"PreparedPasskeyDeletion\",\"deletePasskeysToken\":\"dt_1\","
        "\"expiresAt\":1767225900000,\"warnings\":[]}";

static const char pruning_reply[] =
        "{\"_tag\":\"PreparedPasskeyPruning\",\"prunePasskeysToken\":\"pt_1\","
        "\"expiresAt\":1767225900000,\"warnings\":[]}";

static Passkey *passkey_of(const char *body)
{
        Passkey *passkey = NULL;

        assert_int_equal(api_json_read_passkey(body, strlen(body), &passkey), 0);
        assert_non_null(passkey);
        return passkey;
}

static int read_passkey(const char *body, size_t body_len)
{
        Passkey *passkey = NULL;
        int r;

        r = api_json_read_passkey(body, body_len, &passkey);
        assert_true((r == 0) == (passkey != NULL));
        passkey_free(passkey);
        return r;
}

static int read_list(const char *body, size_t body_len)
{
        _cleanup_(passkey_list_clear) PasskeyList list = {};
        _cleanup_(freep) char *cursor = NULL;
        int r;

        r = api_json_read_passkey_list(body, body_len, &list, &cursor);
        if (r != 0) {
                assert_null(list.passkeys);
                assert_null(cursor);
        }
        return r;
}

/* Whether the second row is accepted; the first must always be. */
static int read_second_row(const char *body, size_t body_len)
{
        _cleanup_(passkey_list_clear) PasskeyList list = {};
        _cleanup_(freep) char *cursor = NULL;

        assert_int_equal(api_json_read_passkey_list(body, body_len, &list, &cursor), 0);
        assert_int_equal(list.n_passkeys + list.n_unreadable, 2);
        assert_string_equal(list.passkeys[0]->id, "pk1");
        assert_string_equal(cursor, "c2Vj");
        return list.n_unreadable == 0 ? 0 : ERROR_MALFORMED_REPLY;
}

static int read_management(int (*read)(const char *body, size_t body_len, Management *ret),
                           const char *body, size_t body_len)
{
        Management management = {};
        int r;

        r = read(body, body_len, &management);
        assert_true((r == 0) == (management.token != NULL));
        if (r != 0)
                assert_null(management.warnings);
        management_clear(&management);
        return r;
}

static int read_update(const char *body, size_t body_len)
{
        return read_management(api_json_read_update, body, body_len);
}

static int read_deletion(const char *body, size_t body_len)
{
        return read_management(api_json_read_deletion, body, body_len);
}

static int read_pruning(const char *body, size_t body_len)
{
        return read_management(api_json_read_pruning, body, body_len);
}

static void test_passkey(void **state)
{
        _cleanup_(passkey_freep) Passkey *passkey = passkey_of(passkey_reply);

        assert_string_equal(passkey->id, "pk1");
        assert_string_equal(passkey->user_id, "user-42");
        assert_true(passkey->enabled);
        assert_string_equal(passkey->credential_id, "hffH");
        assert_string_equal(passkey->credential_user_id, "aDdx");
        assert_string_equal(passkey->username, "ada");
        assert_string_equal(passkey->aaguid, "fbfc3007-154e-4ecc-8c0b-6e020557d7bd");
        assert_true(passkey->backed_up);
        assert_int_equal(passkey->counter, 7);
        assert_string_equal(passkey->device_type, "multiDevice");
        assert_int_equal(strv_len(passkey->transports), 2);
        assert_string_equal(passkey->transports[0], "hybrid");
        assert_string_equal(passkey->transports[1], "internal");
        assert_string_equal(passkey->public_key, "pQEC");
        assert_string_equal(passkey->rp_id, "localhost");
        assert_string_equal(passkey->platform_name, "Keychain");
        assert_string_equal(passkey->platform_icon, "https://a/b.svg");
        assert_int_equal(passkey->created_at_ms, 1767225600000);
        assert_int_equal(passkey->updated_at_ms, 1767225660000);
        assert_int_equal(passkey->last_used_at_ms, 1767225660001);
}

static void test_passkey_without_options(void **state)
{
        _cleanup_(passkey_freep) Passkey *passkey =
                passkey_of("{\"_tag\":\"Passkey\",\"id\":\"pk1\",\"enabled\":false,"
                           "\"credential\":{\"id\":\"hffH\",\"userId\":\"aDdx\","
                           "\"username\":\"ada\",\"aaguid\":\"short\",\"backedUp\":false,"
                           "\"counter\":0,\"deviceType\":\"singleDevice\",\"transports\":[],"
                           "\"publicKey\":\"pQEC\",\"rpId\":\"localhost\"},"
                           "\"createdAt\":1767225600000,\"updatedAt\":1767225660000}");

        assert_null(passkey->user_id);
        assert_false(passkey->enabled);
        assert_false(passkey->backed_up);
        assert_int_equal(strv_len(passkey->transports), 0);
        assert_string_equal(passkey->device_type, "singleDevice");
        assert_null(passkey->platform_name);
        assert_null(passkey->platform_icon);
        assert_int_equal(passkey->last_used_at_ms, 0);
}

static void test_list(void **state)
{
        _cleanup_(passkey_list_clear) PasskeyList list = {};
        _cleanup_(freep) char *cursor = NULL;

        assert_int_equal(api_json_read_passkey_list(list_reply, strlen(list_reply), &list, &cursor),
                         0);
        assert_string_equal(cursor, "c2Vj");
        assert_int_equal(list.n_passkeys, 2);
        assert_string_equal(list.passkeys[1]->id, "pk2");
        assert_string_equal(list.passkeys[1]->user_id, "user-42");
        assert_true(list.passkeys[1]->enabled);
        assert_string_equal(list.passkeys[1]->credential_id, "hffH");
        assert_string_equal(list.passkeys[1]->credential_user_id, "aDdx");
        assert_int_equal(list.passkeys[1]->created_at_ms, 1767225600000);
        assert_int_equal(list.passkeys[1]->last_used_at_ms, 1767225660000);
        assert_null(list.passkeys[1]->username);
        assert_null(list.passkeys[1]->transports);
}

/* Null and empty mean the last page; a missing cursor is malformed. */
static void test_last_page(void **state)
{
        static const char *const ends[] = {
                "{\"_tag\":\"FindAllPasskeys\",\"cursor\":null,\"records\":[]}",
                "{\"_tag\":\"FindAllPasskeys\",\"cursor\":\"\",\"records\":[]}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
                PasskeyList list = {};
                char *cursor = NULL;

                assert_int_equal(
                        api_json_read_passkey_list(ends[i], strlen(ends[i]), &list, &cursor), 0);
                assert_null(cursor);
                assert_int_equal(list.n_passkeys, 0);
        }
        assert_int_equal(read_changed(read_list, list_reply, "cursor", NULL),
                         ERROR_MALFORMED_REPLY);
}

static const Field passkey_fields[] = {
        {"_tag", 's'},
        {"id", 's', .len_max = 512},
        {"userId", 's', .optional = true, .len_max = 256},
        {"enabled", 'b'},
        {"credential", 'o'},
        {"credential/id", 's', .len_max = 2048},
        {"credential/userId", 's', .len_max = 512},
        {"credential/username", 's', .informs = true, .len_max = 256},
        {"credential/aaguid", 's', .len_max = 256},
        {"credential/backedUp", 'b'},
        {"credential/counter", 'n'},
        {"credential/deviceType", 's'},
        {"credential/transports", 'a'},
        {"credential/publicKey", 's', .len_max = 8192},
        {"credential/rpId", 's', .len_max = 253},
        {"platform", 'o', .informs = true},
        {"platform/name", 's', .informs = true, .len_max = 256},
        {"platform/icon", 's', .informs = true, .len_max = 8192},
        {"createdAt", 'n'},
        {"updatedAt", 'n'},
        {"lastUsed", 'n', .optional = true},
};

static const Field list_fields[] = {
        {"_tag", 's'},
        {"records", 'a'},
};

/* Required fields of a row. */
static const Field row_fields[] = {
        {"records/1/_tag", 's'},
        {"records/1/id", 's', .len_max = 512},
        {"records/1/userId", 's', .len_max = 256},
        {"records/1/enabled", 'b'},
        {"records/1/credential", 'o'},
        {"records/1/credential/id", 's', .len_max = 2048},
        {"records/1/credential/userId", 's', .len_max = 512},
        {"records/1/createdAt", 'n'},
        {"records/1/lastUsed", 'n', .optional = true},
};

static const Field update_fields[] = {
        {"_tag", 's'},
        {"updatePasskeysToken", 's', .len_max = 8192},
        {"expiresAt", 'n'},
        {"warnings", 'a'},
        {"warnings/0/code", 's', .informs = true, .len_max = 128},
        {"warnings/0/message", 's', .informs = true, .len_max = 4096},
        {"warnings/0/passkeyId", 's', .informs = true, .len_max = 512},
};

static const Field deletion_fields[] = {
        {"_tag", 's'},
        {"deletePasskeysToken", 's', .len_max = 8192},
        {"expiresAt", 'n'},
        {"warnings", 'a'},
};

static const Field pruning_fields[] = {
        {"_tag", 's'},
        {"prunePasskeysToken", 's', .len_max = 8192},
        {"expiresAt", 'n'},
        {"warnings", 'a'},
};

static void test_every_field(void **state)
{
        assert_fields(read_passkey, passkey_reply, passkey_fields, ARRAY_SIZE(passkey_fields));
        assert_fields(read_list, list_reply, list_fields, ARRAY_SIZE(list_fields));
        assert_fields(read_second_row, list_reply, row_fields, ARRAY_SIZE(row_fields));
        assert_fields(read_update, update_reply, update_fields, ARRAY_SIZE(update_fields));
        assert_fields(read_deletion, deletion_reply, deletion_fields, ARRAY_SIZE(deletion_fields));
        assert_fields(read_pruning, pruning_reply, pruning_fields, ARRAY_SIZE(pruning_fields));
}

static const char *const not_objects[] = {"1", "\"x\"", "null", "[]", "true", "{}"};

/* Unreadable rows are counted, with their ids if readable. */
static void test_unreadable_rows(void **state)
{
        static const char body[] =
                "{\"_tag\":\"FindAllPasskeys\",\"cursor\":null,\"records\":[7," ROW(
                        "pk1") ","
                               "{\"_tag\":\"PasskeySummary\",\"id\":\"pk2\",\"enabled\":true},"
                               "{\"_tag\":\"Passkey\",\"id\":\"pk3\"},{\"id\":\"a\\nb\"},null,{"
                               "\"id\":7}," ROW("pk\\ud83d") "," ROW("pk4") "]}";
        _cleanup_(passkey_list_clear) PasskeyList list = {};
        char *cursor = NULL;

        assert_int_equal(api_json_read_passkey_list(body, strlen(body), &list, &cursor), 0);
        assert_null(cursor);
        assert_int_equal(list.n_passkeys, 2);
        assert_string_equal(list.passkeys[0]->id, "pk1");
        assert_string_equal(list.passkeys[1]->id, "pk4");
        assert_int_equal(list.n_unreadable, 7);
        assert_int_equal(strv_len(list.unreadable_ids), 2);
        assert_string_equal(list.unreadable_ids[0], "pk2");
        assert_string_equal(list.unreadable_ids[1], "pk3");
}

/* A row that is no JSON by itself spoils no other. */
static void test_malformed_rows(void **state)
{
        static const char *const rows[] = {
                "{\"_tag\":\"PasskeySummary\",\"id\":\"pk2\",\"id\":\"pk2\"}",
                "{\"_tag\":\"PasskeySummary\",\"a\":{\"b\":1,\"b\":1}}",
                "{\"createdAt\":1e999}",
                "{\"a\":01}",
                "{\"a\":\"\\x\"}",
                "nothing",
                "[}",
        };
        _cleanup_(freep) char *deep = malloc(200001);

        assert_non_null(deep);
        memset(deep, '[', 100000);
        memset(deep + 100000, ']', 100000);
        deep[200000] = '\0';
        for (size_t i = 0; i <= ARRAY_SIZE(rows); i++) {
                _cleanup_(passkey_list_clear) PasskeyList list = {};
                _cleanup_(freep) char *body = NULL, *cursor = NULL;

                assert_true(
                        asprintf(&body,
                                 "{\"records\" : [ %s , " ROW(
                                         "pk1") ",%s] ,"
                                                "\"_tag\":\"FindAllPasskeys\",\"cursor\":\"c2Vj\"}",
                                 i < ARRAY_SIZE(rows) ? rows[i] : deep, ROW("pk3")) > 0);
                assert_int_equal(api_json_read_passkey_list(body, strlen(body), &list, &cursor), 0);
                assert_string_equal(cursor, "c2Vj");
                assert_int_equal(list.n_passkeys, 2);
                assert_int_equal(list.n_unreadable, 1);
        }
}

/* Fields outside of the rows must be valid. */
static void test_malformed_pages(void **state)
{
        static const char *const pages[] = {
                "{\"_tag\":\"FindAllPasskeys\",\"cursor\":null,\"records\":[],\"records\":[]}",
                "{\"_tag\":\"FindAllPasskeys\",\"cursor\":null,\"records\":[],\"a\":1,\"a\":1}",
                "{\"_tag\":\"FindAllPasskeys\",\"cursor\":null,\"records\":[]}x",
                "{\"_tag\":\"FindAllPasskeys\",\"cursor\":null,\"records\":[",
                "{\"_tag\":\"FindAllPasskeys\",\"cursor\":null,\"records\":[]",
                "{\"_tag\":\"FindAllPasskeys\",\"records\":,\"cursor\":null}",
                "{\"_tag\":\"FindAllPasskeys\",\"records\":[,],\"cursor\":null}",
                "{\"_tag\":\"FindAllPasskeys\",\"records\":[" ROW("pk1") ",],\"cursor\":null}",
                "{\"_tag\":\"FindAllPasskeys\",\"records\":[" ROW("pk1")
                        ROW("pk2") "],\"cursor\":null}",
                "{\"_tag\":\"FindAllPasskeys\",\"records\":[[]}],\"cursor\":null}",
                "{\"_tag\":\"FindAllPasskeys\",\"cursor\":null,\"inner\":{\"records\":[]}}",
                "[{\"_tag\":\"FindAllPasskeys\",\"cursor\":null,\"records\":[]}]",
        };

        for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
                assert_int_equal(read_list(pages[i], strlen(pages[i])), ERROR_MALFORMED_REPLY);
}

static void test_rows_of_wrong_type(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(not_objects); i++)
                assert_int_equal(
                        read_changed(read_second_row, list_reply, "records/1", not_objects[i]),
                        ERROR_MALFORMED_REPLY);
}

/* An invalid transport is skipped; the others are kept. */
static void test_transports(void **state)
{
        static const char *const not_strings[] = {"1", "\"\"", "null", "[]", "{}", "\"a\\u0007\""};
        _cleanup_(freep) char *transport = letters(64), *too_long = letters(65);
        char *body = reply_changed(passkey_reply, "credential/transports/1", transport);
        Passkey *passkey = passkey_of(body);

        assert_int_equal(strv_len(passkey->transports), 2);
        assert_int_equal(strlen(passkey->transports[1]), 64);
        passkey_free(passkey);
        free(body);
        for (size_t i = 0; i <= ARRAY_SIZE(not_strings); i++) {
                body = reply_changed(passkey_reply, "credential/transports/0",
                                     i < ARRAY_SIZE(not_strings) ? not_strings[i] : too_long);
                passkey = passkey_of(body);
                assert_int_equal(strv_len(passkey->transports), 1);
                assert_string_equal(passkey->transports[0], "internal");
                passkey_free(passkey);
                free(body);
        }
}

static void test_cursors(void **state)
{
        static const char *const bad[] = {"1", "{}", "\"a\\nb\""};
        _cleanup_(freep) char *cursor = letters(4096), *long_cursor = letters(4097);

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(read_changed(read_list, list_reply, "cursor", bad[i]),
                                 ERROR_MALFORMED_REPLY);
        assert_int_equal(read_changed(read_list, list_reply, "cursor", cursor), 0);
        assert_int_equal(read_changed(read_list, list_reply, "cursor", long_cursor),
                         ERROR_MALFORMED_REPLY);
}

/* A JSON array of `n` times `element`, to be freed. */
static char *array_of(const char *element, size_t n)
{
        char *text = malloc(n * (strlen(element) + 1) + 2), *end = text;

        assert_non_null(text);
        for (size_t i = 0; i < n; i++)
                end = stpcpy(stpcpy(end, i == 0 ? "[" : ","), element);
        stpcpy(end, "]");
        return text;
}

static void test_array_bounds(void **state)
{
        _cleanup_(freep) char *rows = array_of(ROW("pk1"), 10000);
        _cleanup_(freep) char *too_many_rows = array_of(ROW("pk1"), 10001);
        _cleanup_(freep) char *transports = array_of("\"usb\"", 33);
        _cleanup_(freep) char *warnings = array_of("{\"code\":\"c\",\"message\":\"m\"}", 1001);
        _cleanup_(freep) char *passkey_body =
                reply_changed(passkey_reply, "credential/transports", transports);
        _cleanup_(freep) char *update_body = reply_changed(update_reply, "warnings", warnings);
        _cleanup_(passkey_freep) Passkey *passkey = passkey_of(passkey_body);
        _cleanup_(management_clear) Management management = {};

        assert_int_equal(read_changed(read_list, list_reply, "records", rows), 0);
        assert_int_equal(read_changed(read_list, list_reply, "records", too_many_rows),
                         ERROR_MALFORMED_REPLY);
        assert_int_equal(strv_len(passkey->transports), 32);
        assert_int_equal(api_json_read_update(update_body, strlen(update_body), &management), 0);
        assert_int_equal(management.n_warnings, 1000);
}

/* An invalid warning does not fail the reply. */
static void test_warnings(void **state)
{
        static const char body[] =
                "{\"_tag\":\"PreparedPasskeyUpdate\",\"updatePasskeysToken\":\"ut_1\","
                "\"expiresAt\":1,\"warnings\":[7,{\"message\":\"m\"},{\"code\":\"a\\nb\"},"
                "{\"code\":\"C1\",\"message\":\"a\\nb\",\"passkeyId\":\"\\ufffe\"},"
                "{\"code\":\"C2\"},{\"code\":\"C3\",\"message\":\"m\",\"passkeyId\":\"pk1\"}]}";
        _cleanup_(management_clear) Management management = {};

        assert_int_equal(api_json_read_update(body, strlen(body), &management), 0);
        assert_string_equal(management.token, "ut_1");
        assert_int_equal(management.n_warnings, 3);
        assert_string_equal(management.warnings[0].code, "C1");
        assert_string_equal(management.warnings[0].message, "");
        assert_null(management.warnings[0].passkey_id);
        assert_string_equal(management.warnings[1].code, "C2");
        assert_string_equal(management.warnings[1].message, "");
        assert_string_equal(management.warnings[2].message, "m");
        assert_string_equal(management.warnings[2].passkey_id, "pk1");
}

static void assert_last_used(const char *value, uint64_t expected)
{
        _cleanup_(passkey_freep) Passkey *passkey = NULL;
        char body[1024];

        snprintf(body, sizeof(body),
                 "{\"_tag\":\"Passkey\",\"id\":\"pk1\",\"enabled\":true,"
                 "\"credential\":{\"id\":\"hffH\",\"userId\":\"aDdx\",\"username\":\"ada\","
                 "\"aaguid\":\"a\",\"backedUp\":true,\"counter\":1,\"deviceType\":\"multiDevice\","
                 "\"transports\":[],\"publicKey\":\"pQEC\",\"rpId\":\"localhost\"},"
                 "\"createdAt\":%s,\"updatedAt\":%s,\"lastUsed\":%s}",
                 value, value, value);
        passkey = passkey_of(body);
        assert_int_equal(passkey->created_at_ms, expected);
        assert_int_equal(passkey->updated_at_ms, expected);
        assert_int_equal(passkey->last_used_at_ms, expected);
}

static void test_times(void **state)
{
        static const char *const bad[] = {"-1", "9007199254740992", "1e300", "\"1\""};

        assert_last_used("0", 0);
        assert_last_used("1767225600", 1767225600000);
        assert_last_used("99999999999", 99999999999000);
        assert_last_used("100000000000", 100000000000);
        assert_last_used("1767225600000", 1767225600000);
        assert_last_used("9007199254740991", 9007199254740991);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                assert_int_equal(read_changed(read_passkey, passkey_reply, "lastUsed", bad[i]),
                                 ERROR_MALFORMED_REPLY);
                assert_int_equal(
                        read_changed(read_second_row, list_reply, "records/1/lastUsed", bad[i]),
                        ERROR_MALFORMED_REPLY);
                assert_int_equal(
                        read_changed(read_passkey, passkey_reply, "credential/counter", bad[i]),
                        ERROR_MALFORMED_REPLY);
        }
}

/* Informational names and icons. */
static void test_labels(void **state)
{
        _cleanup_(freep) char *long_name = letters(300), *long_icon = letters(8193);
        char *body = reply_changed(passkey_reply, "credential/username", long_name);
        Passkey *passkey = passkey_of(body);

        assert_int_equal(strlen(passkey->username), 256);
        assert_string_equal(passkey->platform_name, "Keychain");
        passkey_free(passkey);
        free(body);

        body = reply_changed(passkey_reply, "platform/name", "\"a\\nb\"");
        passkey = passkey_of(body);
        assert_null(passkey->platform_name);
        assert_string_equal(passkey->platform_icon, "https://a/b.svg");
        assert_string_equal(passkey->username, "ada");
        passkey_free(passkey);
        free(body);

        /* a truncated URL is useless */
        body = reply_changed(passkey_reply, "platform/icon", long_icon);
        passkey = passkey_of(body);
        assert_null(passkey->platform_icon);
        passkey_free(passkey);
        free(body);
}

static void test_management(void **state)
{
        Management management = {};

        assert_int_equal(api_json_read_update(update_reply, strlen(update_reply), &management), 0);
        assert_string_equal(management.token, "ut_1");
        assert_int_equal(management.expires_at_ms, 1767225900000);
        assert_int_equal(management.n_warnings, 2);
        assert_string_equal(management.warnings[0].code, "PASSKEY_NOT_FOUND");
        assert_string_equal(management.warnings[0].message, "There is none");
        assert_string_equal(management.warnings[0].passkey_id, "pk0");
        assert_string_equal(management.warnings[1].code, "NEWLY_INVENTED");
        assert_null(management.warnings[1].passkey_id);
        management_clear(&management);

        assert_int_equal(
                api_json_read_deletion(deletion_reply, strlen(deletion_reply), &management), 0);
        assert_string_equal(management.token, "dt_1");
        assert_int_equal(management.n_warnings, 0);
        management_clear(&management);

        assert_int_equal(api_json_read_pruning(pruning_reply, strlen(pruning_reply), &management),
                         0);
        assert_string_equal(management.token, "pt_1");
        management_clear(&management);
}

static void test_extra_fields(void **state)
{
        assert_int_equal(read_changed(read_passkey, passkey_reply, "credential/new", "[{}]"), 0);
        assert_int_equal(read_changed(read_list, list_reply, "records/0/username", "1"), 0);
        assert_int_equal(read_changed(read_update, update_reply, "warnings/0/new", "null"), 0);
}

static void assert_body(int r, char *body, const char *expected)
{
        assert_int_equal(r, 0);
        assert_string_equal(body, expected);
        free(body);
}

static void test_write(void **state)
{
        char *ids[] = {(char *) "pk1", (char *) "pk\"2", NULL};
        char *body = NULL;
        int r;

        r = api_json_write_update("User-42", "Zo\xc3\xab", NULL, &body);
        assert_body(r, body, "{\"userId\":\"User-42\",\"username\":\"Zo\xc3\xab\"}");
        r = api_json_write_update("u", "ada", "Ada L.", &body);
        assert_body(r, body, "{\"userId\":\"u\",\"username\":\"ada\",\"displayName\":\"Ada L.\"}");
        r = api_json_write_passkey_ids(ids, &body);
        assert_body(r, body, "{\"passkeyIds\":[\"pk1\",\"pk\\\"2\"]}");
        r = api_json_write_user("u", &body);
        assert_body(r, body, "{\"userId\":\"u\"}");
}

static void test_unwritable(void **state)
{
        char *none[] = {NULL}, *empty[] = {(char *) "pk1", (char *) "", NULL};
        char *bad[] = {(char *) "pk\xff", NULL};
        char *untouched = (char *) 1;

        assert_int_equal(api_json_write_update(NULL, "a", NULL, &untouched), -EINVAL);
        assert_int_equal(api_json_write_update("u", NULL, NULL, &untouched), -EINVAL);
        assert_int_equal(api_json_write_update("u", "a\xff", NULL, &untouched), -EINVAL);
        assert_int_equal(api_json_write_update("u", "a", "\xff", &untouched), -EINVAL);
        assert_int_equal(api_json_write_passkey_ids(NULL, &untouched), -EINVAL);
        assert_int_equal(api_json_write_passkey_ids(none, &untouched), -EINVAL);
        assert_int_equal(api_json_write_passkey_ids(empty, &untouched), -EINVAL);
        assert_int_equal(api_json_write_passkey_ids(bad, &untouched), -EINVAL);
        assert_int_equal(api_json_write_user(NULL, &untouched), -EINVAL);
        assert_int_equal(api_json_write_user("\xff", &untouched), -EINVAL);
        assert_ptr_equal(untouched, (char *) 1);
}

static void test_no_memory(void **state)
{
        assert_survives_no_memory(read_passkey, passkey_reply);
        assert_survives_no_memory(read_list, list_reply);
        assert_survives_no_memory(read_update, update_reply);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_passkey),
                cmocka_unit_test(test_passkey_without_options),
                cmocka_unit_test(test_list),
                cmocka_unit_test(test_last_page),
                cmocka_unit_test(test_every_field),
                cmocka_unit_test(test_unreadable_rows),
                cmocka_unit_test(test_malformed_rows),
                cmocka_unit_test(test_malformed_pages),
                cmocka_unit_test(test_rows_of_wrong_type),
                cmocka_unit_test(test_transports),
                cmocka_unit_test(test_cursors),
                cmocka_unit_test(test_warnings),
                cmocka_unit_test(test_labels),
                cmocka_unit_test(test_array_bounds),
                cmocka_unit_test(test_times),
                cmocka_unit_test(test_management),
                cmocka_unit_test(test_extra_fields),
                cmocka_unit_test(test_write),
                cmocka_unit_test(test_unwritable),
                cmocka_unit_test(test_no_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
