/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox/tenancy/reply.h"

static const struct {
        unsigned status;
        const char *tag;
} errors[_ERROR_TAG_MAX] = {
        [ERROR_BAD_REQUEST] = {400, "@error/BadRequest"},
        [ERROR_FORBIDDEN] = {403, "@error/Forbidden"},
        [ERROR_NOT_FOUND] = {404, "@error/NotFound"},
        [ERROR_INVALID_CODE] = {404, "@error/InvalidCode"},
        [ERROR_PASSKEY_NOT_FOUND] = {400, "@error/PasskeyNotFound"},
        [ERROR_INVALID_CHALLENGE] = {400, "@error/InvalidChallenge"},
        [ERROR_INVALID_CHALLENGE_CODE] = {400, "@error/InvalidChallengeCode"},
        [ERROR_CHALLENGE_EXPIRED] = {400, "@error/ChallengeExpired"},
        [ERROR_CHALLENGE_ATTEMPTS_EXCEEDED] = {400, "@error/ChallengeAttemptsExceeded"},
        [ERROR_CHALLENGE_RATE_LIMITED] = {429, "@error/ChallengeRateLimited"},
        [ERROR_INTERNAL] = {500, "@error/InternalServerError"},
};

Reply *reply_json(unsigned status, json_t *json)
{
        Reply *reply = must(calloc(1, sizeof(*reply)));

        reply->status = status;
        reply->type = "application/json"; /* no charset: clients compare the exact string */
        reply->json = must(json);
        return reply;
}

Reply *reply_error_status(unsigned status, const char *tag, const char *message)
{
        return reply_json(status, json_pack("{s:s, s:s}", "_tag", tag, "message", message));
}

Reply *reply_error(ErrorTag tag, const char *message)
{
        return reply_error_status(errors[tag].status, errors[tag].tag, message);
}

Reply *reply_too_large(ErrorTag tag)
{
        return reply_error_status(413, errors[tag].tag, "The request is too large");
}

Reply *reply_text(unsigned status, const char *type, const char *text, size_t len)
{
        Reply *reply = must(calloc(1, sizeof(*reply)));

        *reply = (Reply){.status = status, .type = type, .text = text, .text_len = len};
        return reply;
}

Reply *reply_free(Reply *reply)
{
        if (!reply)
                return NULL;
        json_decref(reply->json);
        free(reply);
        return NULL;
}

char *reply_body(const Reply *reply, size_t *ret_len)
{
        char *body;

        if (reply->json) {
                body = must(json_dumps(reply->json, JSON_COMPACT));
                *ret_len = strlen(body);
                return body;
        }
        body = must(malloc(reply->text_len + 1));
        memcpy(body, reply->text, reply->text_len);
        body[reply->text_len] = '\0';
        *ret_len = reply->text_len;
        return body;
}
