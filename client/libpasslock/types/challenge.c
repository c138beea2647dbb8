/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/libpasslock/types/result.h"

struct passlock_challenge {
        Object object;
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

/* Number of leading fields of a new challenge: secrets, and the mail with the code. */
#define N_NEW_CHALLENGE_FIELDS 4U

static const Field fields[] = {
        FIELD(passlock_challenge, "secret", true, secret),
        FIELD(passlock_challenge, "code", true, code),
        FIELD(passlock_challenge, "message_html", true, message_html),
        FIELD(passlock_challenge, "message_text", true, message_text),

        FIELD(passlock_challenge, "id", true, id),
        FIELD(passlock_challenge, "purpose", true, purpose),
        FIELD(passlock_challenge, "email", true, email),
        FIELD(passlock_challenge, "created_at", true, created_at_ms),
        FIELD(passlock_challenge, "expires_at", true, expires_at_ms),
        FIELD(passlock_challenge, "user_id", false, user_id),
        FIELD(passlock_challenge, "metadata", false, metadata),
};

static const ObjectType new_type = {sizeof(passlock_challenge), fields, ARRAY_SIZE(fields)};
static const ObjectType type = {sizeof(passlock_challenge), fields + N_NEW_CHALLENGE_FIELDS,
                                ARRAY_SIZE(fields) - N_NEW_CHALLENGE_FIELDS};

DEFINE_REF(challenge);

DEFINE_GETTER(challenge, const char *, get_id, id);
DEFINE_GETTER(challenge, const char *, get_purpose, purpose);
DEFINE_GETTER(challenge, const char *, get_email, email);
DEFINE_GETTER(challenge, const char *, get_user_id, user_id);
DEFINE_GETTER(challenge, const char *, get_metadata, metadata);
DEFINE_GETTER(challenge, const char *, get_secret, secret);
DEFINE_GETTER(challenge, const char *, get_code, code);
DEFINE_GETTER(challenge, const char *, get_message_html, message_html);
DEFINE_GETTER(challenge, const char *, get_message_text, message_text);
DEFINE_GETTER(challenge, uint64_t, get_created_at_ms, created_at_ms);
DEFINE_GETTER(challenge, uint64_t, get_expires_at_ms, expires_at_ms);

DEFINE_RESULT(new_challenge, challenge, new_type);

DEFINE_RESULT(challenge, challenge, type);
