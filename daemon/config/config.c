/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "base/strv.h"
#include "daemon/config/config-internal.h"
#include "daemon/model/valid.h"

#define DEFAULT_TENANCY              "default"
#define DEFAULT_MAX_PENDING_PER_USER 256U
#define DEFAULT_PREFIX               "/passlock/"

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

int config_mention(ConfigParser *parser, const ConfigPlace *place, const char *label)
{
        ConfigMention *grown =
                reallocarray(parser->mentions, parser->n_mentions + 1, sizeof(ConfigMention));
        ConfigMention *m;

        if (!grown)
                return -ENOMEM;
        parser->mentions = grown;
        m = &parser->mentions[parser->n_mentions];
        *m = (ConfigMention){.label = strdup(label)};
        if (!m->label || config_place_print(place, &m->place) < 0) {
                free(m->label);
                return -ENOMEM;
        }
        parser->n_mentions++;
        return 0;
}

/* [Daemon] */

static int assign_default_tenancy(ConfigParser *parser, const ConfigPlace *place, const char *value,
                                  char **ret_error)
{
        int r;

        if (!tenancy_label_is_valid(value))
                return config_refuse(ret_error, "a tenancy label must be " TENANCY_LABEL_RULE);
        r = config_mention(parser, place, value);
        return r < 0 ? r : config_replace_string(&parser->config->default_tenancy, value);
}

bool config_parse_number(const char *value, uint32_t max, uint32_t *ret)
{
        unsigned long n;
        char *end;

        errno = 0;
        n = strtoul(value, &end, 10);
        if (!isdigit((unsigned char) *value) || *end || errno || n < 1 || n > max)
                return false;
        *ret = (uint32_t) n;
        return true;
}

static int assign_max_pending(ConfigParser *parser, const ConfigPlace *place _unused_,
                              const char *value, char **ret_error)
{
        return config_parse_number(value, 100000, &parser->config->max_pending_per_user)
                       ? 0
                       : config_refuse(ret_error,
                                       "MaxPendingPerUser= must be a number from 1 to 100000");
}

static int assign_daemon(ConfigParser *parser, const ConfigPlace *place, const char *key,
                         const char *value, char **ret_error)
{
        if (!key)
                return 0;
        if (streq(key, "DefaultTenancy"))
                return assign_default_tenancy(parser, place, value, ret_error);
        if (streq(key, "MaxPendingPerUser"))
                return assign_max_pending(parser, place, value, ret_error);
        return config_refuse(ret_error, "unknown key %s= in [Daemon]", key);
}

static int assign(const ConfigPlace *place, const char *section, const char *key, const char *value,
                  void *userdata, char **ret_error)
{
        ConfigParser *parser = userdata;

        if (streq(section, "Daemon"))
                return assign_daemon(parser, place, key, value, ret_error);
        if (strncmp(section, "Tenancy ", 8) == 0)
                return config_assign_tenancy(parser, place, section + 8, key, value, ret_error);
        if (streq(section, "Store"))
                return config_assign_store(parser, place, key, value, ret_error);
        if (strncmp(section, "Grant ", 6) == 0)
                return config_assign_grant(parser, place, section + 6, key, value, ret_error);
        return config_refuse(ret_error, "unknown section [%s]", section);
}

/* Each id needs exactly one label. Links are keyed by id and grants by label: with two labels, a
 * grant for one could change the links of the other, and crash recovery would run twice. */
static int check_id(const Config *config, const TenancyConfig *tenancy, char **ret_error)
{
        for (size_t i = 0; config->tenancies[i] != tenancy; i++) {
                const TenancyConfig *other = config->tenancies[i];

                if (streq(tenancy->tenancy_id, other->tenancy_id))
                        return config_refuse(ret_error,
                                             "%s: [Tenancy %s] has the same TenancyId= as "
                                             "[Tenancy %s] in %s; use one label per tenancy",
                                             tenancy->id_place, tenancy->label, other->label,
                                             other->id_place);
        }
        return 0;
}

/* Checks that each referenced tenancy exists. */
static int check_mentions(const ConfigParser *parser, char **ret_error)
{
        for (size_t i = 0; i < parser->n_mentions; i++) {
                const ConfigMention *m = &parser->mentions[i];
                const TenancyConfig *tenancy = config_find_tenancy(parser->config, m->label);

                if (!tenancy)
                        return config_refuse(ret_error, "%s: missing section [Tenancy %s]",
                                             m->place, m->label);
                if (!tenancy->tenancy_id)
                        return config_refuse(ret_error,
                                             "%s: [Tenancy %s] has no TenancyId=", m->place,
                                             m->label);
        }
        return 0;
}

/* Checks that need all sections. */
static int check_whole(const ConfigParser *parser, char **ret_error)
{
        Config *config = parser->config;
        int r;

        r = check_mentions(parser, ret_error);
        if (r == 0)
                r = config_check_store(&config->store, ret_error);
        for (size_t i = 0; r == 0 && i < config->n_tenancies; i++)
                r = check_id(config, config->tenancies[i], ret_error);
        for (size_t i = 0; r == 0 && i < config->grants.n_grants; i++) {
                Grant *grant = config->grants.grants[i];

                if (!grant->tenancy)
                        r = config_replace_string(&grant->tenancy, config->default_tenancy);
        }
        return r;
}

static void parser_clear(ConfigParser *parser)
{
        config_free(parser->config);
        for (size_t i = 0; i < parser->n_mentions; i++) {
                free(parser->mentions[i].label);
                free(parser->mentions[i].place);
        }
        free(parser->mentions);
}

static int read_files(ConfigParser *parser, const char *file,
                      void (*mistake)(const char *error, void *userdata), char **ret_error)
{
        const ConfigReader reader = {.assign = assign, .mistake = mistake, .userdata = parser};

        parser->config = calloc(1, sizeof(Config));
        if (!parser->config)
                return -ENOMEM;
        parser->config->max_pending_per_user = DEFAULT_MAX_PENDING_PER_USER;
        parser->config->default_tenancy = strdup(DEFAULT_TENANCY);
        parser->config->store.prefix = strdup(DEFAULT_PREFIX);
        if (!parser->config->default_tenancy || !parser->config->store.prefix)
                return -ENOMEM;
        return config_files_read(file, &reader, &parser->config->findings, ret_error);
}

int config_load(const char *file, Config **ret, char **ret_error)
{
        _cleanup_(parser_clear) ConfigParser parser = {};
        int r;

        r = read_files(&parser, file, NULL, ret_error);
        if (r >= 0)
                r = check_whole(&parser, ret_error);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(parser.config);
        return 0;
}

static void log_mistake(const char *error, void *userdata _unused_)
{
        log_warning("%s", error);
}

static int add_name(char ***names, const char *name)
{
        return !name || strv_contains(*names, name) ? 0 : strv_push(names, name);
}

int config_list_credentials(const char *file, char ***ret)
{
        _cleanup_(parser_clear) ConfigParser parser = {};
        _cleanup_(strv_freep) char **names = NULL;
        _cleanup_(freep) char *error = NULL;
        int r;

        r = read_files(&parser, file, log_mistake, &error);
        for (size_t i = 0; r >= 0 && i < parser.config->n_tenancies; i++)
                r = add_name(&names, parser.config->tenancies[i]->api_key_credential);
        if (r >= 0 && parser.config->store.engine == STORE_ENGINE_ETCD) {
                r = add_name(&names, parser.config->store.key_credential);
                if (r >= 0)
                        r = add_name(&names, parser.config->store.password_credential);
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
        store_config_clear(&config->store);
        grant_list_clear(&config->grants);
        finding_list_clear(&config->findings);
        free(config);
        return NULL;
}
