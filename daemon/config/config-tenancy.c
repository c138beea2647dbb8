/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* [Tenancy <label>] */

#include <errno.h>
#include <stdio.h>

#include "daemon/config/config-internal.h"
#include "daemon/model/valid.h"

#define DEFAULT_ENDPOINT   "https://api.passlock.dev"
#define DEFAULT_TIMEOUT_MS 10000U
#define TIMEOUT_MS_MIN     100U
#define TIMEOUT_MS_MAX     300000U

static int assign_endpoint(TenancyConfig *tenancy, const char *value, char **ret_error)
{
        return config_parse_origin("Endpoint", value, &tenancy->endpoint, ret_error);
}

/* Seconds with up to three decimals, or a number with unit ms, s or min. */
static bool parse_timeout_ms(const char *value, uint64_t *ret)
{
        uint64_t whole = 0, fraction = 0, scale = 1000;
        const char *s = value;
        size_t n_digits = strspn(s, "0123456789"), n_decimals = 0;

        if (n_digits == 0 || n_digits > 9)
                return false;
        for (size_t i = 0; i < n_digits; i++)
                whole = whole * 10 + (uint64_t) (*s++ - '0');
        if (*s == '.') {
                n_decimals = strspn(++s, "0123456789");
                if (n_decimals == 0 || n_decimals > 3)
                        return false;
                for (size_t i = 0; i < 3; i++)
                        fraction = fraction * 10 + (i < n_decimals ? (uint64_t) (*s++ - '0') : 0);
        }
        s += strspn(s, " ");
        if (streq(s, "ms"))
                scale = 1;
        else if (streq(s, "min"))
                scale = 60000;
        else if (*s && !streq(s, "s"))
                return false;
        *ret = whole * scale + fraction * scale / 1000;
        return true;
}

static int assign_timeout(TenancyConfig *tenancy, const char *value, char **ret_error)
{
        uint64_t ms;

        if (!parse_timeout_ms(value, &ms) || ms < TIMEOUT_MS_MIN || ms > TIMEOUT_MS_MAX)
                return config_refuse(ret_error, "TimeoutSec= must be from 0.1 to 300 seconds");
        tenancy->timeout_ms = ms;
        return 0;
}

static int replace(char **value, const char *new_value, char **place, const ConfigPlace *new_place)
{
        int r = config_replace_place(place, new_place);

        return r < 0 ? r : config_replace_string(value, new_value);
}

static int assign_id(TenancyConfig *tenancy, const ConfigPlace *place, const char *value,
                     char **ret_error)
{
        if (!tenancy_id_is_valid(value))
                return config_refuse(ret_error,
                                     "TenancyId= must be 1 to 256 printable ASCII characters");
        return replace(&tenancy->tenancy_id, value, &tenancy->id_place, place);
}

static int assign_credential(TenancyConfig *tenancy, const ConfigPlace *place, const char *value,
                             char **ret_error)
{
        int r;

        r = config_check_credential("ApiKeyCredential", value, ret_error);
        return r < 0 ? r
                     : replace(&tenancy->api_key_credential, value, &tenancy->credential_place,
                               place);
}

TenancyConfig *tenancy_config_free(TenancyConfig *tenancy)
{
        if (!tenancy)
                return NULL;
        free(tenancy->label);
        free(tenancy->tenancy_id);
        free(tenancy->id_place);
        free(tenancy->endpoint);
        free(tenancy->ca_file);
        free(tenancy->ca_file_place);
        free(tenancy->api_key_credential);
        free(tenancy->credential_place);
        free(tenancy);
        return NULL;
}

TenancyConfig *config_find_tenancy(const Config *config, const char *label)
{
        for (size_t i = 0; i < config->n_tenancies; i++)
                if (streq(config->tenancies[i]->label, label))
                        return config->tenancies[i];
        return NULL;
}

static int add_tenancy(Config *config, const ConfigPlace *place, const char *label,
                       TenancyConfig **ret)
{
        _cleanup_(tenancy_config_freep) TenancyConfig *tenancy = calloc(1, sizeof(TenancyConfig));
        TenancyConfig **grown;

        if (!tenancy)
                return -ENOMEM;
        tenancy->label = strdup(label);
        tenancy->endpoint = strdup(DEFAULT_ENDPOINT);
        tenancy->timeout_ms = DEFAULT_TIMEOUT_MS;
        if (!tenancy->label || !tenancy->endpoint ||
            config_replace_place(&tenancy->credential_place, place) < 0)
                return -ENOMEM;
        if (asprintf(&tenancy->api_key_credential, "passlock.%s", label) < 0) {
                tenancy->api_key_credential = NULL;
                return -ENOMEM;
        }
        grown = reallocarray(config->tenancies, config->n_tenancies + 1, sizeof(TenancyConfig *));
        if (!grown)
                return -ENOMEM;
        config->tenancies = grown;
        *ret = config->tenancies[config->n_tenancies++] = TAKE_PTR(tenancy);
        return 0;
}

int config_assign_tenancy(ConfigParser *parser, const ConfigPlace *place, const char *label,
                          const char *key, const char *value, char **ret_error)
{
        TenancyConfig *tenancy = config_find_tenancy(parser->config, label);
        int r;

        if (!tenancy_label_is_valid(label))
                return config_refuse(ret_error, "a tenancy label must be " TENANCY_LABEL_RULE);
        if (!tenancy) {
                r = add_tenancy(parser->config, place, label, &tenancy);
                if (r >= 0)
                        r = config_mention(parser, place, label);
                if (r < 0)
                        return r;
        }
        if (!key)
                return 0;
        if (streq(key, "TenancyId"))
                return assign_id(tenancy, place, value, ret_error);
        if (streq(key, "Endpoint"))
                return assign_endpoint(tenancy, value, ret_error);
        if (streq(key, "CaFile"))
                return config_assign_file("CaFile", place, value, &tenancy->ca_file,
                                          &tenancy->ca_file_place, ret_error);
        if (streq(key, "ApiKeyCredential"))
                return assign_credential(tenancy, place, value, ret_error);
        if (streq(key, "TimeoutSec"))
                return assign_timeout(tenancy, value, ret_error);
        return config_refuse(ret_error, "unknown key %s= in [Tenancy %s]", key, label);
}
