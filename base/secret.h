/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * A secret string: in pages of its own that are locked in memory, left out of core dumps and of
 * forked children, and wiped before they are given back. Immutable and reference-counted, so that
 * nobody needs a copy. Not thread-safe.
 */
typedef struct Secret Secret;

#define SECRET_LEN_MAX 4096U

/*
 * Copies `len` bytes into a new secret; the caller wipes its own copy. The bytes may not contain
 * NUL. Returns 0, -EINVAL (empty, or a NUL inside), -E2BIG (over SECRET_LEN_MAX) or -ENOMEM.
 */
int secret_new(const char *bytes, size_t len, Secret **ret);

/*
 * What keeps bytes from being a key, which is printable ASCII without blanks, as it has to go into
 * a header of HTTP. NULL if nothing does; else a static text that begins with a verb: "is empty".
 */
const char *secret_key_flaw(const char *bytes, size_t len);

/*
 * Reads a key from a file relative to `dir_fd`, straight into locked memory; one line end (LF or
 * CR LF) is dropped. Returns 0; -EINVAL, with secret_key_flaw() in *ret_flaw, if it is no key; or
 * the errno of open() and read().
 */
int secret_read_key_at(int dir_fd, const char *name, const char **ret_flaw, Secret **ret);

Secret *secret_ref(Secret *secret);
/* Drops a reference and returns NULL; the last one wipes. NULL is fine. */
Secret *secret_unref(Secret *secret);
DEFINE_CLEANUP(Secret *, secret_unref);

/* The secret itself, NUL-terminated, lent for as long as a reference is held. */
const char *secret_reveal(const Secret *secret);
size_t secret_len(const Secret *secret);

/* Compares in a time that depends on the lengths only. NULL equals nothing, not even NULL. */
bool secret_equal(const Secret *a, const Secret *b);
