/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

#define HTTP_TAG_SIZE 64U

/*
 * Copies the `_tag` of an API response, a JSON object; "" if it has none or the tag is too long.
 * Error bodies have to be valid JSON, as for the daemon. The members of a success body are only
 * scanned: the daemon accepts lists with rows that a JSON parser rejects.
 */
void http_tag_of_error(const char *body, size_t len, char tag[static HTTP_TAG_SIZE]);
void http_tag_of_success(const char *body, size_t len, char tag[static HTTP_TAG_SIZE]);
