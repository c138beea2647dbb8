/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "base/wiping-allocator.h"
#include "daemon/api/api-json-internal.h"
#include "daemon/json/json-text.h"
#include "daemon/model/valid.h"

#define MESSAGE_LEN_MAX (64U * 1024)

/* Validates metadata, which is sent unchanged except for white space. */
static int read_metadata_text(const char *text, char **ret)
{
        const JsonText whole = {.s = text, .len = strlen(text)};
        _cleanup_(freep) char *compact = NULL;
        json_auto_t *metadata = NULL;
        int r;

        r = json_read_object(whole.s, whole.len, &metadata);
        if (r != 0)
                return r < 0 ? r : ERROR_INVALID_ARGS;
        compact = json_text_compact(whole);
        if (!compact)
                return -ENOMEM;
        if (strlen(compact) > METADATA_LEN_MAX)
                return ERROR_INVALID_ARGS;
        *ret = TAKE_PTR(compact);
        return 0;
}

/* Adds a member to the text of a non-empty object. Consumes the text. */
static int add_member(char *object, const char *name, const char *value, char **ret)
{
        size_t len = strlen(object) - 1,
               size = len + strlen(name) + strlen(value) + sizeof(",\"\":}");
        char *grown = counted_malloc(size);

        if (grown)
                (void) snprintf(grown, size, "%.*s,\"%s\":%s}", (int) len, object, name, value);
        wiping_free(object);
        if (!grown)
                return -ENOMEM;
        *ret = grown;
        return 0;
}

int api_json_write_challenge(const ChallengeRequest *request, char **ret)
{
        _cleanup_(freep) char *metadata = NULL;
        json_error_t error;
        json_t *root;
        char *body;
        int r;

        if (request->metadata) {
                r = read_metadata_text(request->metadata, &metadata);
                if (r != 0)
                        return r;
        }
        /* "*" in a format skips a NULL value. */
        root = json_pack_ex(&error, 0, "{s:s, s:s*, s:s, s:s*, s:o*, s:o*, s:b}", "email",
                            request->email, "name", request->name, "purpose", request->purpose,
                            "userId", request->user_id, "invalidateOthers",
                            request->invalidate_others ? json_true() : NULL, "skipRateLimit",
                            request->skip_rate_limit ? json_true() : NULL, "sendEmail",
                            request->send_email);
        r = json_print(root, &error, &body);
        if (r == 0 && metadata)
                return add_member(body, "metadata", metadata, ret);
        if (r == 0)
                *ret = body;
        return r;
}

int api_json_write_verification(const char *challenge_id, const char *secret, const char *code,
                                char **ret)
{
        json_error_t error;
        json_t *root = json_pack_ex(&error, 0, "{s:s, s:s, s:s}", "challengeId", challenge_id,
                                    "secret", secret, "code", code);

        return json_print(root, &error, ret);
}

/* Returns the original text of the metadata, which preserves numbers beyond double precision; NULL
 * if its strings need repair or escaping for D-Bus. */
static int copy_metadata(JsonText object, char **ret)
{
        _cleanup_(freep) char *copy = NULL;
        json_auto_t *parsed = NULL;
        JsonText metadata;
        int r;

        if (!json_text_member(object, "metadata", &metadata))
                return 0;
        copy = json_text_compact(metadata);
        if (!copy)
                return -ENOMEM;
        if (!prose_is_valid(copy, METADATA_LEN_MAX))
                return 0;
        r = json_read_object(copy, strlen(copy), &parsed);
        if (r == 0)
                *ret = TAKE_PTR(copy);
        return r < 0 ? r : 0;
}

static int read_challenge_metadata(const json_t *metadata, JsonText object, Challenge *challenge)
{
        int r;

        if (!metadata || json_is_null(metadata))
                return 0;
        if (!json_is_object(metadata))
                return ERROR_MALFORMED_REPLY;
        r = copy_metadata(object, &challenge->metadata);
        if (r < 0 || challenge->metadata)
                return r;
        challenge->metadata = json_dumps(metadata, JSON_COMPACT);
        if (!challenge->metadata)
                return -ENOMEM;
        if (strlen(challenge->metadata) > METADATA_LEN_MAX)
                return ERROR_MALFORMED_REPLY;
        if (prose_is_valid(challenge->metadata, METADATA_LEN_MAX))
                return 0;
        /* D-Bus strings exclude some characters that JSON allows; escape them. */
        free(challenge->metadata);
        challenge->metadata = json_dumps(metadata, JSON_COMPACT | JSON_ENSURE_ASCII);
        return challenge->metadata ? 0 : -ENOMEM;
}

static int read_readable(const json_t *object, JsonText text, Challenge *challenge)
{
        int r;

        r = json_read_text(object, "challengeId", id_is_valid, &challenge->id);
        if (r == 0)
                r = json_read_text(object, "purpose", purpose_is_valid, &challenge->purpose);
        if (r == 0)
                r = json_read_text(object, "email", email_is_valid, &challenge->email);
        if (r == 0)
                r = json_read_optional_text(object, "userId", user_id_is_valid,
                                            &challenge->user_id);
        if (r == 0)
                r = json_read_number(object, "createdAt", &challenge->created_at_ms);
        if (r == 0)
                r = json_read_number(object, "expiresAt", &challenge->expires_at_ms);
        if (r == 0)
                r = read_challenge_metadata(json_object_get(object, "metadata"), text, challenge);
        return r;
}

/* Drops a mail that D-Bus cannot carry, for example because of the recipient's name: the code is
 * more important. */
static int read_message(const json_t *message, const char *key, char **ret)
{
        const char *text = json_string_value(json_object_get(message, key));

        if (!text)
                return ERROR_MALFORMED_REPLY;
        if (!prose_is_valid(text, MESSAGE_LEN_MAX))
                return 0;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

/* Only a created challenge has these fields. */
static int read_secrets(const json_t *object, Challenge *challenge)
{
        const json_t *message = json_object_get(object, "message");
        int r;

        r = json_read_text(object, "secret", secret_is_valid, &challenge->secret);
        if (r == 0)
                r = json_read_text(object, "code", challenge_code_is_valid, &challenge->code);
        if (r == 0)
                r = read_message(message, "html", &challenge->message_html);
        if (r == 0)
                r = read_message(message, "text", &challenge->message_text);
        return r;
}

/* `text` is the text of the object. */
static int read_challenge(const json_t *object, JsonText text, bool created, Challenge **ret)
{
        _cleanup_(challenge_freep) Challenge *challenge = challenge_new();
        int r;

        if (!challenge)
                return -ENOMEM;
        if (!created && !api_json_has_tag(object, "Challenge"))
                return ERROR_MALFORMED_REPLY;
        r = read_readable(object, text, challenge);
        if (r == 0 && created)
                r = read_secrets(object, challenge);
        if (r != 0)
                return r;

        *ret = TAKE_PTR(challenge);
        return 0;
}

/* Reads the challenge in a reply with this tag. */
static int read_inner_challenge(const char *body, size_t body_len, const char *tag, bool created,
                                Challenge **ret)
{
        json_auto_t *root = NULL;
        JsonText text = {};
        int r;

        r = api_json_read_tagged(body, body_len, tag, &root);
        if (r != 0)
                return r;
        (void) json_text_member((JsonText){.s = body, .len = body_len}, "challenge", &text);
        return read_challenge(json_object_get(root, "challenge"), text, created, ret);
}

int api_json_read_created_challenge(const char *body, size_t body_len, Challenge **ret)
{
        return read_inner_challenge(body, body_len, "ChallengeCreated", true, ret);
}

int api_json_read_challenge(const char *body, size_t body_len, Challenge **ret)
{
        json_auto_t *root = NULL;
        int r;

        r = json_read_reply(body, body_len, &root);
        if (r != 0)
                return r;
        return read_challenge(root, (JsonText){.s = body, .len = body_len}, false, ret);
}

int api_json_read_verified_challenge(const char *body, size_t body_len, Challenge **ret)
{
        return read_inner_challenge(body, body_len, "ChallengeVerified", false, ret);
}

int api_json_check_challenge_deleted(const char *body, size_t body_len)
{
        json_auto_t *root = NULL;

        return api_json_read_tagged(body, body_len, "ChallengeDeleted", &root);
}
