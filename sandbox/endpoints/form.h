/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/*
 * The members of a request. Reading goes on after a mistake, and the first one is remembered: look
 * at the problem once, after the last member. Null is never a value; members that are not asked for
 * are ignored.
 */
typedef struct Form {
        const json_t *object;
        char problem[128]; /* "": none so far */
} Form;

/* The limits of strings, in bytes. */
enum {
        FORM_TEXT_MAX = 256,
        FORM_PURPOSE_MAX = 64,
        FORM_DOMAIN_MAX = 253,
        FORM_ITEMS_MAX = 256,
};

/* Adds a mistake that is in no single member. Returns NULL. */
void *form_fail(Form *form, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A string of 1 to max bytes, lent by the object. NULL if there is a problem. */
const char *form_text(Form *form, const char *name, size_t max);

/* A string of 0 to max bytes, lent, or NULL if it is not there. */
const char *form_optional_text(Form *form, const char *name, size_t max);

/* A string of 1 to max bytes, lent, or NULL if it is not there. */
const char *form_optional_id(Form *form, const char *name, size_t max);

/* A string of at most max bytes without control characters, lent, or NULL if it is not there. */
const char *form_optional_line(Form *form, const char *name, size_t max);

/* True, false, or otherwise if it is not there. */
bool form_boolean(Form *form, const char *name, bool otherwise);

/* One of a NULL-terminated list of strings; the first of them if it is not there. Static. */
const char *form_choice(Form *form, const char *name, const char *const *choices);

/* A whole number from 1 to max, or otherwise if it is not there. */
int64_t form_number(Form *form, const char *name, int64_t max, int64_t otherwise);

/* Up to FORM_ITEMS_MAX strings of 1 to FORM_TEXT_MAX bytes: an owned array of each once, or NULL.
 */
json_t *form_texts(Form *form, const char *name);

/* An owned relying party id in lower case: localhost, or a name with a dot. NULL if a problem. */
char *form_domain(Form *form, const char *name);

/* An object of at most max bytes in compact form, lent, or NULL if it is not there. */
json_t *form_object(Form *form, const char *name, size_t max);

/* A mail address that clients of the API take for one, lent. NULL if there is a problem. */
const char *form_email(Form *form, const char *name);

/* [A-Za-z0-9._:-]{1,64}, lent. NULL if there is a problem. */
const char *form_purpose(Form *form, const char *name);

/* An owned string of up to max bytes that is not all blank, trimmed. NULL if there is a problem. */
char *form_trimmed(Form *form, const char *name, size_t max);
