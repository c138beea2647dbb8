/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/api/api-json.h"
#include "daemon/json/json.h"

/* Shared by the api-json-*.c files. Unless documented otherwise these functions return 0, -ENOMEM
 * or ERROR_MALFORMED_REPLY. */

/* Parses a reply and checks its `_tag`. */
int api_json_read_tagged(const char *body, size_t body_len, const char *tag, json_t **ret);
bool api_json_has_tag(const json_t *object, const char *tag);

/* Reads a one-time token at `key` and its `expiresAt`. The caller wipes and frees the token. */
int api_json_read_token(const json_t *object, const char *key, Token *ret);

/* Makes an array of ids; *ret is untouched for an empty list. Returns 0, -ENOMEM or -EINVAL. */
int api_json_make_ids(char *const *ids, json_t **ret);
