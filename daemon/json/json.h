/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

#include "base/macro.h"
#include "dbus/error.h"

/*
 * Typed access to members of JSON objects. jansson parses; these functions validate text and
 * bounds, and detect out of memory. Unless stated otherwise, functions return 0, -ENOMEM or
 * ERROR_MALFORMED_REPLY. NULL and non-objects have no members.
 */

typedef bool (*ValidFunc)(const char *s);

/* Makes jansson wipe all freed memory, process-wide: it holds tokens, codes and secrets.
 * Idempotent. */
void json_wipe_memory(void);

/* Parses a text that is a single object without duplicate names. Repairs numbers that overflow, see
 * json_mend_numbers(). */
int json_read_object(const char *body, size_t body_len, json_t **ret);
/* Like json_read_object(), for an API reply: also repairs strings, see json_mend_strings(). */
int json_read_reply(const char *body, size_t body_len, json_t **ret);

/* Whether a member equals this string. */
bool json_has_text(const json_t *object, const char *key, const char *text);
/* Whether a value is missing, null or an empty string. */
bool json_is_absent(const json_t *value);

/* Copies a string that satisfies is_valid(). The caller frees it. */
int json_read_text(const json_t *object, const char *key, ValidFunc is_valid, char **ret);
/* Like json_read_text(), for an optional string; *ret is untouched if it is absent. */
int json_read_optional_text(const json_t *object, const char *key, ValidFunc is_valid, char **ret);
/* Copies an informational string, truncated to `len_max` bytes. *ret is untouched if it is not
 * valid text. Returns 0 or -ENOMEM. */
int json_read_label(const json_t *object, const char *key, size_t len_max, char **ret);
/* The same, but a string that is too long is skipped instead of truncated. */
int json_read_hint(const json_t *object, const char *key, ValidFunc is_valid, char **ret);
/* Reads a number from 0 to 2^53 - 1. A fraction is dropped. */
int json_read_number(const json_t *object, const char *key, uint64_t *ret);
int json_read_bool(const json_t *object, const char *key, bool *ret);

/*
 * Replaces invalid characters in JSON strings by DEL: escaped lone surrogates and NUL, and invalid
 * UTF-8. A JavaScript server that truncates a string may split a surrogate pair. Valid ids exclude
 * DEL, so a repaired id is refused. The text must be NUL-terminated. Returns whether anything was
 * replaced.
 */
bool json_mend_strings(char *text, size_t len);
/* Replaces numbers that overflow both integer and double by 1e99 or -1e99, which json_read_number()
 * rejects as well. */
bool json_mend_numbers(char *text, size_t len);

/* Serialises and frees the result of json_pack_ex(). A NULL `root` is an error, whose reason is in
 * `error`. Returns 0, -ENOMEM or -EINVAL. The caller wipes and frees the text. */
int json_print(json_t *root, const json_error_t *error, char **ret);
