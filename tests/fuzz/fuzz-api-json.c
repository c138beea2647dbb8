/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Replies of the API, and bodies of requests. The first byte selects the function. */

#include <errno.h>

#include "daemon/api/api-json.h"
#include "daemon/json/json-text.h"
#include "daemon/json/json.h"
#include "daemon/model/valid.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc _unused_, char ***argv _unused_)
{
        json_object_seed(1);
        json_wipe_memory();
        return 0;
}

/* Readers return 0 or ERROR_MALFORMED_REPLY; there is enough memory. */
static bool is_read(int r)
{
        assert(r == 0 || r == ERROR_MALFORMED_REPLY);
        return r == 0;
}

static bool is_optional(const char *s, size_t len_max)
{
        return !s || text_is_valid(s, len_max);
}

static void check_token(const Token *token)
{
        assert(text_is_valid(token->token, 8192) && token->expires_at_ms <= TIME_MS_MAX);
        free(token->token);
}

static void fuzz_principal(const char *body, size_t len)
{
        _cleanup_(principal_freep) Principal *p = NULL;

        if (!is_read(api_json_read_principal(body, len, &p)))
                return;
        assert(id_is_valid(p->id) && user_id_is_valid(p->user_id));
        assert(id_is_valid(p->authenticator_id) && streq(p->authenticator_type, "passkey"));
        assert(p->created_at_ms <= TIME_MS_MAX && p->expires_at_ms <= TIME_MS_MAX);
        assert(is_optional(p->platform_name, PLATFORM_NAME_LEN_MAX));
        assert(is_optional(p->ip_address, 256) && is_optional(p->user_agent, 4096));
}

static void check_summary(const Passkey *p)
{
        assert(id_is_valid(p->id) && text_is_valid(p->credential_id, 2048));
        assert(text_is_valid(p->credential_user_id, 512));
        /* Seconds become milliseconds. */
        assert(p->created_at_ms <= TIME_MS_MAX && p->last_used_at_ms <= TIME_MS_MAX);
}

static void fuzz_passkey(const char *body, size_t len)
{
        _cleanup_(passkey_freep) Passkey *p = NULL;

        if (!is_read(api_json_read_passkey(body, len, &p)))
                return;
        check_summary(p);
        assert(is_optional(p->user_id, USER_ID_LEN_MAX) && is_optional(p->username, 256));
        assert(text_is_valid(p->aaguid, 256) && text_is_valid(p->device_type, 12));
        assert(text_is_valid(p->public_key, 8192) && rp_id_is_valid(p->rp_id));
        assert(is_optional(p->platform_name, 256) && is_optional(p->platform_icon, 8192));
        assert(p->counter <= TIME_MS_MAX && p->updated_at_ms <= TIME_MS_MAX);
        for (size_t i = 0; p->transports && p->transports[i]; i++)
                assert(i < 32 && text_is_valid(p->transports[i], 64));
}

static void fuzz_passkey_list(const char *body, size_t len)
{
        _cleanup_(freep) char *next_cursor = NULL;
        PasskeyList list = {};

        if (is_read(api_json_read_passkey_list(body, len, &list, &next_cursor))) {
                assert(list.n_passkeys + list.n_unreadable <= 10000);
                assert(is_optional(next_cursor, 4096));
                for (size_t i = 0; i < list.n_passkeys; i++) {
                        check_summary(list.passkeys[i]);
                        assert(user_id_is_valid(list.passkeys[i]->user_id));
                }
                for (size_t i = 0; list.unreadable_ids && list.unreadable_ids[i]; i++)
                        assert(i < list.n_unreadable && id_is_valid(list.unreadable_ids[i]));
        }
        passkey_list_clear(&list);
}

static void fuzz_management(int (*read)(const char *, size_t, Management *), const char *body,
                            size_t len)
{
        Management m = {};

        if (is_read(read(body, len, &m))) {
                assert(text_is_valid(m.token, 8192) && m.expires_at_ms <= TIME_MS_MAX);
                assert(m.n_warnings <= 1000);
                for (size_t i = 0; i < m.n_warnings; i++) {
                        assert(text_is_valid(m.warnings[i].code, 128));
                        assert(!*m.warnings[i].message ||
                               text_is_valid(m.warnings[i].message, 4096));
                        assert(is_optional(m.warnings[i].passkey_id, PASSKEY_ID_LEN_MAX));
                }
        }
        management_clear(&m);
}

static void fuzz_challenge(int (*read)(const char *, size_t, Challenge **), const char *body,
                           size_t len)
{
        _cleanup_(challenge_freep) Challenge *c = NULL;
        json_auto_t *metadata = NULL;

        if (!is_read(read(body, len, &c)))
                return;
        assert(id_is_valid(c->id) && purpose_is_valid(c->purpose) && email_is_valid(c->email));
        assert(is_optional(c->user_id, USER_ID_LEN_MAX));
        assert(c->created_at_ms <= TIME_MS_MAX && c->expires_at_ms <= TIME_MS_MAX);
        if (c->metadata) {
                /* D-Bus can carry it. An escaped character has up to 12 bytes instead of 3. */
                assert(prose_is_valid(c->metadata, (size_t) 4 * METADATA_LEN_MAX));
                assert(json_read_object(c->metadata, strlen(c->metadata), &metadata) == 0);
        }
        assert((read == api_json_read_created_challenge) == (c->secret != NULL));
        assert(!c->secret || (secret_is_valid(c->secret) && challenge_code_is_valid(c->code)));
        assert(!c->message_html || prose_is_valid(c->message_html, (size_t) 64 * 1024));
        assert(!c->message_text || prose_is_valid(c->message_text, (size_t) 64 * 1024));
}

static void fuzz_token(int (*read)(const char *, size_t, Token *), const char *body, size_t len)
{
        Token token;

        if (is_read(read(body, len, &token)))
                check_token(&token);
}

static void fuzz_error(const char *body, size_t len)
{
        ApiErrorBody error;

        assert(api_json_read_error(body, len, &error) == 0);
        assert(!*error.tag || text_is_valid(error.tag, API_TAG_LEN_MAX));
}

/* The texts of a written body are those that were given. */
static void check_member(const json_t *root, const char *name, const char *expected)
{
        assert(streq_ptr(json_string_value(json_object_get(root, name)), expected));
}

/* Metadata is sent as it is, but for white space between the tokens. */
static void fuzz_metadata(const char *body, size_t len)
{
        _cleanup_(freep) char *metadata = fuzz_text((const uint8_t *) body, len), *written = NULL,
                              *compact = NULL;
        const ChallengeRequest request = {
                .email = "ada@example.com", .purpose = "login", .metadata = metadata};
        json_auto_t *root = NULL;
        JsonText sent;
        int r;

        r = api_json_write_challenge(&request, &written);
        assert(r == 0 || r == ERROR_INVALID_ARGS);
        if (r != 0)
                return;
        assert(json_read_object(written, strlen(written), &root) == 0);
        check_member(root, "email", "ada@example.com");
        assert(json_is_object(json_object_get(root, "metadata")));
        assert(json_object_size(root) == 4);
        compact = json_text_compact((JsonText){.s = metadata, .len = strlen(metadata)});
        assert(json_text_member((JsonText){.s = written, .len = strlen(written)}, "metadata",
                                &sent));
        assert(sent.len == strlen(compact) && sent.len <= METADATA_LEN_MAX);
        assert(memcmp(sent.s, compact, sent.len) == 0);
}

/* Checks a body and its members, which all have the same text, and frees the body. Text that is
 * valid is never refused. */
static void check_request(int r, const char *text, char *body, const char *const *members)
{
        json_auto_t *root = NULL;

        assert(r == 0 || (r == -EINVAL && !id_is_valid(text)));
        if (r != 0)
                return;
        assert(json_read_object(body, strlen(body), &root) == 0);
        for (; *members; members++)
                check_member(root, *members, text);
        free(body);
}

#define MEMBERS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The same text for all strings of a request. */
static void fuzz_requests(const char *input, size_t len)
{
        _cleanup_(freep) char *text = fuzz_text((const uint8_t *) input, len);
        char *ids[] = {text, NULL}, *body = NULL;
        const Registration registration = {.rp_id = (char *) "localhost",
                                           .rp_name = text,
                                           .user_id = text,
                                           .username = text,
                                           .display_name = text,
                                           .exclude_credentials = ids,
                                           .timeout_ms = (uint32_t) len};
        const Authentication authentication = {
                .rp_id = (char *) "localhost", .user_id = text, .allow_credentials = ids};
        int r;

        r = api_json_write_registration(&registration, &body);
        check_request(r, text, body, MEMBERS("rpName", "userId", "username", "displayName"));
        r = api_json_write_authentication(&authentication, &body);
        check_request(r, text, body, MEMBERS("userId"));
        r = api_json_write_update(text, text, text, &body);
        check_request(r, text, body, MEMBERS("userId", "username", "displayName"));
        r = api_json_write_passkey_ids(ids, &body);
        check_request(r, text, body, MEMBERS(NULL));
        r = api_json_write_user(text, &body);
        check_request(r, text, body, MEMBERS("userId"));
        r = api_json_write_verification(text, text, text, &body);
        check_request(r, text, body, MEMBERS("challengeId", "secret", "code"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *body = (const char *) data + 1;
        size_t len = size - 1;

        if (size == 0)
                return 0;
        switch (*data) {
        case 'p':
                fuzz_principal(body, len);
                break;
        case 'k':
                fuzz_passkey(body, len);
                break;
        case 'l':
                fuzz_passkey_list(body, len);
                break;
        case 'u':
                fuzz_management(api_json_read_update, body, len);
                break;
        case 'd':
                fuzz_management(api_json_read_deletion, body, len);
                break;
        case 'n':
                fuzz_management(api_json_read_pruning, body, len);
                break;
        case 'c':
                fuzz_challenge(api_json_read_created_challenge, body, len);
                break;
        case 'g':
                fuzz_challenge(api_json_read_challenge, body, len);
                break;
        case 'v':
                fuzz_challenge(api_json_read_verified_challenge, body, len);
                break;
        case 'x':
                (void) is_read(api_json_check_challenge_deleted(body, len));
                break;
        case 'r':
                fuzz_token(api_json_read_registration_token, body, len);
                break;
        case 'a':
                fuzz_token(api_json_read_authentication_token, body, len);
                break;
        case 'e':
                fuzz_error(body, len);
                break;
        case 'm':
                fuzz_metadata(body, len);
                break;
        case 'w':
                fuzz_requests(body, len);
                break;
        default:
                break;
        }
        return 0;
}
