/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Reads a body and says whether it was acceptable: 0 or an Error. */
typedef int (*ReadFunc)(const char *body, size_t body_len);

/* What a reader demands of a field. */
typedef struct Field {
        const char *path; /* keys, and indices of arrays, divided by slashes */
        char type;        /* s, n, b, o, a: string, number, boolean, object, array */
        bool optional;
        size_t len_max; /* of a string; 0: not any letters will do */
        bool informs;   /* whatever it is, the reply is read */
        bool prose;     /* whatever string it is */
} Field;

/* `reply` with the member at `path` replaced by the JSON in `value`, or removed if that is NULL; to
 * be freed. */
char *reply_changed(const char *reply, const char *path, const char *value);

/* Reads `reply` with the member at `path` replaced by the JSON in `value`, or removed if that is
 * NULL. */
int read_changed(ReadFunc read, const char *reply, const char *path, const char *value);

/* A JSON string of `len` letters, to be freed. */
char *letters(size_t len);

/* Each field in turn missing, null, of every wrong type, and for strings empty, as long as may be,
 * too long, and with a control character. */
void assert_fields(ReadFunc read, const char *reply, const Field *fields, size_t n_fields);

/* Lets each allocation of jansson's fail in turn, until `reply` is read. */
void assert_survives_no_memory(ReadFunc read, const char *reply);
