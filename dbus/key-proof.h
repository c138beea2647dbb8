/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/secret.h"

/*
 * Proof of possession: the daemon shows root that it holds an API key without revealing it, by
 * HMAC-SHA-256 under the key over a prefix and a random nonce of the caller.
 *
 * The caller can test guesses of the key. But only root may call it, who can read the credential
 * anyway, and keys have high entropy. The prefix separates the domain from any other use of the key
 * in an HMAC.
 */
#define KEY_PROOF_PREFIX    "dev.passlock.Passlock1.ProveKey:"
#define KEY_PROOF_LEN       64U /* lower-case hex */
#define KEY_PROOF_NONCE_MIN 32U
#define KEY_PROOF_NONCE_MAX 128U

/* Whether the nonce has a valid length and only [A-Za-z0-9_-]. */
bool key_proof_nonce_is_valid(const char *nonce);

/* Returns 0, -EINVAL for an invalid nonce, or -ENOMEM. */
int key_proof(const Secret *key, const char *nonce, char ret_proof[static KEY_PROOF_LEN + 1]);
