/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* [Tenancy <label>] */

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "daemon/config/config-internal.h"
#include "daemon/model/valid.h"

#define DEFAULT_ENDPOINT   "https://api.passlock.dev"
#define DEFAULT_TIMEOUT_MS 10000U
#define TIMEOUT_MS_MIN     100U
#define TIMEOUT_MS_MAX     300000U

static bool host_is_loopback(const char *host, size_t len)
{
        struct in_addr address;
        char text[16];

        if ((len == 9 && strncasecmp(host, "localhost", 9) == 0) ||
            (len == 5 && memcmp(host, "[::1]", 5) == 0))
                return true;
        if (len >= sizeof(text))
                return false;
        memcpy(text, host, len);
        text[len] = '\0';
        return inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

static bool port_is_valid(const char *s)
{
        unsigned long port;
        char *end;

        if (!isdigit((unsigned char) *s))
                return false;
        port = strtoul(s, &end, 10);
        return !*end && port >= 1 && port <= 65535;
}

/* Validates an origin. *ret_loopback is true if the host is always this machine. */
static bool origin_is_valid(const char *origin, bool *ret_https, bool *ret_loopback)
{
        const char *host;
        size_t host_len;

        *ret_https = strncmp(origin, "https://", 8) == 0;
        if (!*ret_https && strncmp(origin, "http://", 7) != 0)
                return false;
        host = origin + (*ret_https ? 8 : 7);
        if (*host == '[') {
                host_len = strspn(host + 1, "0123456789abcdefABCDEF:.") + 1;
                if (host_len < 4 || host[host_len++] != ']')
                        return false;
        } else {
                host_len = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "0123456789-.");
                if (host_len == 0 || host_len > 253)
                        return false;
        }
        if (host[host_len] == ':' ? !port_is_valid(host + host_len + 1) : host[host_len] != '\0')
                return false;
        *ret_loopback = host_is_loopback(host, host_len);
        return true;
}

static int assign_endpoint(TenancyConfig *tenancy, const char *value, char **ret_error)
{
        _cleanup_(freep) char *origin = strdup(value);
        bool https, loopback;
        size_t len;

        if (!origin)
                return -ENOMEM;
        len = strlen(origin);
        if (len > 0 && origin[len - 1] == '/')
                origin[len - 1] = '\0';
        if (!origin_is_valid(origin, &https, &loopback))
                return config_refuse(
                        ret_error,
                        "Endpoint= must be https:// and a host, with an optional port and no path");
        if (!https && !loopback)
                return config_refuse(ret_error, "Endpoint= may be http:// for loopback hosts only");
        return config_replace_string(&tenancy->endpoint, origin);
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
        if (!text_is_valid(value, 255) || strchr(value, '/') || value[0] == '.')
                return config_refuse(ret_error,
                                     "ApiKeyCredential= must be a credential's name, not a path");
        return replace(&tenancy->api_key_credential, value, &tenancy->credential_place, place);
}

static int assign_ca_file(TenancyConfig *tenancy, const ConfigPlace *place, const char *value,
                          char **ret_error)
{
        if (!*value) {
                tenancy->ca_file = (free(tenancy->ca_file), NULL);
                return 0;
        }
        if (value[0] != '/')
                return config_refuse(ret_error, "CaFile= must be an absolute path");
        return replace(&tenancy->ca_file, value, &tenancy->ca_file_place, place);
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
                return assign_ca_file(tenancy, place, value, ret_error);
        if (streq(key, "ApiKeyCredential"))
                return assign_credential(tenancy, place, value, ret_error);
        if (streq(key, "TimeoutSec"))
                return assign_timeout(tenancy, value, ret_error);
        return config_refuse(ret_error, "unknown key %s= in [Tenancy %s]", key, label);
}
