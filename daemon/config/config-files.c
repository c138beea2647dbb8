/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/strv.h"
#include "build-config.h"
#include "daemon/config/config-internal.h"

static int refuse(char **ret_error, const char *path, int r)
{
        if (asprintf(ret_error, "%s: %s", path, strerror(-r)) >= 0)
                return r;
        *ret_error = NULL;
        return -ENOMEM;
}

static bool is_drop_in_name(const char *name)
{
        size_t len = strlen(name);

        return name[0] != '.' && len > strlen(".conf") &&
               streq(name + len - strlen(".conf"), ".conf");
}

static bool has_name(char *const *paths, const char *name)
{
        for (; paths && *paths; paths++)
                if (streq(strrchr(*paths, '/') + 1, name))
                        return true;
        return false;
}

/* Adds files whose names are not in `paths` yet. */
static int list_entries(DIR *dir, const char *directory, char ***paths)
{
        struct dirent *entry;

        while ((errno = 0, entry = readdir(dir))) {
                _cleanup_(freep) char *path = NULL;

                if (!is_drop_in_name(entry->d_name) || has_name(*paths, entry->d_name))
                        continue;
                if (asprintf(&path, "%s/%s", directory, entry->d_name) < 0) {
                        path = NULL;
                        return -ENOMEM;
                }
                if (strv_push(paths, path) < 0)
                        return -ENOMEM;
        }
        return log_errno_origin(-errno);
}

static int list_directory(const char *directory, char ***paths, FindingList *findings,
                          char **ret_error)
{
        DIR *dir = opendir(directory);
        int r;

        if (!dir && errno == ENOENT)
                return 0;
        if (!dir && errno == ENOTDIR)
                return finding_add(findings, .kind = "configuration", .name = directory,
                                   .text = "Drop-ins skipped: not a directory",
                                   .advice = "replace it with a directory, or remove it");
        if (!dir)
                return refuse(ret_error, directory, log_errno_origin(-errno));
        r = list_entries(dir, directory, paths);
        closedir(dir);
        return r < 0 && r != -ENOMEM ? refuse(ret_error, directory, r) : r;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(strrchr(*(char *const *) a, '/'), strrchr(*(char *const *) b, '/'));
}

static int list_drop_ins(const char *const *directories, const ConfigReader *reader, char ***ret,
                         FindingList *findings, char **ret_error)
{
        _cleanup_(strv_freep) char **paths = NULL;
        int r;

        for (; *directories; directories++) {
                r = list_directory(*directories, &paths, findings, ret_error);
                r = config_forgive(reader, r, ret_error);
                if (r < 0)
                        return r;
        }
        if (paths)
                qsort(paths, strv_len(paths), sizeof(char *), compare_names);
        *ret = TAKE_PTR(paths);
        return 0;
}

/* Why a drop-in is skipped with a finding, or NULL. */
static const char *oddity(const char *path)
{
        struct stat st;

        if (stat(path, &st) < 0)
                return errno == ENOENT && lstat(path, &st) == 0
                               ? "Drop-in skipped: dangling symbolic link"
                               : NULL;
        if (S_ISDIR(st.st_mode))
                return "Drop-in skipped: a directory";
        return S_ISREG(st.st_mode) || S_ISCHR(st.st_mode) ? NULL
                                                          : "Drop-in skipped: not a regular file";
}

static int read_drop_ins(const char *const *directories, const ConfigReader *reader,
                         FindingList *findings, char **ret_error)
{
        _cleanup_(strv_freep) char **files = NULL;
        int r;

        r = list_drop_ins(directories, reader, &files, findings, ret_error);
        for (char **f = files; r >= 0 && f && *f; f++) {
                const char *odd = oddity(*f);

                r = odd ? finding_add(findings, .kind = "configuration", .name = *f, .text = odd,
                                      .advice = "replace it with a regular file, or remove it")
                        : config_file_parse(*f, reader, ret_error);
                if (r == -ENOENT) /* removed since the directory was listed */
                        r = 0;
        }
        return r;
}

static int read_named(const char *file, const ConfigReader *reader, FindingList *findings,
                      char **ret_error)
{
        _cleanup_(freep) char *directory = NULL;
        int r;

        r = config_file_parse(file, reader, ret_error);
        if (r == -ENOENT)
                r = config_forgive(reader, refuse(ret_error, file, r), ret_error);
        if (r < 0)
                return r;
        if (asprintf(&directory, "%s.d", file) < 0) {
                directory = NULL;
                return -ENOMEM;
        }
        return read_drop_ins((const char *const[]){directory, NULL}, reader, findings, ret_error);
}

int config_files_read(const char *file, const ConfigReader *reader, FindingList *findings,
                      char **ret_error)
{
        static const char *const files[] = {
                SYSCONF_DIR "/passlock/passlockd.conf",
                "/run/passlock/passlockd.conf",
                "/usr/lib/passlock/passlockd.conf",
        };
        static const char *const directories[] = {
                SYSCONF_DIR "/passlock/passlockd.conf.d",
                "/run/passlock/passlockd.conf.d",
                "/usr/lib/passlock/passlockd.conf.d",
                NULL,
        };
        int r = -ENOENT;

        if (file)
                return read_named(file, reader, findings, ret_error);
        for (size_t i = 0; i < ARRAY_SIZE(files) && r == -ENOENT; i++)
                r = config_file_parse(files[i], reader, ret_error);
        if (r < 0 && r != -ENOENT)
                return r;
        return read_drop_ins(directories, reader, findings, ret_error);
}
