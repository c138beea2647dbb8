/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Finds values in a JSON text without parsing them: the text of a value is passed on unchanged, or
 * parsed separately. Works at any depth of nesting. Checks only brackets, strings and commas, so
 * the text of a value may be invalid JSON.
 */
typedef struct JsonText {
        const char *s; /* lent */
        size_t len;
} JsonText;

/* Gets the value of an object's first member with this name, compared without resolving escapes.
 * Returns false for a missing member, or if the text is not an object. */
bool json_text_member(JsonText object, const char *name, JsonText *ret);

/* Gets the array element at *pos, and moves *pos to the next element; 0 is the first. Returns false
 * at the end, or if the text is not an array. */
bool json_text_element(JsonText array, size_t *pos, JsonText *ret);

/* Returns a NUL-terminated copy without white space between the tokens, which the caller frees;
 * NULL if out of memory. */
char *json_text_compact(JsonText text);
