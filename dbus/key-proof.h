/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/secret.h"

/*
 * How the daemon proves to root that it holds a certain API key, without showing it: by
 * HMAC-SHA-256, under the key, of a prefix and a nonce that the asker has chosen at random.
 *
 * What this tells: whoever can call it can test guesses of the key, which only root may, and root
 * can read the credential anyway; keys have far more entropy than can be guessed. The prefix keeps
 * a proof from being taken for anything else that is ever computed with the key, and no other
 * protocol uses the key for an HMAC.
 */
#define KEY_PROOF_PREFIX    "dev.passlock.Passlock1.ProveKey:"
#define KEY_PROOF_LEN       64U /* lower-case hex */
#define KEY_PROOF_NONCE_MIN 32U
#define KEY_PROOF_NONCE_MAX 128U

/* Whether it is so many of [A-Za-z0-9_-]. */
bool key_proof_nonce_is_valid(const char *nonce);

/* Returns 0, -EINVAL for a nonce that is not valid, or -ENOMEM. */
int key_proof(const Secret *key, const char *nonce, char ret_proof[static KEY_PROOF_LEN + 1]);
