/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/types/result.h"
#include "client/libpasslock/types/vardict.h"

struct passlock_challenge {
        unsigned n_ref;
        char *id;
        char *purpose;
        char *email;
        char *user_id;
        char *metadata;
        char *secret;
        char *code;
        char *message_html;
        char *message_text;
        uint64_t created_at_ms;
        uint64_t expires_at_ms;
};

#define FIELD(name, type, required, member) \
        { \
                (name), (type), (required), offsetof(passlock_challenge, member) \
        }

/* Number of leading fields of a new challenge: secrets, and the mail with the code. */
#define N_NEW_CHALLENGE_FIELDS 4U

static const VardictField fields[] = {
        FIELD("secret", 's', true, secret),
        FIELD("code", 's', true, code),
        FIELD("message_html", 's', true, message_html),
        FIELD("message_text", 's', true, message_text),

        FIELD("id", 's', true, id),
        FIELD("purpose", 's', true, purpose),
        FIELD("email", 's', true, email),
        FIELD("created_at", 't', true, created_at_ms),
        FIELD("expires_at", 't', true, expires_at_ms),
        FIELD("user_id", 's', false, user_id),
        FIELD("metadata", 's', false, metadata),
};

static void challenge_destroy(passlock_challenge *challenge)
{
        vardict_clear(fields, ARRAY_SIZE(fields), challenge);
        free(challenge);
}

DEFINE_REF(passlock_challenge, challenge_destroy);

#define DEFINE_GETTER(type, member) \
        _public_ type passlock_challenge_get_##member(const passlock_challenge *challenge) \
        { \
                return challenge->member; \
        } \
        struct swallow_semicolon

DEFINE_GETTER(const char *, id);
DEFINE_GETTER(const char *, purpose);
DEFINE_GETTER(const char *, email);
DEFINE_GETTER(const char *, user_id);
DEFINE_GETTER(const char *, metadata);
DEFINE_GETTER(const char *, secret);
DEFINE_GETTER(const char *, code);
DEFINE_GETTER(const char *, message_html);
DEFINE_GETTER(const char *, message_text);
DEFINE_GETTER(uint64_t, created_at_ms);
DEFINE_GETTER(uint64_t, expires_at_ms);

static int challenge_read_fields(sd_bus_message *reply, const VardictField *first, size_t n_fields,
                                 passlock_challenge **ret)
{
        _cleanup_(passlock_challenge_unrefp) passlock_challenge *challenge = NULL;
        int r;

        challenge = calloc(1, sizeof(passlock_challenge));
        if (!challenge)
                return -ENOMEM;
        challenge->n_ref = 1;
        r = vardict_read(reply, first, n_fields, challenge);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(challenge);
        return 0;
}

static int new_challenge_read(sd_bus_message *reply, Result *ret)
{
        return challenge_read_fields(reply, fields, ARRAY_SIZE(fields), &ret->challenge);
}

static int challenge_read(sd_bus_message *reply, Result *ret)
{
        return challenge_read_fields(reply, fields + N_NEW_CHALLENGE_FIELDS,
                                     ARRAY_SIZE(fields) - N_NEW_CHALLENGE_FIELDS, &ret->challenge);
}

static void challenge_clear(Result *result)
{
        result->challenge = passlock_challenge_unref(result->challenge);
}

static void challenge_deliver(passlock *client, Callback callback, int r, const char *error_text,
                              const Result *result, void *userdata)
{
        ((passlock_challenge_callback) callback)(client, r, error_text, result->challenge,
                                                 userdata);
}

const ResultType result_new_challenge = {
        .read = new_challenge_read,
        .clear = challenge_clear,
        .deliver = challenge_deliver,
};

const ResultType result_challenge = {
        .read = challenge_read,
        .clear = challenge_clear,
        .deliver = challenge_deliver,
};
