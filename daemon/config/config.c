/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "base/strv.h"
#include "daemon/config/config-files.h"
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

int config_replace_place(char **s, const ConfigPlace *place)
{
        char *text;
        int r;

        r = config_place_print(place, &text);
        if (r < 0)
                return r;
        free(*s);
        *s = text;
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
        if (!m->label || config_place_print(place, &m->place) < 0) {
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

/* Links are kept by tenancy id, and grants are given by label: with two labels for one id, who has
 * a grant on the one could change the links of the other, and what one leaves to be settled after a
 * crash would be taken for settled by the other. */
static int check_id(const Config *config, const TenancyConfig *tenancy, char **ret_error)
{
        for (size_t i = 0; config->tenancies[i] != tenancy; i++) {
                const TenancyConfig *other = config->tenancies[i];

                if (streq(tenancy->tenancy_id, other->tenancy_id))
                        return config_refuse(ret_error,
                                             "%s: [Tenancy %s] has the TenancyId= that [Tenancy "
                                             "%s] has in %s; a tenancy has one label",
                                             tenancy->id_place, tenancy->label, other->label,
                                             other->id_place);
        }
        return 0;
}

/* By label: that each tenancy that is mentioned is one. */
static int check_mentions(const ConfigLoader *loader, char **ret_error)
{
        for (size_t i = 0; i < loader->n_mentions; i++) {
                const ConfigMention *m = &loader->mentions[i];
                const TenancyConfig *tenancy = config_find_tenancy(loader->config, m->label);

                if (!tenancy)
                        return config_refuse(ret_error, "%s: there is no section [Tenancy %s]",
                                             m->place, m->label);
                if (!tenancy->tenancy_id)
                        return config_refuse(ret_error,
                                             "%s: [Tenancy %s] has no TenancyId=", m->place,
                                             m->label);
        }
        return 0;
}

/* What can only be said once every file has been read. */
static int check_whole(const ConfigLoader *loader, char **ret_error)
{
        Config *config = loader->config;
        int r;

        r = check_mentions(loader, ret_error);
        for (size_t i = 0; r == 0 && i < config->n_tenancies; i++)
                r = check_id(config, config->tenancies[i], ret_error);
        for (size_t i = 0; r == 0 && i < config->grants.n_grants; i++) {
                Grant *grant = config->grants.grants[i];

                if (!grant->tenancy)
                        r = config_replace_string(&grant->tenancy, config->default_tenancy);
        }
        return r;
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

static int read_files(ConfigLoader *loader, const char *file,
                      void (*mistake)(const char *error, void *userdata), char **ret_error)
{
        const ConfigReader reader = {.assign = assign, .mistake = mistake, .userdata = loader};

        loader->config = calloc(1, sizeof(Config));
        if (!loader->config)
                return -ENOMEM;
        loader->config->max_pending_per_user = DEFAULT_MAX_PENDING_PER_USER;
        loader->config->default_tenancy = strdup(DEFAULT_TENANCY);
        if (!loader->config->default_tenancy)
                return -ENOMEM;
        return config_files_read(file, &reader, &loader->config->findings, ret_error);
}

int config_load(const char *file, Config **ret, char **ret_error)
{
        _cleanup_(loader_clear) ConfigLoader loader = {};
        int r;

        r = read_files(&loader, file, NULL, ret_error);
        if (r >= 0)
                r = check_whole(&loader, ret_error);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(loader.config);
        return 0;
}

static void log_mistake(const char *error, void *userdata _unused_)
{
        log_warning("%s", error);
}

int config_list_credentials(const char *file, char ***ret)
{
        _cleanup_(loader_clear) ConfigLoader loader = {};
        _cleanup_(strv_freep) char **names = NULL;
        _cleanup_(freep) char *error = NULL;
        int r;

        r = read_files(&loader, file, log_mistake, &error);
        for (size_t i = 0; r >= 0 && i < loader.config->n_tenancies; i++) {
                const char *name = loader.config->tenancies[i]->api_key_credential;

                if (!strv_contains(names, name))
                        r = strv_push(&names, name);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(names);
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
        finding_list_clear(&config->findings);
        free(config);
        return NULL;
}
