/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/record.h"
#include "daemon/store/txn.h"

/* NOT_FOUND, 0, or a negative errno. An expired one is found until it is pruned. */
int answer_table_get(Txn *txn, const uint8_t key[static ANSWER_KEY_LEN], Answer *ret);

/* Replaces what is under the key. Returns 0 or a negative errno. */
int answer_table_put(Txn *txn, const uint8_t key[static ANSWER_KEY_LEN], const Answer *answer);

/* Removes some that have expired: more than are added between two calls, and no more than can be
 * done in passing. Returns 0 or a negative errno. */
int answer_table_prune(Txn *txn, uint64_t now_ms);
