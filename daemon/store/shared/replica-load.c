/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/store/environment/store-directory.h"
#include "daemon/store/shared/outbox.h"
#include "daemon/store/shared/replica-load.h"

#define DIRECTORY "loading"

/* Pages from one durable commit to the next, so that no commit takes long. */
#define SYNC_PAGES 64U

struct ReplicaLoad {
        Environment *replica;
        Environment *environment; /* of the snapshot; NULL before the first page */
        unsigned n_pages;
        char *directory;
};

ReplicaLoad *replica_load_new(Environment *environment)
{
        _cleanup_(replica_load_freep) ReplicaLoad *load = calloc(1, sizeof(ReplicaLoad));

        if (!load)
                return NULL;
        load->replica = environment;
        if (asprintf(&load->directory, "%s/" DIRECTORY, environment_directory(environment)) < 0) {
                load->directory = NULL;
                return NULL;
        }
        return TAKE_PTR(load);
}

ReplicaLoad *replica_load_free(ReplicaLoad *load)
{
        if (!load)
                return NULL;
        if (environment_free(load->environment), load->directory)
                (void) store_directory_remove(load->directory);
        free(load->directory);
        free(load);
        return NULL;
}

static int open_snapshot(ReplicaLoad *load)
{
        int r;

        if (load->environment)
                return 0;
        r = store_directory_remove(load->directory); /* of a process that was killed */
        if (r == 0 && mkdir(load->directory, 0700) < 0)
                r = log_errno_origin(-errno);
        return r < 0 ? r : environment_new(load->directory, false, &load->environment);
}

static int add_events(Txn *txn, uint64_t revision, const LogEvent *events, size_t n_events)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < n_events; i++) {
                _cleanup_(replica_news_clear) ReplicaNews news = {};

                r = replica_apply(txn, revision, &events[i], &news);
        }
        return r;
}

/* Adds events, or the position of the complete snapshot. */
static int try_add(ReplicaLoad *load, uint64_t revision, const LogEvent *events, size_t n_events,
                   const ReplicaPosition *position)
{
        _cleanup_(txn_end) Txn txn = {};
        int r;

        r = environment_begin_write(load->environment, &txn);
        if (r == 0)
                r = add_events(&txn, revision, events, n_events);
        if (r == 0 && position)
                r = replica_put_position(&txn, position);
        return r < 0 ? r : txn_commit(&txn);
}

/* In a larger map if the snapshot does not fit. */
static int add(ReplicaLoad *load, uint64_t revision, const LogEvent *events, size_t n_events,
               const ReplicaPosition *position, bool is_durable)
{
        int r;

        r = open_snapshot(load);
        if (r == 0)
                r = environment_set_durable(load->environment, is_durable);
        while (r == 0 && (r = try_add(load, revision, events, n_events, position)) == -EXFULL)
                r = environment_grow(load->environment);
        return r;
}

int replica_load_add(ReplicaLoad *load, uint64_t revision, const LogEvent *events, size_t n_events)
{
        /* After a crash, the load begins again. */
        return add(load, revision, events, n_events, NULL, ++load->n_pages % SYNC_PAGES == 0);
}

int replica_load_complete(ReplicaLoad *load, const ReplicaPosition *position)
{
        return add(load, position->revision, NULL, 0, position, true);
}

Environment *replica_load_environment(const ReplicaLoad *load)
{
        return load->environment;
}

int replica_load_end(ReplicaLoad *load)
{
        int r;

        r = environment_recover(load->replica);
        if (r >= 0)
                r = outbox_copy(load->replica, load->environment);
        if (r < 0 && r != -EMEDIUMTYPE) /* a damaged replica has no outbox any more */
                return r;
        load->environment = environment_free(load->environment);
        return environment_replace(load->replica, load->directory);
}

int replica_remove(const char *directory)
{
        _cleanup_(freep) char *loading = NULL;
        int r;

        if (asprintf(&loading, "%s/" DIRECTORY, directory) < 0) {
                loading = NULL;
                return -ENOMEM;
        }
        r = store_directory_remove(loading);
        return r < 0 ? r : store_directory_clear(directory);
}
