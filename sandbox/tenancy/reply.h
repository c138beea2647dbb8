/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/* A reply, not yet sent. */
typedef struct Reply {
        unsigned status;
        unsigned retry_after_s; /* Retry-After header; 0: none */
        const char *type;       /* content type, static */
        json_t *json;           /* the body, or NULL: text */
        const char *text;       /* static */
        size_t text_len;
} Reply;

/* API errors, with one HTTP status each. */
typedef enum ErrorTag {
        ERROR_BAD_REQUEST,
        ERROR_FORBIDDEN,
        ERROR_NOT_FOUND,
        ERROR_INVALID_CODE,
        ERROR_PASSKEY_NOT_FOUND,
        ERROR_INVALID_CHALLENGE,
        ERROR_INVALID_CHALLENGE_CODE,
        ERROR_CHALLENGE_EXPIRED,
        ERROR_CHALLENGE_ATTEMPTS_EXCEEDED,
        ERROR_CHALLENGE_RATE_LIMITED,
        ERROR_INTERNAL,
        _ERROR_TAG_MAX,
        ERROR_NONE = -1,
} ErrorTag;

/* Each returns an owned reply, which takes ownership of the JSON. */
Reply *reply_json(unsigned status, json_t *json);
Reply *reply_error(ErrorTag tag, const char *message);
Reply *reply_error_status(unsigned status, const char *tag, const char *message);
Reply *reply_too_large(ErrorTag tag);
Reply *reply_text(unsigned status, const char *type, const char *text, size_t len);

Reply *reply_free(Reply *reply);
DEFINE_CLEANUP(Reply *, reply_free);

/* Returns the owned body. */
char *reply_body(const Reply *reply, size_t *ret_len);
