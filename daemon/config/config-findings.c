/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "daemon/config/config.h"

/* Why the CA file cannot be read, or NULL. */
static const char *flaw_of_file(const char *path)
{
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return strerror(errno);
        if (S_ISDIR(st.st_mode))
                return strerror(EISDIR);
        return S_ISREG(st.st_mode) ? NULL : "Not a regular file";
}

static int add_ca_file(FindingList *list, const TenancyConfig *tenancy, const char *flaw)
{
        _cleanup_(freep) char *text = NULL;

        if (asprintf(&text, "CaFile=%s: %s; TLS connections fail until it can be read",
                     tenancy->ca_file, flaw) < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return finding_add(list, .kind = "ca-file", .tenancy = tenancy->label,
                           .name = tenancy->ca_file, .place = tenancy->ca_file_place, .text = text,
                           .advice = "install the file, readable by the user passlock, or change "
                                     "CaFile=; a new file needs no reload");
}

int config_diagnose_ca_files(const Config *config, FindingList *list)
{
        for (size_t i = 0; i < config->n_tenancies; i++) {
                const TenancyConfig *tenancy = config->tenancies[i];
                const char *flaw = tenancy->ca_file ? flaw_of_file(tenancy->ca_file) : NULL;
                int r = flaw ? add_ca_file(list, tenancy, flaw) : 0;

                if (r < 0)
                        return r;
        }
        return 0;
}
