/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Values that several sections have. */

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <strings.h>

#include "base/text.h"
#include "daemon/config/config-internal.h"

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

int config_parse_origin(const char *key, const char *value, char **origin, char **ret_error)
{
        _cleanup_(freep) char *copy = strdup(value);
        bool https, loopback;
        size_t len;

        if (!copy)
                return -ENOMEM;
        len = strlen(copy);
        if (len > 0 && copy[len - 1] == '/')
                copy[len - 1] = '\0';
        if (!origin_is_valid(copy, &https, &loopback))
                return config_refuse(
                        ret_error,
                        "%s= must be https:// and a host, with an optional port and no path", key);
        if (!https && !loopback)
                return config_refuse(ret_error, "%s= may be http:// for loopback hosts only", key);
        return config_replace_string(origin, copy);
}

int config_check_credential(const char *key, const char *value, char **ret_error)
{
        if (!text_is_valid(value, 255) || strchr(value, '/') || value[0] == '.')
                return config_refuse(ret_error, "%s= must be a credential's name, not a path", key);
        return 0;
}

int config_assign_file(const char *key, const ConfigPlace *place, const char *value, char **path,
                       char **path_place, char **ret_error)
{
        int r;

        if (!*value) {
                *path = (free(*path), NULL);
                return 0;
        }
        if (value[0] != '/')
                return config_refuse(ret_error, "%s= must be an absolute path", key);
        r = config_replace_place(path_place, place);
        return r < 0 ? r : config_replace_string(path, value);
}

bool config_parse_bool(const char *value, bool *ret)
{
        static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (strcasecmp(words[i], value) == 0) {
                        *ret = i % 2;
                        return true;
                }
        return false;
}
