/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/log.h"
#include "base/new-file.h"
#include "base/text.h"

struct NewFile {
        char *path;
        char *temporary; /* NULL: published */
        size_t offset;   /* of the file name in both paths */
        int directory_fd;
        int fd;
};

/* Offset of the last path component. */
static size_t name_offset(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? (size_t) (slash + 1 - path) : 0;
}

static int open_directory_of(const char *path, size_t offset)
{
        _cleanup_(freep) char *directory = offset > 0 ? strndup(path, offset) : strdup(".");
        int fd;

        if (!directory)
                return -ENOMEM;
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? log_errno_origin(-errno) : fd;
}

static int create_temporary(NewFile *file)
{
        _cleanup_(freep) char *temporary = text_format("%.*s.%s.XXXXXX", (int) file->offset,
                                                       file->path, file->path + file->offset);

        if (!temporary)
                return -ENOMEM;
        file->fd = mkostemp(temporary, O_CLOEXEC);
        if (file->fd < 0)
                return log_errno_origin(-errno);
        file->temporary = TAKE_PTR(temporary);
        return 0;
}

int new_file_open(const char *path, NewFile **ret)
{
        _cleanup_(new_file_freep) NewFile *file = calloc(1, sizeof(NewFile));
        int r;

        if (!file)
                return -ENOMEM;
        file->directory_fd = file->fd = -1;
        file->offset = name_offset(path);
        if (!path[file->offset])
                return -EISDIR;
        file->path = strdup(path);
        if (!file->path)
                return -ENOMEM;
        r = open_directory_of(path, file->offset);
        if (r < 0)
                return r;
        file->directory_fd = r;
        r = create_temporary(file);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(file);
        return 0;
}

int new_file_fd(const NewFile *file)
{
        return file->fd;
}

/* Open the directory once, so that renaming it later cannot redirect the file. */

int new_file_publish(NewFile *file, bool replace)
{
        unsigned flags = replace ? 0 : RENAME_NOREPLACE;
        int fd = file->directory_fd;

        assert(file->temporary); /* publish only once */
        if (fsync(file->fd) < 0 ||
            renameat2(fd, file->temporary + file->offset, fd, file->path + file->offset, flags) < 0)
                return log_errno_origin(-errno);
        free(TAKE_PTR(file->temporary));
        return fsync(file->directory_fd) < 0 ? log_errno_origin(-errno) : 0;
}

NewFile *new_file_free(NewFile *file)
{
        if (!file)
                return NULL;
        if (file->temporary)
                (void) unlinkat(file->directory_fd, file->temporary + file->offset, 0);
        closep(&file->fd);
        closep(&file->directory_fd);
        free(file->temporary);
        free(file->path);
        free(file);
        return NULL;
}
