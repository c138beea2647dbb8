/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opens a store with arbitrary records, reads it, and changes it. See store-input.h. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "base/log.h"
#include "daemon/model/valid.h"
#include "daemon/store/store.h"
#include "dbus/error.h"
#include "tests/fuzz/store-input.h"

static char directory[64];
/* The used pages of the empty store. */
static uint8_t empty_store[256 * 1024];
static size_t empty_len;

static void read_empty_store(MDB_env *env)
{
        MDB_envinfo info;
        int fd;

        assert(mdb_env_info(env, &info) == 0 && mdb_env_get_fd(env, &fd) == 0);
        empty_len = (info.me_last_pgno + 1) * (size_t) sysconf(_SC_PAGESIZE);
        assert(empty_len <= sizeof(empty_store));
        assert(pread(fd, empty_store, empty_len, 0) == (ssize_t) empty_len);
        mdb_env_close(env);
}

int LLVMFuzzerInitialize(int *argc _unused_, char ***argv _unused_)
{
        store_input_make(directory);
        read_empty_store(store_input_open(directory));
        return 0;
}

/* Replaces the used pages; the space behind them stays allocated. */
static void prepare_file(const uint8_t *data, size_t size)
{
        MDB_env *env;
        Schema loaded;
        MDB_txn *txn;
        char path[96];
        int fd;

        (void) snprintf(path, sizeof(path), "%s/data.mdb", directory);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        assert(fd >= 0 && pwrite(fd, empty_store, empty_len, 0) == (ssize_t) empty_len);
        close(fd);
        env = store_input_open(directory);
        assert(schema_load(env, directory, LOG_ERR, &loaded) == 0);
        assert(mdb_txn_begin(env, NULL, 0, &txn) == 0);
        store_input_put(txn, &loaded, data, size);
        assert(mdb_txn_commit(txn) == 0);
        mdb_env_close(env);
}

static void on_added(int r, bool newly_linked _unused_, void *userdata)
{
        assert(r <= ERROR_MAX);
        (*(unsigned *) userdata)++;
}

static void on_removed(int r, const LinkList *removed, void *userdata)
{
        assert(r <= ERROR_MAX && removed);
        (*(unsigned *) userdata)++;
}

static void on_begun(int r, uint64_t id, void *userdata)
{
        assert(r != 0 || id > 0);
        (*(unsigned *) userdata)++;
}

static void on_recovered(int r, const Recovery *recovery _unused_, const LinkList *added,
                         size_t n_left _unused_, void *userdata)
{
        assert(r != 0 || added);
        (*(unsigned *) userdata)++;
}

static void on_deleting(int r, uint64_t id, const LinkList *links, void *userdata)
{
        assert(r != 0 || (id > 0) == (links->n_links > 0));
        (*(unsigned *) userdata)++;
}

static void on_imported(int r, const LinkList *links, const LinkOutcome *outcomes, void *userdata)
{
        for (size_t i = 0; r == 0 && i < links->n_links; i++)
                assert(outcomes[i] <= LINK_EXCEEDING);
        (*(unsigned *) userdata)++;
}

static int start_recovery(Store *store, const ExchangeIntentList *exchanges, unsigned *n_done)
{
        Recovery *recovery = calloc(1, sizeof(Recovery));
        RecoveryCandidate candidate = {.created_at_ms = 1, .last_used_at_ms = 2};

        assert(recovery && link_new("pk1", USER, NULL, 1, 0, &candidate.link) == 0);
        host_time_now(&recovery->now.host);
        for (size_t i = 0; i < exchanges->n_intents; i++)
                assert(recovery_add_exchange(recovery, &exchanges->intents[i], &recovery->now) ==
                       0);
        assert(recovery_add_candidate(recovery, &candidate) == 0);
        return store_recover(store, TENANCY, recovery, on_recovered, n_done, NULL);
}

static int start_change(Store *store, unsigned change, const ExchangeIntentList *exchanges,
                        unsigned *n_done)
{
        const Link link = {
                .authenticator_id = (char *) "pk1", .user_id = (char *) USER, .created_at_ms = 5};
        const ExchangeIntent intent = {.user_id = (char *) USER, .wants_link = true};
        const ExchangeOutcome outcome = {.intent_id = exchanges->n_intents > 0 ? 5 : 0,
                                         .link = change & 0x80 ? NULL : &link,
                                         .declined_id = change & 0x80 ? "pk2" : NULL,
                                         .key = store_input_digest,
                                         .answer = &(IdempotencyRecord){.error = 3}};
        const StoreDelete request = {.endpoint = "https://api.passlock.dev", .user_id = USER};
        Link *array[] = {(Link *) &link, (Link *) &link};
        const LinkList list = {.links = array, .n_links = 2};

        switch (change % 9) {
        case 0:
                return store_add(store, TENANCY, &link, on_added, n_done, NULL);
        case 1:
                return store_remove(store, TENANCY, "pk1", on_removed, n_done, NULL);
        case 2:
                return store_remove_by_user(store, TENANCY, USER, on_removed, n_done, NULL);
        case 3:
                return store_begin_exchange(store, TENANCY, &intent, on_begun, n_done, NULL);
        case 4:
                return start_recovery(store, exchanges, n_done);
        case 5:
                return store_commit_exchange(store, TENANCY, &outcome, on_added, n_done, NULL);
        case 6:
                return store_begin_delete(store, TENANCY, &request, on_deleting, n_done, NULL);
        case 7:
                return store_import(store, TENANCY, &list, change & 0x80, on_imported, n_done,
                                    NULL);
        default:
                return store_remove_unchanged(store, TENANCY, &list, 8, on_removed, n_done, NULL);
        }
}

static void wait_done(Store *store, const unsigned *n_done)
{
        struct pollfd pollfd = {.fd = store_get_fd(store), .events = POLLIN};

        while (*n_done == 0) {
                int r = poll(&pollfd, 1, 60000);

                assert(r == 1 || (r < 0 && errno == EINTR)); /* libFuzzer's timer */
                while (store_dispatch(store))
                        ;
        }
}

static void read_store(Store *store, ExchangeIntentList *ret_exchanges)
{
        _cleanup_(idempotency_record_clear) IdempotencyRecord answer = {};
        _cleanup_(freep) char *cursor = NULL;
        DeleteIntentList deletes = {};
        LinkList list = {};
        uint64_t count;

        (void) store_list(store, TENANCY, NULL, 1, 65536, &list, &cursor);
        store_input_check_links(&list, 1);
        assert(!cursor || id_is_valid(cursor));
        (void) store_list_by_user(store, TENANCY, USER, &list);
        store_input_check_links(&list, SIZE_MAX);
        (void) store_count(store, TENANCY, &count);
        (void) store_get_idempotency_record(store, store_input_digest, &answer);
        (void) store_list_exchanges(store, TENANCY, ret_exchanges);
        (void) store_list_deletes(store, TENANCY, &deletes);
        store_input_check_deletes(&deletes);
}

static void fuzz_store(const uint8_t *data, size_t size)
{
        ExchangeIntentList exchanges = {};
        Store *store = NULL;
        unsigned n_done = 0;
        int r;

        prepare_file(data, size);
        if (store_open(directory, &store) < 0)
                return;
        read_store(store, &exchanges);
        if (start_change(store, *data, &exchanges, &n_done) == 0)
                wait_done(store, &n_done);
        store_input_check_exchanges(&exchanges);
        store_free(store);
        /* Opened again, unless the change has used the last id. */
        r = store_open(directory, &store);
        assert(r == 0 || r == -EMEDIUMTYPE);
        if (r == 0)
                store_free(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size > 0)
                fuzz_store(data, size);
        return 0;
}
