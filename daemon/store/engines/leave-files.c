/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>

#include "base/log.h"
#include "base/new-file.h"
#include "daemon/store/engines/leave-files.h"
#include "daemon/store/environment/store-directory.h"
#include "daemon/store/environment/store-file.h"

#define DIRECTORY "leaving"
#define DATA_FILE "data.mdb"

/* Bytes of a step, so that the worker does other jobs in between. */
#define STEP_BYTES (32U * 1024U * 1024U)

struct LeaveFiles {
        char *state_directory;
        char *directory; /* of the copy */
        char *replica;   /* its file */
        char *mark;
        char *kept;
        int lock_fd; /* of the state directory; -1: not locked */
        int from_fd, to_fd;
        off_t size, n_copied;
};

int leave_files_new(const LeaveOptions *options, const char *replica_directory, LeaveFiles **ret)
{
        LeaveFiles *files = calloc(1, sizeof(LeaveFiles));

        if (!files)
                return -ENOMEM;
        files->lock_fd = files->from_fd = files->to_fd = -1;
        files->state_directory = strdup(options->state_directory);
        files->mark = strdup(options->mark);
        if (asprintf(&files->directory, "%s/" DIRECTORY, options->state_directory) < 0)
                files->directory = NULL;
        if (asprintf(&files->replica, "%s/" DATA_FILE, replica_directory) < 0)
                files->replica = NULL;
        if (!files->state_directory || !files->mark || !files->directory || !files->replica) {
                leave_files_free(files);
                return -ENOMEM;
        }
        *ret = files;
        return 0;
}

LeaveFiles *leave_files_free(LeaveFiles *files)
{
        if (!files)
                return NULL;
        if (files->lock_fd >= 0)
                (void) store_directory_remove(files->directory);
        closep(&files->from_fd);
        closep(&files->to_fd);
        closep(&files->lock_fd);
        free(files->state_directory);
        free(files->directory);
        free(files->replica);
        free(files->mark);
        free(files->kept);
        free(files);
        return NULL;
}

/* On disk before the copy is removed: a mark without a copy means that this host has left. */
static int remove_mark(const char *mark)
{
        _cleanup_(freep) char *directory = strndup(mark, (size_t) (strrchr(mark, '/') - mark));
        _cleanup_(closep) int fd = -1;

        if (!directory)
                return -ENOMEM;
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : log_errno_origin(-errno);
        if (unlinkat(fd, strrchr(mark, '/') + 1, 0) < 0)
                return errno == ENOENT ? 0 : log_errno_origin(-errno);
        return fsync(fd) < 0 ? log_errno_origin(-errno) : 0;
}

static bool has_copy(const char *directory)
{
        _cleanup_(closep) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd >= 0 && faccessat(fd, DATA_FILE, F_OK, 0) == 0;
}

int leave_clean(const char *state_directory, const char *mark)
{
        _cleanup_(freep) char *directory = NULL;
        int r = 0;

        if (asprintf(&directory, "%s/" DIRECTORY, state_directory) < 0) {
                directory = NULL;
                return -ENOMEM;
        }
        if (has_copy(directory))
                r = remove_mark(mark);
        return r == 0 ? store_directory_remove(directory) : r;
}

/* Copy */

static int open_files(LeaveFiles *files)
{
        _cleanup_(freep) char *path = NULL;
        struct stat st;
        int r;

        r = store_file_lock(files->state_directory, &files->lock_fd);
        if (r == 0)
                r = store_directory_remove(files->directory);
        if (r < 0)
                return r;
        if (mkdir(files->directory, 0700) < 0)
                return log_errno_origin(-errno);
        if (asprintf(&path, "%s/" DATA_FILE, files->directory) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        files->from_fd = open(files->replica, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (files->from_fd < 0 || fstat(files->from_fd, &st) < 0)
                return log_errno_origin(-errno);
        files->size = st.st_size;
        files->to_fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (files->to_fd < 0)
                return log_errno_origin(-errno);
        return store_file_reserve(files->to_fd, (uint64_t) files->size);
}

static int copy_step(LeaveFiles *files)
{
        off_t end = files->n_copied + STEP_BYTES;

        if (end > files->size)
                end = files->size;
        while (files->n_copied < end) {
                ssize_t n = sendfile(files->to_fd, files->from_fd, NULL,
                                     (size_t) (end - files->n_copied));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? log_errno_origin(-errno) : -EIO;
                files->n_copied += n;
        }
        return fdatasync(files->to_fd) < 0 ? log_errno_origin(-errno) : 0;
}

static int read_clock(Environment *replica, uint64_t *ret_now_ms)
{
        _cleanup_(txn_end) Txn txn = {};
        int r;

        r = environment_begin_read(replica, &txn);
        if (r == 0)
                *ret_now_ms = store_clock_now_ms(txn.clock);
        return r;
}

static int convert(const LeaveFiles *files, Environment *replica, const OwnStoreOptions *options)
{
        _cleanup_(environment_freep) Environment *copy = NULL;
        uint64_t now_ms = 0;
        int r;

        r = read_clock(replica, &now_ms);
        if (r == 0)
                r = environment_new(files->directory, false, &copy);
        return r < 0 ? r : own_store_make(copy, options, now_ms);
}

int leave_files_copy(LeaveFiles *files, Environment *replica, const OwnStoreOptions *options)
{
        int r = 0;

        if (files->to_fd < 0)
                r = open_files(files);
        if (r == 0)
                r = copy_step(files);
        if (r < 0)
                return r;
        return files->n_copied < files->size ? 1 : convert(files, replica, options);
}

/* Install */

/* Gives the own store a second name. */
static int keep_own(LeaveFiles *files)
{
        _cleanup_(freep) char *kept = NULL;
        char date[sizeof("20261231T235959Z")];
        time_t now = time(NULL);
        struct tm tm;

        if (faccessat(files->lock_fd, DATA_FILE, F_OK, 0) < 0)
                return errno == ENOENT ? 0 : log_errno_origin(-errno);
        if (!gmtime_r(&now, &tm) || strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &tm) == 0)
                return -EINVAL;
        if (asprintf(&kept, "%s/" DATA_FILE ".%s", files->state_directory, date) < 0) {
                kept = NULL;
                return -ENOMEM;
        }
        if (linkat(files->lock_fd, DATA_FILE, AT_FDCWD, kept, 0) < 0)
                return log_errno_origin(-errno);
        files->kept = TAKE_PTR(kept);
        return 0;
}

/* The copy may have replaced the own store already. A copy beside a mark stays for the next start,
 * which removes both. */
static void undo_install(LeaveFiles *files)
{
        _cleanup_(freep) char *own = NULL;
        int r;

        r = remove_mark(files->mark);
        if (r < 0) {
                log_error("Failed to remove %s: %s", files->mark, strerror(-r));
                closep(&files->lock_fd);
                files->lock_fd = -1;
        }
        if (asprintf(&own, "%s/" DATA_FILE, files->state_directory) < 0) {
                own = NULL;
                return;
        }
        if (files->kept) {
                (void) rename(files->kept, own);
                (void) unlink(files->kept); /* rename() keeps two names of one file */
        } else if (!has_copy(files->directory)) {
                (void) unlink(own);
        }
}

static int make_mark(const LeaveFiles *files)
{
        static const char text[] = "This host has left the shared store.\n";
        _cleanup_(new_file_freep) NewFile *file = NULL;
        int r;

        r = new_file_open(files->mark, &file);
        if (r < 0)
                return r;
        if (write(new_file_fd(file), text, sizeof(text) - 1) != sizeof(text) - 1)
                return errno ? log_errno_origin(-errno) : -EIO;
        return new_file_publish(file, true);
}

int leave_files_install(LeaveFiles *files, const char **ret_kept)
{
        int r;

        r = make_mark(files);
        if (r == 0)
                r = keep_own(files);
        if (r == 0)
                r = store_file_replace(files->lock_fd, files->directory);
        if (r < 0) {
                undo_install(files);
                return r;
        }
        (void) store_directory_remove(files->directory);
        closep(&files->lock_fd);
        files->lock_fd = -1;
        *ret_kept = files->kept;
        return 0;
}
