/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

#include "daemon/api/api-json.h"

/*
 * The words in which api-json-*.c reads and writes, an object's member at a time. Unless said
 * otherwise these return 0, -ENOMEM or ERROR_MALFORMED_REPLY. An object that is NULL, or none, has
 * no members.
 */

typedef bool (*ValidFunc)(const char *s);

/* A whole text that is one object, in which no name stands twice. */
int api_json_parse(const char *body, size_t body_len, json_t **ret);
/* The same for a reply, in which a string that cannot be one costs no more than itself: see
 * api_json_mend(). */
int api_json_parse_reply(const char *body, size_t body_len, json_t **ret);
/* A reply whose `_tag` is this. */
int api_json_parse_tagged(const char *body, size_t body_len, const char *tag, json_t **ret);
bool api_json_has_tag(const json_t *object, const char *tag);
/* Whether a member is this very string. */
bool api_json_has_text(const json_t *object, const char *key, const char *text);

/* Whether a member tells nothing: it is not there, null or empty. */
bool api_json_is_absent(const json_t *value);

/* A string that is_valid(), to be freed. */
int api_json_read_text(const json_t *object, const char *key, ValidFunc is_valid, char **ret);
/* The same, but absent is fine, and then nothing is read. */
int api_json_read_optional_text(const json_t *object, const char *key, ValidFunc is_valid,
                                char **ret);
/* A string that only informs. Cut to `len_max` bytes; left out, which leaves *ret alone, unless it
 * is acceptable then. Returns 0 or -ENOMEM. */
int api_json_read_label(const json_t *object, const char *key, size_t len_max, char **ret);
/* The same for one that is of use only as a whole. */
int api_json_read_hint(const json_t *object, const char *key, ValidFunc is_valid, char **ret);
/* From 0 to below 2^53; a fraction is dropped. */
int api_json_read_number(const json_t *object, const char *key, uint64_t *ret);
int api_json_read_bool(const json_t *object, const char *key, bool *ret);
/* A one-time token at `key` and its `expiresAt`; the caller wipes and frees it. */
int api_json_read_token(const json_t *object, const char *key, Token *ret);

/*
 * Replaces, in the strings of a JSON text, what no string can have: half a surrogate pair and NUL,
 * as escapes, and bytes that are no UTF-8. A server that cuts a name in JavaScript may write the
 * first. What is put in their place is DEL, so that no string with it passes for an id. Returns
 * whether anything was changed.
 */
bool api_json_mend(char *body, size_t body_len);

/*
 * Makes text of what json_pack_ex() returned, which is consumed: `root` may be NULL, and then
 * `error` says why. Returns 0, -ENOMEM or -EINVAL.
 */
int api_json_print(json_t *root, const json_error_t *error, char **ret);
/* An array of ids; none at all give NULL. Returns 0, -ENOMEM or -EINVAL. */
int api_json_make_ids(char *const *ids, json_t **ret);
