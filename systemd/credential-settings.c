/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/stat.h>

#include "base/log.h"
#include "systemd/credential-settings.h"

#define NAME_LEN_MAX 200U

/* Characters that need no quoting in a unit file. */
static bool is_name(const char *name)
{
        size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._-");

        return len > 0 && len <= NAME_LEN_MAX && name[len] == '\0' && name[0] != '.';
}

/* The type of the file that systemd finds first, or 0. */
static mode_t file_type(const char *const *parents, const char *store, const char *name)
{
        for (; *parents; parents++) {
                char path[512];
                struct stat st;
                int n = snprintf(path, sizeof(path), "%s/%s/%s", *parents, store, name);

                if (n > 0 && (size_t) n < sizeof(path) && stat(path, &st) == 0)
                        return st.st_mode & S_IFMT;
        }
        return 0;
}

static bool is_sealed(const char *name, const char *const *parents)
{
        return file_type(parents, "credstore.encrypted", name) == S_IFREG;
}

/* systemd 257 does not start a unit whose credential is a directory; systemd 252 ignores it. */
static bool is_directory(const char *name, const char *const *parents)
{
        mode_t type = file_type(parents, "credstore.encrypted", name);

        return (type != 0 ? type : file_type(parents, "credstore", name)) == S_IFDIR;
}

static void write_plain(FILE *to, const char *name)
{
        fprintf(to,
                "\n[Service]\n"
                "LoadCredential=%s\n",
                name);
}

/* A credential that is set, too, is optional: it replaces the one that cannot be loaded. */
static void write_sealed(FILE *to, const char *name)
{
        fprintf(to,
                "\n[Unit]\n"
                "Wants=passlock-unseal@%1$s.service\n"
                "After=passlock-unseal@%1$s.service\n"
                "[Service]\n"
                "LoadCredential=%1$s:/run/credentials/passlock-unseal@%1$s.service/%1$s\n"
                "SetCredential=%1$s:\\n\n",
                name);
}

size_t credential_settings_write(FILE *to, char *const *names, const char *const *parents)
{
        size_t n_written = 0;

        for (; names && *names; names++) {
                if (!is_name(*names)) {
                        log_warning("Skipped credential %s: its name needs quoting; load it with "
                                    "your own drop-in",
                                    *names);
                        continue;
                }
                if (is_directory(*names, parents)) {
                        log_warning("Skipped credential %s: it is a directory; remove it", *names);
                        continue;
                }
                (is_sealed(*names, parents) ? write_sealed : write_plain)(to, *names);
                n_written++;
        }
        return n_written;
}
