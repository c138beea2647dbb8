/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/*
 * Validation of a JSON request body. The first error is kept and later reads are harmless: check
 * the problem once, after the last member. JSON null is invalid; unknown members are ignored.
 */
typedef struct RequestBody {
        const json_t *object;
        char problem[128]; /* first error, or "" */
} RequestBody;

/* Limits of strings in bytes, and of arrays in items. */
enum {
        REQUEST_BODY_TEXT_MAX = 256,
        REQUEST_BODY_PURPOSE_MAX = 64,
        REQUEST_BODY_DOMAIN_MAX = 253,
        REQUEST_BODY_ITEMS_MAX = 256,
};

/* Sets the problem, unless there is one. Returns NULL. */
void *request_body_fail(RequestBody *body, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/* Required string of 1 to max bytes; lent, NULL on error. */
const char *request_body_text(RequestBody *body, const char *name, size_t max);

/* Optional string of 0 to max bytes; lent, NULL if absent. */
const char *request_body_optional_text(RequestBody *body, const char *name, size_t max);

/* Optional string of 1 to max bytes; lent, NULL if absent. */
const char *request_body_optional_id(RequestBody *body, const char *name, size_t max);

/* Optional string of 0 to max bytes without control characters; lent, NULL if absent. */
const char *request_body_optional_line(RequestBody *body, const char *name, size_t max);

/* Optional boolean with a default. */
bool request_body_boolean(RequestBody *body, const char *name, bool otherwise);

/* Optional string from a NULL-terminated list, whose first item is the default; static. */
const char *request_body_choice(RequestBody *body, const char *name, const char *const *choices);

/* Optional integer from 1 to max with a default. */
int64_t request_body_number(RequestBody *body, const char *name, int64_t max, int64_t otherwise);

/*
 * Optional array of up to REQUEST_BODY_ITEMS_MAX strings of 1 to REQUEST_BODY_TEXT_MAX bytes.
 * Returns an owned array without duplicates, NULL if absent.
 */
json_t *request_body_texts(RequestBody *body, const char *name);

/*
 * Required RP ID: localhost or a domain name with a dot. Returns it in lower case; owned, NULL on
 * error.
 */
char *request_body_domain(RequestBody *body, const char *name);

/* Optional object of at most max bytes in compact form; lent, NULL if absent. */
json_t *request_body_object(RequestBody *body, const char *name, size_t max);

/* Required mail address, by the rules of the API clients; lent, NULL on error. */
const char *request_body_email(RequestBody *body, const char *name);

/* Required string [A-Za-z0-9._:-]{1,64}; lent, NULL on error. */
const char *request_body_purpose(RequestBody *body, const char *name);

/*
 * Required string of 1 to max bytes, not blank. Returns it without surrounding whitespace; owned,
 * NULL on error.
 */
char *request_body_trimmed(RequestBody *body, const char *name, size_t max);
