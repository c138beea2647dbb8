/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>

#include "sandbox/tenancy/state.h"

static void fclosep(FILE **f)
{
        if (*f)
                fclose(*f);
}

int state_load(const char *path, json_t **ret)
{
        _cleanup_(fclosep) FILE *f = fopen(path, "re");
        json_t *state;

        if (!f)
                return -errno;
        errno = 0;
        state = json_loadf(f, JSON_REJECT_DUPLICATES, NULL);
        if (!state && ferror(f))
                return errno > 0 ? -errno : -EIO;
        if (!json_is_object(state)) {
                json_decref(state);
                return -EBADMSG;
        }
        *ret = state;
        return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
        while (len > 0) {
                ssize_t n = write(fd, data, len);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0) {
                        data += n;
                        len -= (size_t) n;
                }
        }
        return fsync(fd) < 0 ? -errno : 0;
}

/* fsync the directory, or a power failure may undo the rename. */
static int sync_directory(const char *path)
{
        _cleanup_(freep) char *copy = must(strdup(path));
        _cleanup_(closep) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int state_save(const char *path, const json_t *state)
{
        _cleanup_(freep) char *text = must(json_dumps(state, JSON_INDENT(1)));
        _cleanup_(freep) char *temporary = NULL;
        _cleanup_(closep) int fd = -1;
        int r;

        if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
                abort();
        fd = mkostemp(temporary, O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = write_all(fd, text, strlen(text));
        if (r == 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0) {
                unlink(temporary);
                return r;
        }
        return sync_directory(path);
}
