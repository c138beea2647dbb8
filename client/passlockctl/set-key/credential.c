/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/new-file.h"
#include "base/text.h"
#include "client/passlockctl/host/command.h"
#include "client/passlockctl/set-key/credential.h"
#include "client/passlockctl/terminal/report.h"

#define DIR_PLAIN     "/etc/credstore"
#define DIR_SEALED    "/etc/credstore.encrypted"
#define NAME_LEN_MAX  200U
#define STATUS_ABSENT 127

bool credential_name_is_valid(const char *name)
{
        size_t len =
                strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

        return len > 0 && len <= NAME_LEN_MAX && name[len] == '\0' && name[0] != '.' &&
               name[0] != '-';
}

static int write_all(int fd, const char *bytes, size_t len)
{
        while (len > 0) {
                ssize_t n = write(fd, bytes, len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                bytes += n;
                len -= (size_t) n;
        }
        return 0;
}

/* Returns the read end of a pipe with the key, which fits into the pipe's buffer. */
static int open_pipe_with(const Secret *key)
{
        _cleanup_(closep) int read_fd = -1, write_fd = -1;
        int fds[2], r;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        read_fd = fds[0];
        write_fd = fds[1];
        r = write_all(write_fd, secret_reveal(key), secret_len(key));
        return r < 0 ? r : TAKE_FD(read_fd);
}

static int encrypt(const char *name, const Secret *key, int to_fd)
{
        _cleanup_(freep) char *name_option = text_format("--name=%s", name);
        _cleanup_(closep) int key_fd = -1;
        int status;

        if (!name_option)
                return -ENOMEM;
        key_fd = open_pipe_with(key);
        if (key_fd < 0)
                return key_fd;
        status = command_run(
                (const char *const[]){"systemd-creds", "encrypt", name_option, "-", "-", NULL},
                key_fd, to_fd, STDERR_FILENO);
        if (status == 0)
                return 0;
        if (status == STATUS_ABSENT)
                report("Failed to encrypt the key: systemd-creds is not installed");
        else if (status > 0)
                report("Failed to encrypt the key: systemd-creds exited with status %d", status);
        return status < 0 ? status : -EREMOTEIO;
}

char *credential_path(const char *dir, const char *name, bool plain)
{
        return text_format("%s/%s", dir ?: plain ? DIR_PLAIN : DIR_SEALED, name);
}

static int store_in(const char *dir, const char *name, const Secret *key, bool plain,
                    const char *path)
{
        _cleanup_(new_file_freep) NewFile *file = NULL;
        int r;

        if (mkdir(dir, 0700) < 0 && errno != EEXIST)
                return -errno;
        r = new_file_open(path, &file);
        if (r < 0)
                return r;
        r = plain ? write_all(new_file_fd(file), secret_reveal(key), secret_len(key))
                  : encrypt(name, key, new_file_fd(file));
        return r < 0 ? r : new_file_publish(file, true);
}

/* Removes the encrypted credential, which would take precedence over the new plain one, or the
 * plain credential, which would be a leftover. */
static int remove_other(const char *name, bool plain)
{
        _cleanup_(freep) char *path = credential_path(NULL, name, !plain);
        int r;

        if (!path)
                return -ENOMEM;
        if (unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR)
                return 0;
        r = -errno;
        report("Failed to remove the old credential %s: %s", path, strerror(-r));
        return r;
}

int credential_store(const char *dir, const char *name, const Secret *key, bool plain,
                     const char *path)
{
        int r;

        r = store_in(dir ?: plain ? DIR_PLAIN : DIR_SEALED, name, key, plain, path);
        if (r == 0)
                return dir ? 0 : remove_other(name, plain);
        if (r != -EREMOTEIO)
                report("Failed to write %s: %s", path, strerror(-r));
        return r;
}
