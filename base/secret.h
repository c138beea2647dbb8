/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * A secret string in its own memory pages: mlock()ed, excluded from core dumps and forked children,
 * wiped on free. Immutable and reference-counted, so that no copies are needed. Not thread-safe.
 * Own code, because OpenSSL's secure heap has a fixed size and is process-wide, and libsystemd has
 * none.
 */
typedef struct Secret Secret;

#define SECRET_LEN_MAX      4096U
#define SECRET_FILE_LEN_MAX 16384U

/* Copies `len` bytes into a new secret; the caller wipes the original. Returns 0, -EINVAL (empty,
 * or contains NUL), -E2BIG (over SECRET_LEN_MAX) or -ENOMEM. */
int secret_new(const char *bytes, size_t len, Secret **ret);

/* Validates an API key: printable ASCII without white space, because it is sent in an HTTP header.
 * Returns NULL, or a static error text such as "is empty". */
const char *secret_key_flaw(const char *bytes, size_t len);

/*
 * Reads a key from a file relative to `dir_fd` into locked memory; one trailing LF or CR LF is
 * dropped. Returns 0; -EINVAL with secret_key_flaw() in *ret_flaw; or the errno of open() or
 * read().
 */
int secret_read_key_at(int dir_fd, const char *name, const char **ret_flaw, Secret **ret);

/*
 * Likewise for a text of up to SECRET_FILE_LEN_MAX bytes and any number of lines, such as a private
 * key. The flaws are an empty or too long file, NUL bytes, UTF-16 and a byte order mark.
 */
int secret_read_at(int dir_fd, const char *name, const char **ret_flaw, Secret **ret);

Secret *secret_ref(Secret *secret);
/* Drops a reference; wipes the secret with the last one. Accepts NULL. Returns NULL. */
Secret *secret_unref(Secret *secret);
DEFINE_CLEANUP(Secret *, secret_unref);

/* The plaintext, NUL-terminated, valid while a reference is held. */
const char *secret_reveal(const Secret *secret);
size_t secret_len(const Secret *secret);

/* Constant-time comparison. NULL equals nothing, not even NULL. */
bool secret_equal(const Secret *a, const Secret *b);
