/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <openssl/sha.h>

#include "sandbox/tenancy/random.h"
#include "sandbox/tenancy/token.h"
#include "sandbox/webauthn/base64url.h"

enum {
        TOKEN_LEN = 24, /* random bytes */
        HASH_TEXT_LEN = 43,
};

/* Required member of a saved payload, checked on load. Arrays hold strings. */
typedef struct Member {
        const char *name;
        json_type type;
} Member;

static const struct {
        const char *name;
        const char *prefix;
        Member members[9];
} kinds[_TOKEN_KIND_MAX] = {
        [TOKEN_REGISTRATION] = {"registration",
                                "rt_",
                                {
                                        {"rpId", JSON_STRING},
                                        {"rpName", JSON_STRING},
                                        {"userId", JSON_STRING},
                                        {"username", JSON_STRING},
                                        {"displayName", JSON_STRING},
                                        {"excludeCredentials", JSON_ARRAY},
                                        {"userVerification", JSON_STRING},
                                        {"timeout", JSON_INTEGER},
                                }},
        [TOKEN_REGISTRATION_SESSION] = {"registration-session",
                                        "st_",
                                        {
                                                {"challenge", JSON_STRING},
                                                {"origin", JSON_STRING},
                                                {"rpId", JSON_STRING},
                                                {"userId", JSON_STRING},
                                                {"username", JSON_STRING},
                                                {"userHandle", JSON_STRING},
                                                {"userVerification", JSON_STRING},
                                        }},
        [TOKEN_AUTHENTICATION] = {"authentication",
                                  "at_",
                                  {
                                          {"rpId", JSON_STRING},
                                          {"allowed", JSON_ARRAY},
                                          {"mediation", JSON_STRING},
                                          {"userVerification", JSON_STRING},
                                          {"timeout", JSON_INTEGER},
                                  }},
        [TOKEN_AUTHENTICATION_SESSION] = {"authentication-session",
                                          "st_",
                                          {
                                                  {"challenge", JSON_STRING},
                                                  {"origin", JSON_STRING},
                                                  {"rpId", JSON_STRING},
                                                  {"allowed", JSON_ARRAY},
                                                  {"userVerification", JSON_STRING},
                                          }},
        [TOKEN_CODE] = {"code", "cd_"},
        [TOKEN_UPDATE] = {"update", "ut_"},
        [TOKEN_DELETE] = {"delete", "dt_"},
        [TOKEN_PRUNE] = {"prune", "pt_"},
};

static char *token_hash(const char *token)
{
        uint8_t hash[SHA256_DIGEST_LENGTH];

        SHA256((const uint8_t *) token, strlen(token), hash);
        return base64url_encode(hash, sizeof(hash));
}

static bool member_is_valid(const json_t *value, json_type type)
{
        if (!value || json_typeof(value) != type)
                return false;
        for (size_t i = 0; i < json_array_size(value); i++)
                if (!json_is_string(json_array_get(value, i)))
                        return false;
        return true;
}

static bool payload_is_valid(const char *kind, const json_t *payload)
{
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                if (!streq(kind, kinds[i].name))
                        continue;
                for (const Member *m = kinds[i].members; m->name; m++)
                        if (!member_is_valid(json_object_get(payload, m->name), m->type))
                                return false;
                return json_is_object(payload);
        }
        return false;
}

static bool entry_is_valid(const char *hash, json_t *entry)
{
        json_t *payload;
        json_int_t expires_at_ms;
        const char *kind;

        return strlen(hash) == HASH_TEXT_LEN &&
               json_unpack_ex(entry, NULL, JSON_STRICT, "{s:s, s:I, s:o}", "kind", &kind,
                              "expiresAt", &expires_at_ms, "payload", &payload) == 0 &&
               payload_is_valid(kind, payload);
}

int token_store_init(TokenStore *store, json_t *saved)
{
        const char *hash;
        json_t *entry;

        if (!saved) {
                store->entries = must(json_object());
                return 0;
        }
        if (!json_is_object(saved) || json_object_size(saved) > TOKENS_MAX)
                return -EBADMSG;
        json_object_foreach(saved, hash, entry)
                if (!entry_is_valid(hash, entry))
                        return -EBADMSG;
        store->entries = json_incref(saved);
        return 0;
}

void token_store_done(TokenStore *store)
{
        json_decref(store->entries);
        store->entries = NULL;
}

static int64_t entry_expires_at_ms(const json_t *entry)
{
        return json_integer_value(json_object_get(entry, "expiresAt"));
}

void token_store_purge(TokenStore *store, int64_t now_ms)
{
        const char *hash;
        json_t *entry;
        void *next;

        json_object_foreach_safe(store->entries, next, hash, entry)
                if (entry_expires_at_ms(entry) <= now_ms)
                        json_object_del(store->entries, hash);
}

/* Lifetimes are similar, so that the oldest token expires next. */
static void make_room(TokenStore *store, int64_t now_ms)
{
        void *oldest;

        while ((oldest = json_object_iter(store->entries)) &&
               (json_object_size(store->entries) >= TOKENS_MAX ||
                entry_expires_at_ms(json_object_iter_value(oldest)) <= now_ms))
                json_object_del(store->entries, json_object_iter_key(oldest));
}

char *token_store_issue(TokenStore *store, TokenKind kind, int64_t now_ms, int64_t expires_at_ms,
                        json_t *payload)
{
        _cleanup_(freep) char *token = random_text(kinds[kind].prefix, TOKEN_LEN);
        _cleanup_(freep) char *hash = token_hash(token);
        _cleanup_(json_decrefp) json_t *entry = NULL;

        entry = must(json_pack("{s:s, s:I, s:o}", "kind", kinds[kind].name, "expiresAt",
                               (json_int_t) expires_at_ms, "payload", payload));
        make_room(store, now_ms);
        if (json_object_set(store->entries, hash, entry) < 0)
                abort();
        return TAKE_PTR(token);
}

json_t *token_store_redeem(TokenStore *store, TokenKind kind, int64_t now_ms, const char *token)
{
        _cleanup_(freep) char *hash = token_hash(token);
        json_t *entry = json_object_get(store->entries, hash), *payload;

        if (!entry || entry_expires_at_ms(entry) <= now_ms ||
            !streq(json_string_value(json_object_get(entry, "kind")), kinds[kind].name))
                return NULL;
        payload = json_incref(json_object_get(entry, "payload"));
        json_object_del(store->entries, hash);
        return payload;
}
