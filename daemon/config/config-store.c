/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* [Store] */

#include <errno.h>

#include "base/strv.h"
#include "daemon/config/config-internal.h"

#define PREFIX_LEN_MAX 128U

static int assign_engine(StoreConfig *store, const ConfigPlace *place, const char *value,
                         char **ret_error)
{
        if (streq(value, "local"))
                store->engine = STORE_ENGINE_LOCAL;
        else if (streq(value, "etcd"))
                store->engine = STORE_ENGINE_ETCD;
        else
                return config_refuse(ret_error, "Engine= must be local or etcd");
        return config_replace_place(&store->place, place);
}

/* Appends to the list; an empty value clears it. */
static int assign_endpoints(StoreConfig *store, const char *value, char **ret_error)
{
        _cleanup_(strv_freep) char **words = NULL;
        size_t n_before = strv_len(store->endpoints);
        int r;

        r = strv_split(value, &words);
        if (r == 0 && !words)
                store->endpoints = strv_free(store->endpoints);
        for (char **word = words; r == 0 && word && *word; word++) {
                _cleanup_(freep) char *origin = NULL;

                r = config_parse_origin("Endpoints", *word, &origin, ret_error);
                if (r == 0 && strv_len(store->endpoints) >= STORE_ENDPOINTS_MAX)
                        r = config_refuse(ret_error, "Endpoints= has more than %u URLs",
                                          STORE_ENDPOINTS_MAX);
                if (r == 0)
                        r = strv_push(&store->endpoints, origin);
        }
        if (r < 0)
                strv_truncate(store->endpoints, n_before);
        return r;
}

static int assign_prefix(StoreConfig *store, const ConfigPlace *place, const char *value,
                         char **ret_error)
{
        size_t len = strlen(value);
        int r;

        for (const char *c = value; *c; c++)
                if (*c <= ' ' || *c > '~')
                        len = 0;
        if (len == 0 || len > PREFIX_LEN_MAX || value[0] != '/' || value[len - 1] != '/')
                return config_refuse(ret_error,
                                     "Prefix= must be 1 to %u printable ASCII characters without "
                                     "spaces, and begin and end with '/'",
                                     PREFIX_LEN_MAX);
        r = config_replace_place(&store->prefix_place, place);
        return r < 0 ? r : config_replace_string(&store->prefix, value);
}

static int assign_credential(const char *key, const ConfigPlace *place, const char *value,
                             char **name, char **name_place, char **ret_error)
{
        int r;

        if (!*value) {
                *name = (free(*name), NULL);
                return 0;
        }
        r = config_check_credential(key, value, ret_error);
        if (r == 0)
                r = config_replace_place(name_place, place);
        return r < 0 ? r : config_replace_string(name, value);
}

static int assign_acknowledge(StoreConfig *store, const char *value, char **ret_error)
{
        if (streq(value, "local"))
                store->acknowledge = STORE_ACKNOWLEDGE_LOCAL;
        else if (streq(value, "shared"))
                store->acknowledge = STORE_ACKNOWLEDGE_SHARED;
        else
                return config_refuse(ret_error, "Acknowledge= must be local or shared");
        return 0;
}

int config_assign_store(ConfigParser *parser, const ConfigPlace *place, const char *key,
                        const char *value, char **ret_error)
{
        StoreConfig *store = &parser->config->store;

        if (!key)
                return store->place ? 0 : config_replace_place(&store->place, place);
        if (streq(key, "Engine"))
                return assign_engine(store, place, value, ret_error);
        if (streq(key, "Endpoints"))
                return assign_endpoints(store, value, ret_error);
        if (streq(key, "Prefix"))
                return assign_prefix(store, place, value, ret_error);
        if (streq(key, "CaFile"))
                return config_assign_file(key, place, value, &store->ca_file, &store->ca_file_place,
                                          ret_error);
        if (streq(key, "CertFile"))
                return config_assign_file(key, place, value, &store->cert_file,
                                          &store->cert_file_place, ret_error);
        if (streq(key, "KeyCredential"))
                return assign_credential(key, place, value, &store->key_credential,
                                         &store->key_place, ret_error);
        if (streq(key, "PasswordCredential"))
                return assign_credential(key, place, value, &store->password_credential,
                                         &store->password_place, ret_error);
        if (streq(key, "Acknowledge"))
                return assign_acknowledge(store, value, ret_error);
        return config_refuse(ret_error, "unknown key %s= in [Store]", key);
}

int config_check_store(const StoreConfig *store, char **ret_error)
{
        if (store->engine == STORE_ENGINE_LOCAL)
                return 0;
        if (strv_len(store->endpoints) == 0)
                return config_refuse(ret_error, "%s: Engine=etcd needs Endpoints=", store->place);
        if (!store->cert_file != !store->key_credential)
                return config_refuse(ret_error, "%s: CertFile= and KeyCredential= need each other",
                                     store->cert_file ? store->cert_file_place : store->key_place);
        return 0;
}

int config_check_reload(const Config *old, const Config *next, char **ret_error)
{
        const StoreConfig *a = &old->store, *b = &next->store;

        if (a->engine != b->engine)
                return config_refuse(ret_error,
                                     "%s%sA change of Engine= takes effect at a restart only: "
                                     "systemctl restart passlockd",
                                     b->place ?: "", b->place ? ": " : "");
        if (b->engine == STORE_ENGINE_ETCD && !streq(a->prefix, b->prefix))
                return config_refuse(ret_error,
                                     "%s: A change of Prefix= takes effect at a restart only: "
                                     "systemctl restart passlockd",
                                     b->prefix_place ?: b->place);
        return 0;
}

void store_config_clear(StoreConfig *store)
{
        free(store->place);
        strv_free(store->endpoints);
        free(store->prefix);
        free(store->prefix_place);
        free(store->ca_file);
        free(store->ca_file_place);
        free(store->cert_file);
        free(store->cert_file_place);
        free(store->key_credential);
        free(store->key_place);
        free(store->password_credential);
        free(store->password_place);
        *store = (StoreConfig){};
}
