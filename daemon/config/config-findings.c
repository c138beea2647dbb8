/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/text.h"
#include "daemon/config/config.h"

/* Why the file cannot be read, or NULL. */
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

/* A file of certificates that a key names. */
typedef struct CertificateFile {
        const char *kind, *key, *tenancy;
        const char *path, *place; /* path NULL: none */
} CertificateFile;

static int diagnose_file(const CertificateFile *file, FindingList *list)
{
        const char *flaw = file->path ? flaw_of_file(file->path) : NULL;
        _cleanup_(freep) char *text = NULL, *advice = NULL;

        if (!flaw)
                return 0;
        if (asprintf(&text, "%s=%s: %s; TLS connections fail until it can be read", file->key,
                     file->path, flaw) < 0) {
                text = NULL;
                return -ENOMEM;
        }
        if (asprintf(&advice,
                     "install the file, readable by the user passlock, or change %s=; a new file "
                     "needs no reload",
                     file->key) < 0) {
                advice = NULL;
                return -ENOMEM;
        }
        return finding_add(list, .kind = file->kind, .tenancy = file->tenancy, .name = file->path,
                           .place = file->place, .text = text, .advice = advice);
}

static int diagnose_store(const StoreConfig *store, FindingList *list)
{
        int r;

        if (store->engine == STORE_ENGINE_LOCAL)
                return 0;
        r = diagnose_file(&(CertificateFile){.kind = "ca-file",
                                             .key = "CaFile",
                                             .path = store->ca_file,
                                             .place = store->ca_file_place},
                          list);
        return r < 0 ? r
                     : diagnose_file(&(CertificateFile){.kind = "cert-file",
                                                        .key = "CertFile",
                                                        .path = store->cert_file,
                                                        .place = store->cert_file_place},
                                     list);
}

int config_diagnose_files(const Config *config, FindingList *list)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < config->n_tenancies; i++) {
                const TenancyConfig *tenancy = config->tenancies[i];

                r = diagnose_file(&(CertificateFile){.kind = "ca-file",
                                                     .key = "CaFile",
                                                     .tenancy = tenancy->label,
                                                     .path = tenancy->ca_file,
                                                     .place = tenancy->ca_file_place},
                                  list);
        }
        return r < 0 ? r : diagnose_store(&config->store, list);
}

int config_diagnose_grants(const GrantList *grants, FindingList *list)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < grants->n_grants; i++) {
                const Grant *grant = grants->grants[i];
                _cleanup_(freep) char *text = NULL;

                if (!grant->unenforced)
                        continue;
                text = text_format(
                        "Enforce=no: calls that grant %s does not allow are allowed, and "
                        "recorded as would-be-denied",
                        grant->name);
                r = !text ? -ENOMEM
                          : finding_add(list, .kind = "grant", .tenancy = grant->tenancy,
                                        .name = grant->name, .place = grant->enforce_place,
                                        .text = text,
                                        .advice = "run passlockctl suggest-grant, correct Allow= "
                                                  "and RpId=, and remove Enforce=no");
        }
        return r;
}
