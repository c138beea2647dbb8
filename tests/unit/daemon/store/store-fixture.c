/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <ftw.h>
#include <lmdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>

#include "dbus/error.h"
#include "tests/unit/daemon/store/store-fixture.h"

/* Longer than anything takes with sanitizers. */
#define TIMEOUT_MS 120000

int fixture_setup(void **state)
{
        Fixture *f = calloc(1, sizeof(Fixture));

        strcpy(f->directory, "/tmp/test-store.XXXXXX");
        if (!mkdtemp(f->directory))
                return -1;
        assert_int_equal(store_open(f->directory, &f->store), 0);
        *state = f;
        return 0;
}

int fixture_teardown(void **state)
{
        Fixture *f = *state;

        store_free(f->store);
        remove_tree(f->directory);
        free(f);
        return 0;
}

void fixture_reopen(Fixture *f)
{
        f->store = store_free(f->store);
        audit(f->directory);
        assert_int_equal(store_open(f->directory, &f->store), 0);
}

MDB_dbi fixture_open_database(Fixture *f, const char *database, unsigned flags, MDB_env **ret_env,
                              MDB_txn **ret_txn)
{
        MDB_dbi dbi;

        f->store = store_free(f->store);
        assert_int_equal(mdb_env_create(ret_env), 0);
        assert_int_equal(mdb_env_set_maxdbs(*ret_env, 16), 0);
        assert_int_equal(mdb_env_open(*ret_env, f->directory, flags, 0600), 0);
        assert_int_equal(mdb_txn_begin(*ret_env, NULL, flags, ret_txn), 0);
        assert_int_equal(mdb_dbi_open(*ret_txn, database, 0, &dbi), 0);
        return dbi;
}

size_t fixture_count(Fixture *f, const char *database)
{
        MDB_stat stat;
        MDB_env *env;
        MDB_txn *txn;
        MDB_dbi dbi;

        dbi = fixture_open_database(f, database, MDB_RDONLY, &env, &txn);
        assert_int_equal(mdb_stat(txn, dbi, &stat), 0);
        mdb_txn_abort(txn);
        mdb_env_close(env);
        assert_int_equal(store_open(f->directory, &f->store), 0);
        return stat.ms_entries;
}

void dispatch_all(Store *store)
{
        while (store_dispatch(store))
                ;
}

void outcome_wait(Store *store, const Outcome *outcome, unsigned n_calls)
{
        struct pollfd pollfd = {.fd = store_get_fd(store), .events = POLLIN};

        while (outcome->n_calls < n_calls) {
                assert_int_equal(poll(&pollfd, 1, TIMEOUT_MS), 1);
                dispatch_all(store);
        }
        assert_int_equal(outcome->n_calls, n_calls);
}

void outcome_clear(Outcome *outcome)
{
        free(outcome->first_removed);
        *outcome = (Outcome){};
}

void on_added(int r, bool newly_linked, void *userdata)
{
        Outcome *outcome = userdata;

        outcome->n_calls++;
        outcome->r = r;
        outcome->newly_linked = newly_linked;
}

void on_removed(int r, const LinkList *removed, void *userdata)
{
        Outcome *outcome = userdata;

        outcome->n_calls++;
        outcome->r = r;
        outcome->n_removed = removed->n_links;
        free(TAKE_PTR(outcome->first_removed));
        if (removed->n_links > 0)
                assert_true(asprintf(&outcome->first_removed, "%s %s", removed->links[0]->user_id,
                                     removed->links[0]->authenticator_id) > 0);
}

void on_begun(int r, uint64_t id, void *userdata)
{
        Outcome *outcome = userdata;

        outcome->n_calls++;
        outcome->r = r;
        outcome->id = id;
}

void add_later(Store *store, const char *tenancy, const char *user, const char *authenticator,
               Outcome *outcome)
{
        _cleanup_(link_freep) Link *link = make_link(authenticator, user, 1);

        assert_int_equal(store_add(store, tenancy, link, on_added, outcome, NULL), 0);
}

int add(Store *store, const char *tenancy, const char *user, const char *authenticator,
        bool *ret_newly_linked)
{
        Outcome outcome = {};

        add_later(store, tenancy, user, authenticator, &outcome);
        outcome_wait(store, &outcome, 1);
        if (ret_newly_linked)
                *ret_newly_linked = outcome.newly_linked;
        return outcome.r;
}

int remove_one(Store *store, const char *tenancy, const char *authenticator)
{
        _cleanup_(outcome_clear) Outcome outcome = {};

        assert_int_equal(store_remove(store, tenancy, authenticator, on_removed, &outcome, NULL),
                         0);
        outcome_wait(store, &outcome, 1);
        assert_int_equal(outcome.n_removed, outcome.r == 0 ? 1 : 0);
        return outcome.r;
}

int remove_user(Store *store, const char *tenancy, const char *user, size_t *ret_n_removed)
{
        _cleanup_(outcome_clear) Outcome outcome = {};

        assert_int_equal(store_remove_by_user(store, tenancy, user, on_removed, &outcome, NULL), 0);
        outcome_wait(store, &outcome, 1);
        if (ret_n_removed)
                *ret_n_removed = outcome.n_removed;
        return outcome.r;
}

int exchange(Store *store, const char *tenancy, const ExchangeOutcome *wanted,
             bool *ret_newly_linked)
{
        Outcome outcome = {};

        assert_int_equal(store_commit_exchange(store, tenancy, wanted, on_added, &outcome, NULL),
                         0);
        outcome_wait(store, &outcome, 1);
        if (ret_newly_linked)
                *ret_newly_linked = outcome.newly_linked;
        return outcome.r;
}

uint64_t begin_exchange(Store *store, const char *tenancy, const char *user, const uint8_t *key)
{
        ExchangeIntent intent = {.user_id = (char *) user,
                                 .wants_link = true,
                                 .has_key = key,
                                 .begun_at_api_ms = 1000000,
                                 .window_ms = 420000};
        Outcome outcome = {};

        host_time_now(&intent.begun_at);
        if (key)
                memcpy(intent.key, key, IDEMPOTENCY_KEY_LEN);
        assert_int_equal(store_begin_exchange(store, tenancy, &intent, on_begun, &outcome, NULL),
                         0);
        outcome_wait(store, &outcome, 1);
        assert_int_equal(outcome.r, 0);
        assert_true(outcome.id > 0);
        return outcome.id;
}

const char *user_of(Store *store, const char *tenancy, const char *authenticator)
{
        _cleanup_(link_freep) Link *link = NULL;
        static char user[257];
        int r = store_get_link(store, tenancy, authenticator, &link);

        if (r == ERROR_NOT_FOUND)
                return "";
        assert_int_equal(r, 0);
        assert_string_equal(link->authenticator_id, authenticator);
        snprintf(user, sizeof(user), "%s", link->user_id);
        return user;
}

uint64_t count(Store *store, const char *tenancy)
{
        uint64_t n = UINT64_MAX;

        assert_int_equal(store_count(store, tenancy, &n), 0);
        return n;
}

size_t count_of_user(Store *store, const char *tenancy, const char *user)
{
        _cleanup_(link_list_clear) LinkList list = {};

        assert_int_equal(store_list_by_user(store, tenancy, user, &list), 0);
        for (size_t i = 0; i < list.n_links; i++)
                assert_string_equal(list.links[i]->user_id, user);
        return list.n_links;
}

Link *make_link(const char *authenticator, const char *user, uint64_t created_at_ms)
{
        Link *link = NULL;

        assert_int_equal(link_new(authenticator, user, NULL, created_at_ms, 0, &link), 0);
        return link;
}

Principal *make_principal(void)
{
        Principal *principal = principal_new();

        principal->id = strdup("p-1");
        principal->user_id = strdup("ada");
        principal->authenticator_id = strdup("auth-1");
        principal->authenticator_type = strdup("passkey");
        principal->ip_address = strdup("192.0.2.1");
        principal->created_at_ms = 1700000000000;
        principal->expires_at_ms = 1700000300000;
        principal->verified = true;
        return principal;
}

char *make_id(size_t len, unsigned seed)
{
        char *id = malloc(len + 1), number[16];
        size_t n = (size_t) snprintf(number, sizeof(number), "%u", seed);

        memset(id, 'x', len);
        id[len] = '\0';
        /* Unique suffix: long ids share a prefix. */
        memcpy(id + len - (n < len ? n : len), number, n < len ? n : len);
        return id;
}

void *read_file(const char *directory, const char *name, size_t *ret_len)
{
        char path[128];
        struct stat st;
        uint8_t *bytes;
        int fd;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(fstat(fd, &st), 0);
        bytes = malloc((size_t) st.st_size + 1);
        assert_int_equal(pread(fd, bytes, (size_t) st.st_size, 0), st.st_size);
        close(fd);
        *ret_len = (size_t) st.st_size;
        return bytes;
}

void write_file(const char *directory, const char *name, const void *bytes, size_t len)
{
        char path[128];
        int fd;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        if (len > 0)
                assert_int_equal(pwrite(fd, bytes, len, 0), len);
        close(fd);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        return remove(path);
}

void remove_tree(const char *directory)
{
        assert_int_equal(nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}
