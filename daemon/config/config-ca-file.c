/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "daemon/config/config.h"

/* Checks that a file can be read. Returns 0 or a negative errno. */
static int check_file(const char *path)
{
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return log_errno_origin(-errno);
        return S_ISDIR(st.st_mode) ? -EISDIR : 0;
}

static int add_ca_file(FindingList *list, const TenancyConfig *tenancy, int r)
{
        _cleanup_(freep) char *text = NULL;

        if (asprintf(&text, "CaFile=%s: %s; TLS connections fail until it can be read",
                     tenancy->ca_file, strerror(-r)) < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return finding_add(list, .kind = "ca-file", .tenancy = tenancy->label,
                           .name = tenancy->ca_file, .place = tenancy->ca_file_place, .text = text,
                           .advice = "put the file there, where the user passlock can read it, or "
                                     "change CaFile=; nothing needs to be reloaded for the file");
}

int config_diagnose_ca_files(const Config *config, FindingList *list)
{
        for (size_t i = 0; i < config->n_tenancies; i++) {
                const TenancyConfig *tenancy = config->tenancies[i];
                int r;

                r = tenancy->ca_file ? check_file(tenancy->ca_file) : 0;
                if (r < 0)
                        r = add_ca_file(list, tenancy, r);
                if (r < 0)
                        return r;
        }
        return 0;
}
