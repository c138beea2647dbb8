/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/secret.h"

/*
 * The authentication of etcd: user and password are exchanged for a token. Pure. The key holder has
 * no JSON library, so that it parses as little as possible: the request has two members, and of the
 * reply one is read.
 */

/* Checks a credential: one line, "user:password", UTF-8 without control characters. Returns NULL,
 * or a static error text such as "is empty". */
const char *store_login_flaw(const Secret *login);

/* Writes the body of the request; the caller wipes and frees it. Returns 0 or -ENOMEM. */
int store_login_write(const Secret *login, char **ret, size_t *ret_len);

/*
 * Reads the member "token" of the reply, a JSON object of any other members. Returns 0; -EBADMSG if
 * the reply is not such an object, or if its token is not 1 to SECRET_LEN_MAX printable ASCII
 * characters without spaces and escapes; or -ENOMEM.
 */
int store_login_read_token(const char *body, size_t len, Secret **ret);
