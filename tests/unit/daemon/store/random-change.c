/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "dbus/error.h"
#include "tests/unit/daemon/store/random-change.h"

void random_change_clear(RandomChange *change)
{
        link_list_clear(&change->removed);
}

static void on_change_added(int r, bool newly_linked, void *userdata)
{
        RandomChange *change = userdata;

        change->n_calls++;
        change->r = r;
        change->newly_linked = newly_linked;
}

static void on_change_removed(int r, const LinkList *removed, void *userdata)
{
        RandomChange *change = userdata;

        change->n_calls++;
        change->r = r;
        assert_int_equal(link_list_copy(removed, &change->removed), 0);
}

static void on_change_imported(int r, const LinkList *links, const LinkOutcome *outcomes,
                               void *userdata)
{
        RandomChange *change = userdata;

        change->n_calls++;
        change->r = r;
        change->n_links = links->n_links;
        if (r == 0)
                memcpy(change->outcomes, outcomes, links->n_links * sizeof(LinkOutcome));
}

static void on_change_begun(int r, uint64_t id, void *userdata)
{
        RandomChange *change = userdata;

        change->n_calls++;
        change->r = r;
        change->id = id;
}

void random_draw(Random *random)
{
        random->kind = (unsigned) rand_r(&random->seed) % 10;
        random->user = (unsigned) rand_r(&random->seed) % RANDOM_USERS;
        random->authenticator = (unsigned) rand_r(&random->seed) % RANDOM_AUTHENTICATORS;
        random->key = (unsigned) rand_r(&random->seed) % 8;
}

static void start_import(Store *store, const Random *random, RandomChange *change)
{
        _cleanup_(link_list_clear) LinkList links = {};

        for (unsigned i = 0; i < 3; i++) {
                char user[16], authenticator[16];

                snprintf(user, sizeof(user), "u%u", (random->user + i / 2) % RANDOM_USERS);
                snprintf(authenticator, sizeof(authenticator), "a%u",
                         (random->authenticator + i) % RANDOM_AUTHENTICATORS);
                assert_int_equal(link_list_push(&links, make_link(authenticator, user, 5 + i)), 0);
        }
        assert_int_equal(store_import(store, "t", &links, false, on_change_imported, change, NULL),
                         0);
}

static void start_exchange(Store *store, const Random *random, const char *user,
                           const char *authenticator, RandomChange *change)
{
        _cleanup_(link_freep) Link *link = make_link(authenticator, user, 9);
        uint8_t key[IDEMPOTENCY_KEY_LEN] = {(uint8_t) random->key};
        const IdempotencyRecord answer = {.error = ERROR_USER_MISMATCH};
        const ExchangeOutcome linking = {.link = link};
        const ExchangeOutcome declining = {
                .declined_id = authenticator, .key = key, .answer = &answer};
        assert_int_equal(store_commit_exchange(store, "t", random->key % 2 ? &linking : &declining,
                                               on_change_added, change, NULL),
                         0);
}

void random_change_start(Store *store, const Random *random, RandomChange *change)
{
        char user[16];
        const ExchangeIntent intent = {.user_id = user, .wants_link = true, .window_ms = 1000};

        snprintf(user, sizeof(user), "u%u", random->user);
        snprintf(change->authenticator, sizeof(change->authenticator), "a%u",
                 random->authenticator);
        if (random->kind < 4) {
                _cleanup_(link_freep) Link *link = make_link(change->authenticator, user, 1);

                assert_int_equal(store_add(store, "t", link, on_change_added, change, NULL), 0);
        } else if (random->kind < 6) {
                assert_int_equal(store_remove(store, "t", change->authenticator, on_change_removed,
                                              change, NULL),
                                 0);
        } else if (random->kind == 6) {
                assert_int_equal(
                        store_remove_by_user(store, "t", user, on_change_removed, change, NULL), 0);
        } else if (random->kind == 7) {
                start_import(store, random, change);
        } else if (random->kind == 8) {
                start_exchange(store, random, user, change->authenticator, change);
        } else {
                assert_int_equal(
                        store_begin_exchange(store, "t", &intent, on_change_begun, change, NULL),
                        0);
        }
}

void random_change_assert_same(const RandomChange *a, const RandomChange *b)
{
        assert_int_equal(a->r, b->r);
        assert_int_equal(a->newly_linked, b->newly_linked);
        assert_int_equal(a->removed.n_links, b->removed.n_links);
        for (size_t i = 0; i < a->removed.n_links; i++)
                assert_string_equal(a->removed.links[i]->authenticator_id,
                                    b->removed.links[i]->authenticator_id);
        assert_int_equal(a->n_links, b->n_links);
        for (size_t i = 0; i < a->n_links; i++)
                assert_int_equal(a->outcomes[i], b->outcomes[i]);
        assert_int_equal(a->id > 0, b->id > 0);
}

void assert_same_links(Store *a, Store *b)
{
        _cleanup_(link_list_clear) LinkList list = {}, other = {};
        char *cursor = NULL;

        assert_int_equal(store_list(a, "t", NULL, 0, SIZE_MAX, &list, &cursor), 0);
        assert_null(cursor);
        assert_int_equal(store_list(b, "t", NULL, 0, SIZE_MAX, &other, &cursor), 0);
        assert_null(cursor);
        assert_int_equal(list.n_links, other.n_links);
        for (size_t i = 0; i < list.n_links; i++) {
                assert_string_equal(list.links[i]->authenticator_id,
                                    other.links[i]->authenticator_id);
                assert_string_equal(list.links[i]->user_id, other.links[i]->user_id);
                assert_int_equal(list.links[i]->created_at_ms, other.links[i]->created_at_ms);
                assert_int_equal(list.links[i]->last_used_at_ms, other.links[i]->last_used_at_ms);
        }
        assert_int_equal(count(a, "t"), count(b, "t"));
}

void random_change_tally(const RandomChange *change, const Random *random,
                         int balance[RANDOM_AUTHENTICATORS])
{
        if (change->r == 0 && change->newly_linked)
                balance[random->authenticator]++;
        for (size_t i = 0; i < change->removed.n_links; i++)
                balance[atoi(change->removed.links[i]->authenticator_id + 1)]--;
        for (size_t i = 0; i < change->n_links; i++)
                if (change->outcomes[i] == LINK_ADDED)
                        balance[(random->authenticator + i) % RANDOM_AUTHENTICATORS]++;
}
