/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * passlock-credentials-generator NORMAL_DIR [EARLY_DIR LATE_DIR]
 *
 * A systemd.generator(7), run at boot and by `systemctl daemon-reload`: writes a drop-in that makes
 * passlock-keyholder.service load the credentials named in passlockd.conf, and no other file. See
 * passlock-keyholder(8).
 *
 * Users, network and journal may not be available yet, and a configuration error must not stop the
 * boot: valid parts of the configuration are used.
 */

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/strv.h"
#include "daemon/config/config.h"
#include "systemd/credential-settings.h"

static const char *const parents[] = {"/etc", "/run", "/usr/lib", NULL};

/* The content of the drop-in; NULL if it is empty. */
static int make_settings(char **ret)
{
        _cleanup_(strv_freep) char **names = NULL;
        _cleanup_(freep) char *text = NULL;
        size_t size, n;
        FILE *to;
        int r;

        r = config_list_credentials(NULL, &names);
        /* A key may be stored before the configuration exists. */
        if (r >= 0 && !names)
                r = strv_push(&names, CREDENTIAL_DEFAULT);
        if (r < 0)
                return r;
        to = open_memstream(&text, &size);
        if (!to)
                return -ENOMEM;
        fputs("# The credentials that passlockd.conf names.\n", to);
        n = credential_settings_write(to, names, parents);
        if (fclose(to) != 0)
                return -ENOMEM;
        *ret = n > 0 ? TAKE_PTR(text) : NULL;
        return 0;
}

static int write_drop_in(const char *directory, const char *text)
{
        char path[4096];
        FILE *f;
        int n;

        n = snprintf(path, sizeof(path), "%s/passlock-keyholder.service.d", directory);
        if (n < 0 || (size_t) n > sizeof(path) - 32)
                return -ENAMETOOLONG;
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
                return log_errno_origin(-errno);
        strcpy(path + n, "/50-credentials.conf");
        f = fopen(path, "we");
        if (!f)
                return log_errno_origin(-errno);
        n = fputs(text, f);
        return fclose(f) != 0 || n < 0 ? -EIO : 0;
}

int main(int argc, char *argv[])
{
        _cleanup_(freep) char *text = NULL;
        int r;

        if (argc != 2 && argc != 4) {
                log_error("Usage: %s NORMAL_DIR [EARLY_DIR LATE_DIR]", argv[0]);
                return 2;
        }
        umask(0022);
        r = make_settings(&text);
        if (r == 0 && text)
                r = write_drop_in(argv[1], text);
        if (r < 0) {
                log_error(
                        "Failed to write the credentials drop-in of passlock-keyholder.service: %s",
                        strerror(-r));
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
