/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/log.h"
#include "daemon/api-key-loader.h"
#include "daemon/tenancy-set.h"

struct TenancySet {
        Tenancies *all;
        Bus *bus;
        ApiKeyLoader *keys;
        const Config *config; /* NULL before the first configuration */
        Tenancy **tenancies;
        size_t n_tenancies;
        bool stopped;
};

static Tenancy *find_tenancy(const TenancySet *set, const char *label)
{
        for (size_t i = 0; i < set->n_tenancies; i++)
                if (streq(tenancy_label(set->tenancies[i]), label))
                        return set->tenancies[i];
        return NULL;
}

static int give_settings(Tenancy *tenancy, const TenancyConfig *config, Secret *key)
{
        const TenancySettings settings = {.label = config->label,
                                          .endpoint = config->endpoint,
                                          .ca_file = config->ca_file,
                                          .timeout_ms = config->timeout_ms,
                                          .credential = config->api_key_credential,
                                          .key = key};

        return tenancy_configure(tenancy, &settings);
}

static void on_key_found(const char *label, Secret *key, void *userdata)
{
        const TenancySet *set = userdata;
        const TenancyConfig *config = config_find_tenancy(set->config, label);
        Tenancy *tenancy = find_tenancy(set, label);

        if (config && tenancy && !set->stopped && give_settings(tenancy, config, key) < 0)
                log_error("Failed to set the API key of tenancy %s: out of memory", label);
}

int tenancy_set_new(sd_event *event, Tenancies *all, Bus *bus, TenancySet **ret)
{
        _cleanup_(tenancy_set_freep) TenancySet *set = calloc(1, sizeof(TenancySet));
        int r;

        if (!set)
                return -ENOMEM;
        set->all = all;
        set->bus = bus;
        r = api_key_loader_new(event, on_key_found, set, &set->keys);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(set);
        return 0;
}

static void free_tenancies(Tenancy **tenancies, size_t n)
{
        for (size_t i = 0; i < n; i++)
                tenancy_unref(tenancies[i]);
        free(tenancies);
}

TenancySet *tenancy_set_free(TenancySet *set)
{
        if (!set)
                return NULL;
        api_key_loader_free(set->keys);
        free_tenancies(set->tenancies, set->n_tenancies);
        free(set);
        return NULL;
}

static int configure_tenancy(TenancySet *set, const TenancyConfig *config, Tenancy **ret)
{
        _cleanup_(tenancy_unrefp) Tenancy *tenancy = NULL;
        _cleanup_(secret_unrefp) Secret *key = NULL;
        int r;

        r = tenancies_get(set->all, config->tenancy_id, &tenancy);
        if (r < 0)
                return r;
        /* If the credential cannot be read, keep the old key. */
        if (api_key_loader_load(set->keys, config, tenancy_key(tenancy), &key) < 0)
                key = secret_ref(tenancy_key(tenancy));
        r = give_settings(tenancy, config, key);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(tenancy);
        return 0;
}

static bool contains(Tenancy *const *tenancies, size_t n, const Tenancy *tenancy)
{
        for (size_t i = 0; i < n; i++)
                if (tenancies[i] == tenancy)
                        return true;
        return false;
}

/* Replaces the configured tenancies; takes ownership. */
static int set_tenancies(TenancySet *set, Tenancy **tenancies, size_t n)
{
        for (size_t i = 0; i < set->n_tenancies; i++)
                if (!contains(tenancies, n, set->tenancies[i]))
                        tenancy_retire(set->tenancies[i]);
        free_tenancies(set->tenancies, set->n_tenancies);
        set->tenancies = tenancies;
        set->n_tenancies = n;
        return bus_show_tenancies(set->bus, tenancies, n);
}

int tenancy_set_configure(TenancySet *set, const Config *config)
{
        Tenancy **tenancies = calloc(config->n_tenancies + 1, sizeof(Tenancy *));
        int r;

        if (!tenancies)
                return -ENOMEM;
        for (size_t n = 0; n < config->n_tenancies; n++) {
                r = configure_tenancy(set, config->tenancies[n], &tenancies[n]);
                if (r < 0) {
                        free_tenancies(tenancies, n);
                        return r;
                }
        }
        api_key_loader_retain(set->keys, config);
        r = set_tenancies(set, tenancies, config->n_tenancies);
        if (r == 0)
                set->config = config;
        return r;
}

int tenancy_set_move(TenancySet *set, Bus *bus)
{
        set->bus = bus;
        return bus_show_tenancies(bus, set->tenancies, set->n_tenancies);
}

void tenancy_set_stop(TenancySet *set)
{
        set->stopped = true;
        tenancies_stop(set->all);
}

Tenancy *const *tenancy_set_get(const TenancySet *set, size_t *ret_n)
{
        *ret_n = set->n_tenancies;
        return set->tenancies;
}

int tenancy_set_diagnose(const TenancySet *set, FindingList *list)
{
        int r;

        r = api_key_loader_diagnose(set->keys, list);
        for (size_t i = 0; r == 0 && i < set->n_tenancies; i++)
                r = tenancy_find(set->tenancies[i], list);
        return r;
}
