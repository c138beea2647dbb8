/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "daemon/audit/audit.h"
#include "daemon/tenancy-set.h"

struct TenancySet {
        Tenancies *all;
        Bus *bus;
        Holder *holder;
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

/* NULL if the key holder has loaded another configuration, or none. */
static const HolderState *find_state(const TenancySet *set, const TenancyConfig *config)
{
        const HolderState *state = holder_find(set->holder, config->label);

        return state && streq(state->tenancy_id, config->tenancy_id) &&
                               streq(state->endpoint, config->endpoint)
                       ? state
                       : NULL;
}

static void record_fault(const HolderState *state)
{
        audit(state->fault == HOLDER_FAULT_MISSING ? EVENT_KEY_MISSING : EVENT_KEY_UNUSABLE,
              .tenancy = state->label, .text = state->text);
}

static int give_settings(Tenancy *tenancy, const TenancyConfig *config, const HolderState *state)
{
        const TenancySettings settings = {.label = config->label,
                                          .endpoint = config->endpoint,
                                          .ca_file = config->ca_file,
                                          .timeout_ms = config->timeout_ms,
                                          .credential = config->api_key_credential,
                                          .account = state ? state->account : 0,
                                          .key = state ? state->key : API_KEY_UNKNOWN};

        return tenancy_configure(tenancy, &settings);
}

static void update_tenancy(const TenancySet *set, const TenancyConfig *config)
{
        const HolderState *state = find_state(set, config);
        Tenancy *tenancy = find_tenancy(set, config->label);

        if (!state || !tenancy)
                return;
        if (state->fault != HOLDER_FAULT_NONE && state->news)
                record_fault(state);
        if ((state->account != tenancy_account(tenancy) || state->key != tenancy_key(tenancy)) &&
            give_settings(tenancy, config, state) < 0)
                log_error("Failed to set the API key of tenancy %s: out of memory", config->label);
}

void tenancy_set_update(TenancySet *set)
{
        if (!set->config || set->stopped)
                return;
        for (size_t i = 0; i < set->config->n_tenancies; i++)
                update_tenancy(set, set->config->tenancies[i]);
        holder_forget_news(set->holder);
}

int tenancy_set_new(Tenancies *all, Holder *holder, Bus *bus, TenancySet **ret)
{
        TenancySet *set = calloc(1, sizeof(TenancySet));

        if (!set)
                return -ENOMEM;
        *set = (TenancySet){.all = all, .holder = holder, .bus = bus};
        *ret = set;
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
        free_tenancies(set->tenancies, set->n_tenancies);
        free(set);
        return NULL;
}

static int configure_tenancy(TenancySet *set, const TenancyConfig *config, Tenancy **ret)
{
        _cleanup_(tenancy_unrefp) Tenancy *tenancy = NULL;
        const HolderState *state = find_state(set, config);
        int r;

        r = tenancies_get(set->all, config->tenancy_id, &tenancy);
        if (r < 0)
                return r;
        /* The removal of a key has its own record. */
        if (state && state->fault != HOLDER_FAULT_NONE &&
            !(state->fault == HOLDER_FAULT_MISSING && tenancy_has_key(tenancy)))
                record_fault(state);
        r = give_settings(tenancy, config, state);
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
        holder_forget_news(set->holder);
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

static int diagnose_key(const TenancyConfig *config, const HolderState *state, FindingList *list)
{
        _cleanup_(freep) char *text = strdup(state->text), *advice = NULL;

        if (!text)
                return -ENOMEM;
        *text = (char) toupper((unsigned char) *text);
        if (asprintf(&advice,
                     "as root: passlockctl --tenancy=%s set-key --credential=%s; if the key is in "
                     "/etc/credstore.encrypted or /etc/credstore already: systemctl daemon-reload "
                     "and systemctl restart passlock-keyholder; passlockctl doctor tells whether "
                     "it can be decrypted",
                     config->label, config->api_key_credential) < 0) {
                advice = NULL;
                return -ENOMEM;
        }
        return finding_add(list, .kind = "credential", .tenancy = config->label,
                           .name = config->api_key_credential, .place = config->credential_place,
                           .text = text, .advice = advice);
}

static int diagnose_tenancy(const TenancySet *set, const TenancyConfig *config, FindingList *list)
{
        const HolderState *state = find_state(set, config);

        if (state)
                return state->fault == HOLDER_FAULT_NONE ? 0 : diagnose_key(config, state, list);
        if (!holder_is_loaded(set->holder))
                return 0; /* a finding on the key holder itself */
        return finding_add(list, .kind = "key-holder", .tenancy = config->label,
                           .name = "passlock-keyholder", .place = config->id_place,
                           .text = "The key holder has loaded another configuration",
                           .advice = "as root: systemctl reload passlockd");
}

int tenancy_set_diagnose(const TenancySet *set, FindingList *list)
{
        int r;

        r = holder_diagnose(set->holder, list);
        for (size_t i = 0; set->config && r == 0 && i < set->config->n_tenancies; i++)
                r = diagnose_tenancy(set, set->config->tenancies[i], list);
        for (size_t i = 0; r == 0 && i < set->n_tenancies; i++)
                r = tenancy_find(set->tenancies[i], list);
        return r;
}
