/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/new-file.h"
#include "daemon/store/environment/store-copy.h"
#include "daemon/store/environment/store-file.h"

/* Retries if the map grows between opening and copying. */
#define ATTEMPTS 8U

static int copy_to(const char *directory, int fd)
{
        _cleanup_(mdb_env_closep) MDB_env *mdb = NULL;
        Schema schema;
        int r;

        r = store_file_open_beside(directory, &mdb);
        if (r < 0)
                return r;
        r = schema_load(mdb, directory, LOG_ERR, &schema);
        if (r < 0)
                return r;
        if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
                return log_errno_origin(-errno);
        r = lmdb_errno(mdb_env_copyfd2(mdb, fd, MDB_CP_COMPACT));
        if (r < 0 && r != -ENOTRECOVERABLE)
                log_error("Failed to copy the store in %s: %s", directory, strerror(-r));
        return r;
}

/* Drops root privileges permanently. */
static int become_owner(const char *directory)
{
        struct stat st;

        if (stat(directory, &st) < 0)
                return log_errno_origin(-errno);
        if (geteuid() != 0 || st.st_uid == 0)
                return 0;
        if (setgroups(0, NULL) < 0 || setresgid(st.st_gid, st.st_gid, st.st_gid) < 0 ||
            setresuid(st.st_uid, st.st_uid, st.st_uid) < 0)
                return log_errno_origin(-errno);
        return 0;
}

/* Leaves the terminal session and closes all descriptors but the standard streams; the target file
 * becomes STDIN_FILENO. The child parses untrusted data and must not reach the caller's files. */
static int leave_behind(int fd)
{
        if (setsid() < 0 || dup2(fd, STDIN_FILENO) < 0 ||
            close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
                return log_errno_origin(-errno);
        return 0;
}

/* The child process. */
static int copy_as_owner(const char *directory, int fd, pid_t parent)
{
        int r;

        r = leave_behind(fd);
        if (r == 0)
                r = become_owner(directory);
        if (r < 0) {
                log_error("Failed to switch to the owner of %s: %s", directory, strerror(-r));
                return r;
        }
        /* Call prctl() after setresuid(), which resets both settings. The parent may have exited
         * before. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ||
            getppid() != parent)
                return -EINTR;
        for (unsigned i = 0; i < ATTEMPTS; i++) {
                r = copy_to(directory, STDIN_FILENO);
                if (r != -ENOTRECOVERABLE)
                        return r;
        }
        log_error("Failed to copy the store in %s: it keeps growing; retry later", directory);
        return r;
}

static void signals_set(sigset_t *set)
{
        sigemptyset(set);
        sigaddset(set, SIGCHLD);
        sigaddset(set, SIGINT);
        sigaddset(set, SIGTERM);
        sigaddset(set, SIGHUP);
}

/* Waits for the child; kills it on a termination signal. Returns 0 or a negative errno. */
static int child_wait(pid_t pid)
{
        bool interrupted = false;
        int status, signal;
        sigset_t set;
        pid_t ended;

        signals_set(&set);
        while ((ended = waitpid(pid, &status, interrupted ? 0 : WNOHANG)) != pid) {
                if (ended < 0 && errno != EINTR)
                        return log_errno_origin(-errno);
                if (ended == 0 && sigwait(&set, &signal) == 0 && signal != SIGCHLD) {
                        interrupted = true;
                        (void) kill(pid, SIGKILL);
                }
        }
        if (interrupted)
                return -EINTR;
        if (WIFSIGNALED(status)) {
                log_error("Failed to copy the store: killed by signal %i", WTERMSIG(status));
                return -EIO;
        }
        return -WEXITSTATUS(status);
}

static int copy_in_child(const char *directory, int fd)
{
        sigset_t set, before;
        pid_t parent = getpid(), pid;
        int r;

        signals_set(&set);
        if (sigprocmask(SIG_BLOCK, &set, &before) < 0)
                return log_errno_origin(-errno);
        pid = fork();
        if (pid == 0)
                _exit(-copy_as_owner(directory, fd, parent));
        r = pid < 0 ? log_errno_origin(-errno) : child_wait(pid);
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
        return r;
}

int store_copy(const char *directory, const char *path)
{
        _cleanup_(new_file_freep) NewFile *file = NULL;
        int r;

        /* new_file_publish() would fail as well, but after the copy. */
        r = access(path, F_OK) == 0 ? -EEXIST : new_file_open(path, &file);
        if (r < 0) {
                log_error("Failed to create %s: %s", path, strerror(-r));
                return r;
        }
        r = copy_in_child(directory, new_file_fd(file));
        if (r < 0)
                return r;
        r = new_file_publish(file, false);
        if (r < 0)
                log_error("Failed to write %s: %s", path, strerror(-r));
        return r;
}
