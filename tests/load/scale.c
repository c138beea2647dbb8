/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * scale DIRECTORY LINKS
 *
 * Fills a new store with links in random order, one per user, and prints a JSON object: import
 * rates, used and file bytes per link, the growth of anonymous memory, the time to open the store,
 * the export rate, and the percentiles of lookups, idle and while exchanges commit.
 */

#include <err.h>
#include <inttypes.h>
#include <lmdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "daemon/store/store.h"

#define TENANCY      "tenancy"
#define BATCH        1000U
#define IMPORTS      2U /* in flight */
#define EXCHANGES    64U
#define SAMPLES_MAX  1000000U
#define LOOKUP_US    (4U * 1000U * 1000U)
#define DATABASE_MAX 16

static unsigned in_flight;

static void check(int r, const char *action)
{
        if (r != 0)
                errx(EXIT_FAILURE, "Failed to %s: %s", action, r < 0 ? strerror(-r) : "refused");
}

/* splitmix64: a permutation, so that ids are distinct. */
static uint64_t mix(uint64_t x)
{
        x += UINT64_C(0x9e3779b97f4a7c15);
        x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
        return x ^ x >> 31;
}

typedef struct Ids {
        char authenticator[28];
        char user[33];
} Ids;

static Ids ids_of(uint64_t i)
{
        Ids ids;

        snprintf(ids.authenticator, sizeof(ids.authenticator), "%016" PRIx64 "%011" PRIx64, mix(i),
                 mix(~i) >> 20);
        snprintf(ids.user, sizeof(ids.user), "%016" PRIx64 "%016" PRIx64, mix(i ^ 1U << 31),
                 mix(i ^ 1U << 30));
        return ids;
}

static Link *link_of(uint64_t i)
{
        Ids ids = ids_of(i);
        Link *link;

        check(link_new(ids.authenticator, ids.user, NULL, realtime_ms(), 0, &link), "make a link");
        return link;
}

static void dispatch(Store *store)
{
        struct pollfd pfd = {.fd = store_get_fd(store), .events = POLLIN};

        (void) poll(&pfd, 1, -1);
        while (store_dispatch(store))
                ;
}

static void on_imported(int r, const LinkList *links _unused_, const LinkOutcome *outcomes _unused_,
                        void *userdata _unused_)
{
        check(r, "import links");
        in_flight--;
}

static void import_batch(Store *store, uint64_t first, uint64_t end)
{
        _cleanup_(link_list_clear) LinkList links = {};

        for (uint64_t i = first; i < end && i < first + BATCH; i++)
                check(link_list_push(&links, link_of(i)), "list links");
        check(store_import(store, TENANCY, &links, false, on_imported, NULL, NULL), "import");
        in_flight++;
}

/* Returns the links per second. */
static double import(Store *store, uint64_t begin, uint64_t end)
{
        uint64_t start_us = monotonic_us();

        for (uint64_t i = begin; i < end; i += BATCH) {
                import_batch(store, i, end);
                while (in_flight >= IMPORTS)
                        dispatch(store);
        }
        while (in_flight > 0)
                dispatch(store);
        return (double) (end - begin) * 1e6 / (double) (monotonic_us() - start_us);
}

static double cpu_us(void)
{
        struct rusage usage;

        getrusage(RUSAGE_SELF, &usage);
        return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
               (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static double anonymous_mib(void)
{
        FILE *f = fopen("/proc/self/status", "re");
        unsigned long kib = 0;
        char line[128];

        while (f && fgets(line, sizeof(line), f) && sscanf(line, "RssAnon: %lu", &kib) != 1)
                ;
        if (f)
                fclose(f);
        return (double) kib / 1024;
}

static double export(Store *store, uint64_t n_links)
{
        char *cursor = NULL;
        uint64_t start_us = monotonic_us(), n = 0;

        do {
                _cleanup_(link_list_clear) LinkList page = {};
                char *next;

                check(store_list(store, TENANCY, cursor, STORE_LIST_LIMIT_MAX, SIZE_MAX, &page,
                                 &next),
                      "list links");
                free(cursor);
                cursor = next;
                n += page.n_links;
        } while (cursor);
        if (n < n_links)
                errx(EXIT_FAILURE, "Only %" PRIu64 " links were listed", n);
        return (double) n * 1e6 / (double) (monotonic_us() - start_us);
}

static void on_committed(int r, bool newly_linked _unused_, void *userdata _unused_)
{
        check(r, "commit an exchange");
        in_flight--;
}

static void commit_exchange(Store *store, uint64_t i)
{
        _cleanup_(link_freep) Link *link = link_of(i);
        uint64_t key[IDEMPOTENCY_KEY_LEN / sizeof(uint64_t)] = {i, mix(i)};
        IdempotencyRecord answer = {.error = 1};
        ExchangeOutcome outcome = {.link = link, .key = (const uint8_t *) key, .answer = &answer};

        check(store_commit_exchange(store, TENANCY, &outcome, on_committed, NULL, NULL),
              "begin a commit");
        in_flight++;
}

static int compare(const void *a, const void *b)
{
        const double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

static double now_us(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double) ts.tv_sec * 1e6 + (double) ts.tv_nsec / 1e3;
}

/* Looks up random links for some seconds, while `n` exchanges are in flight. */
static void look_up(Store *store, uint64_t n_links, unsigned n, const char *name)
{
        static double us[SAMPLES_MAX];
        uint64_t end_us = monotonic_us() + LOOKUP_US, n_exchanges = 0;
        unsigned i;

        for (i = 0; i < SAMPLES_MAX && monotonic_us() < end_us; i++) {
                Ids ids = ids_of(mix(i) % n_links);
                Link *link;
                double begin_us;

                while (in_flight < n)
                        commit_exchange(store, n_links + n_exchanges++);
                while (n > 0 && store_dispatch(store))
                        ;
                begin_us = now_us();
                check(store_get_link(store, TENANCY, ids.authenticator, &link), "get a link");
                us[i] = now_us() - begin_us;
                if (!streq(link->user_id, ids.user))
                        errx(EXIT_FAILURE, "The link has another user");
                link_free(link);
        }
        while (in_flight > 0)
                dispatch(store);
        qsort(us, i, sizeof(double), compare);
        printf("\"%s_p50_us\": %.2f, \"%s_p99_us\": %.2f, \"%s_commits\": %" PRIu64 ", ", name,
               us[i / 2], name, us[i * 99 / 100], name, n_exchanges);
        (void) fflush(stdout);
}

static size_t pages_of(const MDB_stat *stat)
{
        return stat->ms_branch_pages + stat->ms_leaf_pages + stat->ms_overflow_pages;
}

/* Prints the bytes of a database's pages per link. Returns the bytes. */
static double print_database(MDB_txn *txn, const char *name, double n_links)
{
        MDB_stat stat;
        double bytes;
        MDB_dbi dbi;

        if (mdb_dbi_open(txn, name, 0, &dbi) != 0 || mdb_stat(txn, dbi, &stat) != 0)
                return 0;
        bytes = (double) pages_of(&stat) * stat.ms_psize;
        printf("\"%s_bytes\": %.1f, ", name, bytes / n_links);
        return bytes;
}

static void print_size(const char *directory, double n_links)
{
        char path[4096];
        struct stat st;
        MDB_envinfo info;
        MDB_env *env;
        MDB_txn *txn;
        double used = 0;

        snprintf(path, sizeof(path), "%s/data.mdb", directory);
        if (stat(path, &st) < 0 || mdb_env_create(&env) != 0 ||
            mdb_env_set_maxdbs(env, DATABASE_MAX) != 0 ||
            mdb_env_open(env, directory, MDB_RDONLY, 0) != 0 ||
            mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0)
                errx(EXIT_FAILURE, "Failed to open the file of the store");
        mdb_env_info(env, &info);
        used += print_database(txn, "links", n_links);
        used += print_database(txn, "users", n_links);
        used += print_database(txn, "user-links", n_links);
        printf("\"used_bytes\": %.1f, \"file_bytes\": %.1f, \"file_per_last_page\": %.3f, ",
               used / n_links, (double) st.st_size / n_links,
               (double) st.st_size / ((double) (info.me_last_pgno + 1) * 4096));
        mdb_txn_abort(txn);
        mdb_env_close(env);
}

int main(int argc, char *argv[])
{
        uint64_t n, start_us;
        double rate, begin_mib, mib;
        Store *store;

        n = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
        if (n < 10 * BATCH)
                errx(EXIT_FAILURE, "usage: scale DIRECTORY LINKS (%u at least)", 10 * BATCH);

        check(store_open(argv[1], &store), "open the store");
        printf("{\"links\": %" PRIu64 ", ", n);
        begin_mib = anonymous_mib();
        start_us = monotonic_us();
        (void) import(store, 0, n / 10);
        mib = anonymous_mib();
        (void) import(store, n / 10, n / 10 * 9);
        rate = import(store, n / 10 * 9, n);
        printf("\"import_rate\": %.0f, \"import_rate_last_tenth\": %.0f, \"import_cpu_us\": %.1f, "
               "\"anonymous_mib\": [%.1f, %.1f, %.1f], ",
               (double) n * 1e6 / (double) (monotonic_us() - start_us), rate, cpu_us() / (double) n,
               begin_mib, mib, anonymous_mib());
        (void) fflush(stdout);
        store_free(store);
        print_size(argv[1], (double) n);

        start_us = monotonic_us();
        check(store_open(argv[1], &store), "open the store again");
        printf("\"open_ms\": %.2f, ", (double) (monotonic_us() - start_us) / 1e3);
        look_up(store, n, 0, "idle");
        look_up(store, n, EXCHANGES, "busy");
        printf("\"export_rate\": %.0f}\n", export(store, n));
        store_free(store);
        return fflush(stdout) < 0;
}
