/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Parses a body. Returns 0 or an Error. */
typedef int (*ReadFunc)(const char *body, size_t body_len);

/* The requirements of a reader for a field. */
typedef struct Field {
        const char *path; /* keys and array indices, separated by slashes */
        char type;        /* s, n, b, o, a: string, number, boolean, object, array */
        bool optional;
        size_t len_max; /* of a string of letters; 0: other rules apply */
        bool informs;   /* informational: any value is accepted */
        bool prose;     /* any string is accepted */
} Field;

/* `reply` with the member at `path` replaced by the JSON in `value`, or removed if that is NULL; to
 * be freed. */
char *reply_changed(const char *reply, const char *path, const char *value);

/* Reads `reply` with the member at `path` replaced by the JSON in `value`, or removed if that is
 * NULL. */
int read_changed(ReadFunc read, const char *reply, const char *path, const char *value);

/* A JSON string of `len` letters, to be freed. */
char *letters(size_t len);

/* Each field: missing, null, of each wrong type; strings: empty, at and over the maximum length,
 * with a control character. */
void assert_fields(ReadFunc read, const char *reply, const Field *fields, size_t n_fields);

/* Fails each jansson allocation in turn until `reply` is parsed. */
void assert_survives_no_memory(ReadFunc read, const char *reply);
