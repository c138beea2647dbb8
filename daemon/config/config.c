/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "base/strv.h"
#include "build-config.h"
#include "daemon/config/config-internal.h"
#include "daemon/model/valid.h"

#define DEFAULT_TENANCY              "default"
#define DEFAULT_MAX_PENDING_PER_USER 256U

int config_refuse(char **ret_error, const char *format, ...)
{
        va_list ap;
        char *text;
        int n;

        va_start(ap, format);
        n = vasprintf(&text, format, ap);
        va_end(ap);
        if (n < 0)
                return -ENOMEM;
        *ret_error = text;
        return -EBADMSG;
}

int config_replace_string(char **s, const char *value)
{
        char *copy = strdup(value);

        if (!copy)
                return -ENOMEM;
        free(*s);
        *s = copy;
        return 0;
}

int config_mention(ConfigLoader *loader, const ConfigPlace *place, const char *label)
{
        ConfigMention *grown =
                reallocarray(loader->mentions, loader->n_mentions + 1, sizeof(ConfigMention));
        ConfigMention *m;

        if (!grown)
                return -ENOMEM;
        loader->mentions = grown;
        m = &loader->mentions[loader->n_mentions];
        *m = (ConfigMention){.label = strdup(label)};
        if (!m->label || asprintf(&m->place, "%s:%u", place->file, place->line) < 0) {
                free(m->label);
                return -ENOMEM;
        }
        loader->n_mentions++;
        return 0;
}

/* [Daemon] */

static int assign_default_tenancy(ConfigLoader *loader, const ConfigPlace *place, const char *value,
                                  char **ret_error)
{
        int r;

        if (!tenancy_label_is_valid(value))
                return config_refuse(ret_error, "a tenancy's label is 1 to 32 of a-z, 0-9 and _");
        r = config_mention(loader, place, value);
        return r < 0 ? r : config_replace_string(&loader->config->default_tenancy, value);
}

static int assign_max_pending(ConfigLoader *loader, const ConfigPlace *place _unused_,
                              const char *value, char **ret_error)
{
        unsigned long n;
        char *end;

        errno = 0;
        n = strtoul(value, &end, 10);
        if (!isdigit((unsigned char) *value) || *end || errno || n < 1 || n > 100000)
                return config_refuse(ret_error, "MaxPendingPerUser= is a number from 1 to 100000");
        loader->config->max_pending_per_user = (uint32_t) n;
        return 0;
}

static int assign_daemon(ConfigLoader *loader, const ConfigPlace *place, const char *key,
                         const char *value, char **ret_error)
{
        if (!key)
                return 0;
        if (streq(key, "DefaultTenancy"))
                return assign_default_tenancy(loader, place, value, ret_error);
        if (streq(key, "MaxPendingPerUser"))
                return assign_max_pending(loader, place, value, ret_error);
        return config_refuse(ret_error, "unknown key %s= in [Daemon]", key);
}

static int assign(const ConfigPlace *place, const char *section, const char *key, const char *value,
                  void *userdata, char **ret_error)
{
        ConfigLoader *loader = userdata;

        if (streq(section, "Daemon"))
                return assign_daemon(loader, place, key, value, ret_error);
        if (strncmp(section, "Tenancy ", 8) == 0)
                return config_assign_tenancy(loader, place, section + 8, key, value, ret_error);
        if (strncmp(section, "Grant ", 6) == 0)
                return config_assign_grant(loader, place, section + 6, key, value, ret_error);
        return config_refuse(ret_error, "unknown section [%s]", section);
}

/* Where a tenancy was named first. */
static const char *find_place(const ConfigLoader *loader, const char *label)
{
        for (size_t i = 0; i < loader->n_mentions; i++)
                if (streq(loader->mentions[i].label, label))
                        return loader->mentions[i].place;
        return "";
}

/* Links are kept by tenancy id, and grants are given by label: two labels for one id share what is
 * kept, which may be meant, or may give one's links away to those who have a grant on the other. */
static void warn_of_shared_ids(const ConfigLoader *loader)
{
        const Config *config = loader->config;

        for (size_t i = 1; i < config->n_tenancies; i++)
                for (size_t j = 0; j < i; j++) {
                        const TenancyConfig *a = config->tenancies[i], *b = config->tenancies[j];

                        if (!streq(a->tenancy_id, b->tenancy_id))
                                continue;
                        log_warning("%s: [Tenancy %s] shares its TenancyId=, and so its links, "
                                    "with [Tenancy %s]",
                                    find_place(loader, a->label), a->label, b->label);
                        break;
                }
}

/* What can only be said once every file has been read. */
static int check_whole(const ConfigLoader *loader, char **ret_error)
{
        Config *config = loader->config;

        for (size_t i = 0; i < loader->n_mentions; i++) {
                const ConfigMention *m = &loader->mentions[i];
                const TenancyConfig *tenancy = config_find_tenancy(config, m->label);

                if (!tenancy)
                        return config_refuse(ret_error, "%s: there is no section [Tenancy %s]",
                                             m->place, m->label);
                if (!tenancy->tenancy_id)
                        return config_refuse(ret_error,
                                             "%s: [Tenancy %s] has no TenancyId=", m->place,
                                             m->label);
        }
        warn_of_shared_ids(loader);
        for (size_t i = 0; i < config->grants.n_grants; i++) {
                Grant *grant = config->grants.grants[i];

                if (!grant->tenancy &&
                    config_replace_string(&grant->tenancy, config->default_tenancy) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int load_file(ConfigLoader *loader, const char *file, char **ret_error)
{
        return config_file_parse(file, assign, loader, ret_error);
}

static int load_drop_ins(ConfigLoader *loader, const char *const *directories, char **ret_error)
{
        _cleanup_(strv_freep) char **files = NULL;
        int r;

        r = config_file_list_drop_ins(directories, &files, ret_error);
        if (r < 0)
                return r;
        for (char **f = files; f && *f; f++) {
                r = load_file(loader, *f, ret_error);
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        return 0;
}

static int load_named(ConfigLoader *loader, const char *file, char **ret_error)
{
        _cleanup_(freep) char *directory = NULL;
        int r;

        r = load_file(loader, file, ret_error);
        if (r == -ENOENT)
                return config_refuse(ret_error, "%s: %s", file, strerror(ENOENT));
        if (r < 0)
                return r;
        if (asprintf(&directory, "%s.d", file) < 0)
                return -ENOMEM;
        return load_drop_ins(loader, (const char *const[]){directory, NULL}, ret_error);
}

static int load_from_system(ConfigLoader *loader, char **ret_error)
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

        for (size_t i = 0; i < ARRAY_SIZE(files) && r == -ENOENT; i++)
                r = load_file(loader, files[i], ret_error);
        if (r < 0 && r != -ENOENT)
                return r;
        return load_drop_ins(loader, directories, ret_error);
}

static void loader_clear(ConfigLoader *loader)
{
        config_free(loader->config);
        for (size_t i = 0; i < loader->n_mentions; i++) {
                free(loader->mentions[i].label);
                free(loader->mentions[i].place);
        }
        free(loader->mentions);
}

int config_load(const char *file, Config **ret, char **ret_error)
{
        _cleanup_(loader_clear) ConfigLoader loader = {.config = calloc(1, sizeof(Config))};
        int r;

        if (!loader.config)
                return -ENOMEM;
        loader.config->max_pending_per_user = DEFAULT_MAX_PENDING_PER_USER;
        loader.config->default_tenancy = strdup(DEFAULT_TENANCY);
        if (!loader.config->default_tenancy)
                return -ENOMEM;

        r = file ? load_named(&loader, file, ret_error) : load_from_system(&loader, ret_error);
        if (r >= 0)
                r = check_whole(&loader, ret_error);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(loader.config);
        return 0;
}

Config *config_free(Config *config)
{
        if (!config)
                return NULL;
        for (size_t i = 0; i < config->n_tenancies; i++)
                tenancy_config_free(config->tenancies[i]);
        free(config->tenancies);
        free(config->default_tenancy);
        grant_list_clear(&config->grants);
        free(config);
        return NULL;
}
