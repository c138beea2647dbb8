/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include "sandbox/tenancy/mailbox.h"
#include "sandbox/tenancy/random.h"
#include "sandbox/webauthn/base64url.h"

enum {
        ID_LEN = 12,     /* random bytes */
        SECRET_LEN = 24, /* random bytes */
        HASH_TEXT_LEN = 43,
        MEMORY_MS = 60 * 60 * 1000, /* retention of expired challenges, for ChallengeExpired */
};

void new_challenge_done(NewChallenge *challenge)
{
        json_decref(challenge->challenge);
        free(challenge->secret);
        free(challenge->code);
}

/* A six-digit code could be brute-forced from a plain hash: key the hash by the secret. */
static char *keyed_hash(const char *secret, const char *text)
{
        uint8_t hash[EVP_MAX_MD_SIZE];
        unsigned len;

        if (!HMAC(EVP_sha256(), secret, (int) strlen(secret), (const uint8_t *) text, strlen(text),
                  hash, &len))
                abort();
        return base64url_encode(hash, len);
}

static char *secret_hash(const char *secret)
{
        return keyed_hash(secret, "secret");
}

static bool same_hash(const char *a, const char *b)
{
        return CRYPTO_memcmp(a, b, HASH_TEXT_LEN) == 0;
}

static bool challenge_is_valid(json_t *challenge)
{
        const char *tag, *id, *purpose, *email, *user_id;
        json_int_t created_at_ms, expires_at_ms;
        json_t *metadata;

        return json_unpack_ex(challenge, NULL, JSON_STRICT,
                              "{s:s, s:s, s:s, s:s, s?s, s:o, s:I, s:I}", "_tag", &tag,
                              "challengeId", &id, "purpose", &purpose, "email", &email, "userId",
                              &user_id, "metadata", &metadata, "createdAt", &created_at_ms,
                              "expiresAt", &expires_at_ms) == 0 &&
               (json_is_object(metadata) || json_is_null(metadata));
}

static bool entry_is_valid(json_t *entry)
{
        const char *secret, *code;
        json_int_t attempts;
        json_t *challenge;

        return json_unpack_ex(entry, NULL, JSON_STRICT, "{s:o, s:s, s:s, s:I}", "challenge",
                              &challenge, "secretHash", &secret, "codeHash", &code, "attempts",
                              &attempts) == 0 &&
               strlen(secret) == HASH_TEXT_LEN && strlen(code) == HASH_TEXT_LEN &&
               challenge_is_valid(challenge);
}

int mailbox_init(Mailbox *mailbox, json_t *saved)
{
        const char *id;
        json_t *entry;

        if (saved && (!json_is_object(saved) || json_object_size(saved) > CHALLENGES_MAX))
                return -EBADMSG;
        json_object_foreach(saved, id, entry) {
                if (!entry_is_valid(entry))
                        return -EBADMSG;
        }
        mailbox->entries = saved ? json_incref(saved) : must(json_object());
        return 0;
}

void mailbox_done(Mailbox *mailbox)
{
        json_decref(mailbox->entries);
        mailbox->entries = NULL;
}

static json_t *entry_challenge(const json_t *entry)
{
        return json_object_get(entry, "challenge");
}

static int64_t entry_expires_at_ms(const json_t *entry)
{
        return json_integer_value(json_object_get(entry_challenge(entry), "expiresAt"));
}

static void make_room(Mailbox *mailbox, int64_t now_ms)
{
        void *oldest;

        while ((oldest = json_object_iter(mailbox->entries)) &&
               (json_object_size(mailbox->entries) >= CHALLENGES_MAX ||
                entry_expires_at_ms(json_object_iter_value(oldest)) + MEMORY_MS <= now_ms))
                json_object_del(mailbox->entries, json_object_iter_key(oldest));
}

static char *new_code(void)
{
        uint64_t number;
        char *code;

        random_bytes(&number, sizeof(number));
        if (asprintf(&code, "%06u", (unsigned) (number % 1000000)) < 0)
                abort();
        return code;
}

static json_t *new_challenge(const char *id, const ChallengeRequest *request, int64_t now_ms)
{
        json_t *challenge;

        challenge = must(json_pack("{s:s, s:s, s:s, s:s}", "_tag", "Challenge", "challengeId", id,
                                   "purpose", request->purpose, "email", request->email));
        if (request->user_id)
                json_object_set_new(challenge, "userId", json_string(request->user_id));
        json_object_set_new(challenge, "metadata",
                            request->metadata ? json_incref(request->metadata) : json_null());
        json_object_set_new(challenge, "createdAt", json_integer(now_ms));
        json_object_set_new(challenge, "expiresAt", json_integer(now_ms + CHALLENGE_LIFETIME_MS));
        return challenge;
}

void mailbox_create(Mailbox *mailbox, const ChallengeRequest *request, int64_t now_ms,
                    NewChallenge *ret)
{
        _cleanup_(freep) char *id = random_text("ch_", ID_LEN), *hash = NULL, *code_hash = NULL;
        json_t *entry;

        ret->challenge = new_challenge(id, request, now_ms);
        ret->secret = random_text("", SECRET_LEN);
        ret->code = new_code();
        hash = secret_hash(ret->secret);
        code_hash = keyed_hash(ret->secret, ret->code);
        entry = must(json_pack("{s:O, s:s, s:s, s:i}", "challenge", ret->challenge, "secretHash",
                               hash, "codeHash", code_hash, "attempts", 0));
        make_room(mailbox, now_ms);
        json_object_set_new(mailbox->entries, id, entry);
}

void mailbox_void(Mailbox *mailbox, const ChallengeRequest *request)
{
        const char *subject = request->user_id ? request->user_id : request->email, *id;
        json_t *entry;
        void *next;

        json_object_foreach_safe(mailbox->entries, next, id, entry) {
                const json_t *challenge = entry_challenge(entry);
                const char *theirs = json_text(challenge, request->user_id ? "userId" : "email");

                if (streq(json_text(challenge, "purpose"), request->purpose) && theirs &&
                    streq(theirs, subject))
                        json_object_del(mailbox->entries, id);
        }
}

json_t *mailbox_find(const Mailbox *mailbox, const char *id, int64_t now_ms)
{
        const json_t *entry = json_object_get(mailbox->entries, id);

        return entry && entry_expires_at_ms(entry) > now_ms ? entry_challenge(entry) : NULL;
}

/* Compare even without an entry, for constant time. */
static bool has_secret(const json_t *entry, const char *secret)
{
        _cleanup_(freep) char *hash = secret_hash(secret), *none = secret_hash("");

        return same_hash(hash, entry ? json_text(entry, "secretHash") : none) && entry;
}

ErrorTag mailbox_verify(Mailbox *mailbox, const char *id, const char *secret, const char *code,
                        int64_t now_ms, json_t **ret)
{
        _cleanup_(freep) char *code_hash = keyed_hash(secret, code);
        json_t *entry = json_object_get(mailbox->entries, id);
        json_int_t attempts = json_integer_value(json_object_get(entry, "attempts"));

        if (!has_secret(entry, secret))
                return ERROR_INVALID_CHALLENGE;
        if (entry_expires_at_ms(entry) <= now_ms)
                return ERROR_CHALLENGE_EXPIRED;
        if (attempts >= CHALLENGE_ATTEMPTS_MAX)
                return ERROR_CHALLENGE_ATTEMPTS_EXCEEDED;
        if (!same_hash(code_hash, json_text(entry, "codeHash"))) {
                json_object_set_new(entry, "attempts", json_integer(attempts + 1));
                return ERROR_INVALID_CHALLENGE_CODE;
        }
        *ret = json_incref(entry_challenge(entry));
        mailbox_delete(mailbox, id);
        return ERROR_NONE;
}

void mailbox_delete(Mailbox *mailbox, const char *id)
{
        json_object_del(mailbox->entries, id);
}
