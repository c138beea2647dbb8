/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/*
 * The members of a request. Reading goes on after a mistake, and the first one is remembered: look
 * at the problem once, after the last member. Null is never a value; members that are not asked for
 * are ignored.
 */
typedef struct RequestBody {
        const json_t *object;
        char problem[128]; /* "": none so far */
} RequestBody;

/* The limits of strings, in bytes. */
enum {
        REQUEST_BODY_TEXT_MAX = 256,
        REQUEST_BODY_PURPOSE_MAX = 64,
        REQUEST_BODY_DOMAIN_MAX = 253,
        REQUEST_BODY_ITEMS_MAX = 256,
};

/* Adds a mistake that is in no single member. Returns NULL. */
void *request_body_fail(RequestBody *body, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/* A string of 1 to max bytes, lent by the object. NULL if there is a problem. */
const char *request_body_text(RequestBody *body, const char *name, size_t max);

/* A string of 0 to max bytes, lent, or NULL if it is not there. */
const char *request_body_optional_text(RequestBody *body, const char *name, size_t max);

/* A string of 1 to max bytes, lent, or NULL if it is not there. */
const char *request_body_optional_id(RequestBody *body, const char *name, size_t max);

/* A string of at most max bytes without control characters, lent, or NULL if it is not there. */
const char *request_body_optional_line(RequestBody *body, const char *name, size_t max);

/* True, false, or otherwise if it is not there. */
bool request_body_boolean(RequestBody *body, const char *name, bool otherwise);

/* One of a NULL-terminated list of strings; the first of them if it is not there. Static. */
const char *request_body_choice(RequestBody *body, const char *name, const char *const *choices);

/* A whole number from 1 to max, or otherwise if it is not there. */
int64_t request_body_number(RequestBody *body, const char *name, int64_t max, int64_t otherwise);

/* Up to REQUEST_BODY_ITEMS_MAX strings of 1 to REQUEST_BODY_TEXT_MAX bytes: an owned array of each
 * once, or NULL.
 */
json_t *request_body_texts(RequestBody *body, const char *name);

/* An owned relying party id in lower case: localhost, or a name with a dot. NULL if a problem. */
char *request_body_domain(RequestBody *body, const char *name);

/* An object of at most max bytes in compact form, lent, or NULL if it is not there. */
json_t *request_body_object(RequestBody *body, const char *name, size_t max);

/* A mail address that clients of the API take for one, lent. NULL if there is a problem. */
const char *request_body_email(RequestBody *body, const char *name);

/* [A-Za-z0-9._:-]{1,64}, lent. NULL if there is a problem. */
const char *request_body_purpose(RequestBody *body, const char *name);

/* An owned string of up to max bytes that is not all blank, trimmed. NULL if there is a problem. */
char *request_body_trimmed(RequestBody *body, const char *name, size_t max);
