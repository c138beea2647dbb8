/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>

#include "base/log.h"
#include "daemon/store/environment/store-directory.h"

int store_directory_clear(const char *directory)
{
        static const char *const files[] = {"data.mdb", "new.mdb", "lock.mdb"};
        _cleanup_(closep) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return errno == ENOENT ? 0 : log_errno_origin(-errno);
        for (size_t i = 0; i < ARRAY_SIZE(files); i++)
                if (unlinkat(fd, files[i], 0) < 0 && errno != ENOENT)
                        return log_errno_origin(-errno);
        return 0;
}

int store_directory_remove(const char *directory)
{
        int r;

        r = store_directory_clear(directory);
        if (r == 0 && rmdir(directory) < 0 && errno != ENOENT)
                r = log_errno_origin(-errno);
        return r;
}
