/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

#include "base/macro.h"
#include "dbus/error.h"

/*
 * Reads and writes JSON by jansson, one member of an object at a time. Unless documented otherwise
 * these functions return 0, -ENOMEM or ERROR_MALFORMED_REPLY. A NULL object, and a value that is
 * no object, has no members.
 */

typedef bool (*ValidFunc)(const char *s);

/* Makes jansson wipe all memory that it frees, in the whole process: tokens, codes and secrets pass
 * through it. May be called repeatedly. */
void json_wipe_memory(void);

/* Parses a text that is one object without duplicate names. */
int json_read_object(const char *body, size_t body_len, json_t **ret);
/* The same for a reply of the API: strings with invalid characters are mended by json_repair(). */
int json_read_reply(const char *body, size_t body_len, json_t **ret);

/* Whether a member is exactly this string. */
bool json_has_text(const json_t *object, const char *key, const char *text);
/* Whether a value is missing, null or an empty string. */
bool json_is_absent(const json_t *value);

/* Copies a string for which is_valid() holds. The caller frees it. */
int json_read_text(const json_t *object, const char *key, ValidFunc is_valid, char **ret);
/* The same for an optional string; *ret stays untouched if it is absent. */
int json_read_optional_text(const json_t *object, const char *key, ValidFunc is_valid, char **ret);
/* Copies an informational string, cut to `len_max` bytes. A string that is not valid text after
 * that is ignored and *ret stays untouched. Returns 0 or -ENOMEM. */
int json_read_label(const json_t *object, const char *key, size_t len_max, char **ret);
/* The same for an informational string that is useless when cut. */
int json_read_hint(const json_t *object, const char *key, ValidFunc is_valid, char **ret);
/* Reads a number from 0 to below 2^53. A fraction is dropped. */
int json_read_number(const json_t *object, const char *key, uint64_t *ret);
int json_read_bool(const json_t *object, const char *key, bool *ret);

/*
 * Replaces invalid characters in the strings of a JSON text by DEL: escaped lone surrogates and
 * NUL, and bytes that are not UTF-8. A JavaScript server that truncates a string may split a
 * surrogate pair. No valid id contains DEL, so a mended id is refused. Returns whether anything
 * was replaced.
 */
bool json_repair(char *body, size_t body_len);

/*
 * Serialises the result of json_pack_ex(), and consumes it. `root` may be NULL; `error` then has
 * the reason. Returns 0, -ENOMEM or -EINVAL. The caller wipes and frees the text.
 */
int json_print(json_t *root, const json_error_t *error, char **ret);
