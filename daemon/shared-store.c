/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>

#include "base/log.h"
#include "base/new-file.h"
#include "base/text.h"
#include "daemon/etcd-log/etcd-log.h"
#include "daemon/shared-store.h"
#include "daemon/store/shared/revision-id.h"
#include "daemon/store/store-shared.h"

#define DIRECTORY   "shared"
#define NAME_FILE   "host-name"
#define NUMBER_FILE "host-number"
#define MARK_FILE   "left"

/* "Which host is this?", for sd_id128_get_machine_app_specific(). */
#define APP_ID SD_ID128_MAKE(7c, 1f, 5b, 0e, 91, d2, 4c, 0a, a6, 3d, 52, 8e, 0f, c4, 77, 19)

#define MACHINE_LEN 32U
#define NAME_LEN    (MACHINE_LEN + 1 + 16)

struct SharedStore {
        Holder *holder;
        char *directory;
        char *mark; /* exists when this host has left */
        SharedStoreOwner owner;
        SharedLog *log; /* of the store */
        Store *store;
        bool was_restored;
        RestoreCounts counts; /* of that */
        uint64_t serial;      /* of the key holder's state */
};

/* The name of this host among the others: that of the machine, and a random part for this state
 * directory. A copy of the directory on another machine gets another name. */

static int read_name(const char *path, const char *machine, char ret[static NAME_LEN + 1])
{
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        ssize_t n;

        if (fd < 0)
                return -errno;
        n = read(fd, ret, NAME_LEN);
        if (n < 0)
                return -errno;
        ret[n] = '\0';
        if ((size_t) n != NAME_LEN || strncmp(ret, machine, MACHINE_LEN) != 0 ||
            ret[MACHINE_LEN] != '-' ||
            strspn(ret + MACHINE_LEN + 1, "0123456789abcdef") != NAME_LEN - MACHINE_LEN - 1)
                return -EBADMSG;
        return 0;
}

static int write_file(const char *path, const char *text)
{
        _cleanup_(new_file_freep) NewFile *file = NULL;
        size_t len = strlen(text);
        int r;

        r = new_file_open(path, &file);
        if (r < 0)
                return r;
        if (write(new_file_fd(file), text, len) != (ssize_t) len)
                return -EIO;
        return new_file_publish(file, true);
}

static int get_name(const char *directory, char ret[static NAME_LEN + 1])
{
        char machine[SD_ID128_STRING_MAX];
        _cleanup_(freep) char *path = NULL;
        sd_id128_t id;
        uint64_t random;
        int r;

        r = sd_id128_get_machine_app_specific(APP_ID, &id);
        if (r < 0) { /* the random part remains */
                log_warning("Failed to read the machine id: %s", strerror(-r));
                id = SD_ID128_NULL;
        }
        sd_id128_to_string(id, machine);
        if (asprintf(&path, "%s/" NAME_FILE, directory) < 0)
                return -ENOMEM;
        if (read_name(path, machine, ret) == 0)
                return 0;
        if (getrandom(&random, sizeof(random), 0) < 0)
                return log_errno_origin(-errno);
        (void) snprintf(ret, NAME_LEN + 1, "%s-%016llx", machine, (unsigned long long) random);
        return write_file(path, ret);
}

/* The number of the host, which its ids contain, also while etcd is away: NO_HOST_NUMBER if it has
 * none yet. */
static unsigned read_number(const char *directory)
{
        _cleanup_(freep) char *path = NULL;
        _cleanup_(closep) int fd = -1;
        char text[4] = "";
        unsigned number;

        if (asprintf(&path, "%s/" NUMBER_FILE, directory) < 0) {
                path = NULL;
                return NO_HOST_NUMBER;
        }
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 || sscanf(text, "%3u", &number) != 1)
                return NO_HOST_NUMBER;
        return number <= HOST_NUMBER_MAX ? number : NO_HOST_NUMBER;
}

static void on_claimed(unsigned number, void *userdata)
{
        const SharedStore *shared = userdata;
        _cleanup_(freep) char *path = NULL;
        char text[4];
        int r = -ENOMEM;

        if (read_number(shared->directory) == number)
                return;
        (void) snprintf(text, sizeof(text), "%03u", number);
        if (asprintf(&path, "%s/" NUMBER_FILE, shared->directory) < 0)
                path = NULL;
        else
                r = write_file(path, text);
        if (r < 0)
                log_error("Failed to write %s/" NUMBER_FILE ": %s", shared->directory,
                          strerror(-r));
}

/* The store */

static void on_links_changed(const ReplicaNews *news, void *userdata)
{
        const SharedStore *shared = userdata;
        Tenancies *tenancies = shared->owner.tenancies(shared->owner.userdata);

        if (tenancies)
                tenancies_links_changed(tenancies, news->tenancy_id, &news->added, &news->removed);
}

static void on_loaded(void *userdata)
{
        const SharedStore *shared = userdata;
        Tenancies *tenancies = shared->owner.tenancies(shared->owner.userdata);

        log_notice("Loaded the shared store");
        if (tenancies)
                tenancies_store_is_open(tenancies);
}

static void on_restored(const RestoreCounts *counts, void *userdata)
{
        SharedStore *shared = userdata;

        shared->was_restored = true;
        shared->counts = *counts;
        log_error(
                "Compared the replica with the restored etcd: %zu links pushed back, %zu removals "
                "repeated; not pushed back: %zu linked to other users, %zu of users with too many "
                "links; kept: %zu that the replica lacks without a known removal",
                counts->n_added, counts->n_removed, counts->n_conflicting, counts->n_exceeding,
                counts->n_unexplained);
        shared->owner.restored(shared->owner.userdata);
}

static void on_away(unsigned host, void *userdata)
{
        const SharedStore *shared = userdata;
        Tenancies *tenancies = shared->owner.tenancies(shared->owner.userdata);

        if (tenancies)
                tenancies_host_is_away(tenancies, host);
}

static int open_store(SharedStore *shared, sd_event *event, const StoreConfig *config,
                      const char *directory)
{
        bool has_left = access(shared->mark, F_OK) == 0;
        char name[NAME_LEN + 1];
        int r;

        if (has_left)
                log_warning("This host has left the shared store, so changes fail: remove "
                            "Engine=etcd from [Store], and start passlockd");
        if (mkdir(directory, 0700) < 0 && errno != EEXIST) {
                r = -errno;
                log_error("Failed to create %s: %s", directory, strerror(errno));
                return r;
        }
        r = get_name(directory, name);
        if (r < 0) {
                log_error("Failed to name this host in %s/" NAME_FILE ": %s", directory,
                          strerror(-r));
                return r;
        }
        r = etcd_log_new(event, holder_etcd_transport(shared->holder),
                         &(EtcdLogOptions){.prefix = config->prefix,
                                           .host_name = name,
                                           .host_number = read_number(directory),
                                           .has_left = has_left,
                                           .claimed = on_claimed,
                                           .userdata = shared},
                         &shared->log);
        if (r < 0)
                return r;
        return store_open_shared(directory,
                                 &(StoreSharedOptions){.log = shared->log,
                                                       .may_be_alone = config->acknowledge ==
                                                                       STORE_ACKNOWLEDGE_LOCAL,
                                                       .has_left = has_left,
                                                       .changed = on_links_changed,
                                                       .loaded = on_loaded,
                                                       .restored = on_restored,
                                                       .away = on_away,
                                                       .userdata = shared},
                                 &shared->store);
}

/* From here on the mark tells whether this host has left. */
static void clean_leave(const char *state_directory, const char *mark)
{
        int r = store_clean_leave(state_directory, mark);

        if (r < 0)
                log_error("Failed to clean up after an interrupted leave of the shared store: %s",
                          strerror(-r));
}

int shared_store_new(sd_event *event, Holder *holder, const StoreConfig *config,
                     const char *state_directory, const SharedStoreOwner *owner, SharedStore **ret)
{
        _cleanup_(shared_store_freep) SharedStore *shared = calloc(1, sizeof(SharedStore));
        int r;

        if (!shared)
                return -ENOMEM;
        shared->holder = holder;
        shared->owner = *owner;
        if (asprintf(&shared->directory, "%s/" DIRECTORY, state_directory) < 0) {
                shared->directory = NULL;
                return -ENOMEM;
        }
        if (asprintf(&shared->mark, "%s/" MARK_FILE, shared->directory) < 0) {
                shared->mark = NULL;
                return -ENOMEM;
        }
        clean_leave(state_directory, shared->mark);
        r = open_store(shared, event, config, shared->directory);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(shared);
        return 0;
}

SharedStore *shared_store_free(SharedStore *shared)
{
        if (!shared)
                return NULL;
        store_free(shared->store);
        free(shared->directory);
        free(shared->mark);
        free(shared);
        return NULL;
}

/* The mark goes last, so that a crash does not leave a replica that would be used again. */
static int forget(const char *directory, int fd)
{
        int r;

        if (faccessat(fd, MARK_FILE, F_OK, 0) < 0)
                return errno == ENOENT ? 0 : -errno;
        r = store_remove_replica(directory);
        if (r < 0)
                return r;
        if (unlinkat(fd, NUMBER_FILE, 0) < 0 && errno != ENOENT)
                return -errno;
        return fsync(fd) < 0 || unlinkat(fd, MARK_FILE, 0) < 0 ? -errno : 0;
}

void shared_store_forget(const char *state_directory)
{
        _cleanup_(freep) char *directory = NULL, *mark = NULL;
        _cleanup_(closep) int fd = -1;
        int r = 0;

        directory = text_format("%s/" DIRECTORY, state_directory);
        mark = text_format("%s/" DIRECTORY "/" MARK_FILE, state_directory);
        if (!directory || !mark)
                return;
        clean_leave(state_directory, mark);
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
                r = forget(directory, fd);
        if (r < 0)
                log_error("Failed to remove the replica in %s: %s", directory, strerror(-r));
}

const char *shared_store_mark(SharedStore *shared)
{
        return shared->mark;
}

Store *shared_store_get(SharedStore *shared)
{
        return shared->store;
}

SharedLog *shared_store_log(SharedStore *shared)
{
        return shared->log;
}

void shared_store_configure(SharedStore *shared, const StoreConfig *config)
{
        store_shared_set_may_be_alone(shared->store,
                                      config->acknowledge == STORE_ACKNOWLEDGE_LOCAL);
}

const RestoreCounts *shared_store_restored(const SharedStore *shared)
{
        return shared->was_restored ? &shared->counts : NULL;
}

void shared_store_update(SharedStore *shared)
{
        uint64_t serial = holder_get_store(shared->holder)->serial;

        if (serial == shared->serial)
                return;
        shared->serial = serial;
        etcd_log_endpoints_changed(shared->log);
}
