/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tests/unit/daemon/store/store-fixture.h"

/* Random changes of few links of few users in the tenancy "t", so that they meet. */

enum { RANDOM_USERS = 4, RANDOM_AUTHENTICATORS = 12 };

typedef struct Random {
        unsigned seed;
        unsigned kind, user, authenticator, key;
} Random;

/* Draws the next change. */
void random_draw(Random *random);

/* The result of a change. */
typedef struct RandomChange {
        unsigned n_calls;
        int r;
        bool newly_linked;
        LinkList removed;
        LinkOutcome outcomes[8];
        size_t n_links;
        uint64_t id;
        char authenticator[16];
} RandomChange;

void random_change_clear(RandomChange *change);

/* Starts the change that was drawn. */
void random_change_start(Store *store, const Random *random, RandomChange *change);
void random_change_assert_same(const RandomChange *a, const RandomChange *b);
/* Adds up the links that callers were told of: `balance` is how often each is linked. */
void random_change_tally(const RandomChange *change, const Random *random,
                         int balance[RANDOM_AUTHENTICATORS]);

void assert_same_links(Store *a, Store *b);
