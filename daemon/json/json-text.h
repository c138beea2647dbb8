/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Finds values in a JSON text without parsing them: the text of a value is passed on unchanged, or
 * parsed by itself. Works at any depth of nesting. Looks at brackets, strings and commas only, so
 * the text that it finds may still be no JSON.
 */
typedef struct JsonText {
        const char *s; /* lent */
        size_t len;
} JsonText;

/* The value of an object's first member with this name. Names are compared without
 * their escapes. Returns false if there is none, or no object. */
bool json_text_member(JsonText object, const char *name, JsonText *ret);

/* The element of an array at *pos, which is 0 for the first, and moves on. Returns false at the
 * end, and where the text is no array. */
bool json_text_element(JsonText array, size_t *pos, JsonText *ret);

/* A copy without white space between the tokens, NUL-terminated. The caller frees it. NULL: out of
 * memory. */
char *json_text_compact(JsonText text);
