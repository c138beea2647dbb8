/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/api/api.h"
#include "daemon/core/settle.h"
#include "daemon/core/tenancy-internal.h"
#include "dbus/error.h"

const char *tenancy_state_to_string(TenancyState state)
{
        static const char *const names[] = {
                [TENANCY_UNCONFIGURED] = "unconfigured",
                [TENANCY_READY] = "ready",
                [TENANCY_DENIED] = "denied",
                [TENANCY_DEGRADED] = "degraded",
        };

        return names[state];
}

int tenancy_new(const char *label, Api *api, struct Store *store, Tenancy **ret)
{
        _cleanup_(api_freep) Api *owned = api;
        _cleanup_(tenancy_unrefp) Tenancy *tenancy = calloc(1, sizeof(Tenancy));

        if (!tenancy)
                return -ENOMEM;
        tenancy->n_ref = 1;
        tenancy->store = store;
        tenancy->label = strdup(label);
        if (!tenancy->label)
                return -ENOMEM;
        tenancy->api = TAKE_PTR(owned);

        *ret = TAKE_PTR(tenancy);
        return 0;
}

Tenancy *tenancy_ref(Tenancy *tenancy)
{
        tenancy->n_ref++;
        return tenancy;
}

Tenancy *tenancy_unref(Tenancy *tenancy)
{
        if (!tenancy || --tenancy->n_ref > 0)
                return NULL;
        exchange_forget_all(tenancy);
        key_ring_free(tenancy->key_ring);
        settle_free(tenancy);
        api_free(tenancy->api);
        free(tenancy->label);
        free(tenancy->tenancy_id);
        free(tenancy->endpoint);
        free(tenancy->ca_file);
        secret_unref(tenancy->key);
        free(tenancy);
        return NULL;
}

/* Returns whether it is another than before. */
static bool tenancy_set_state(Tenancy *tenancy, TenancyState state)
{
        if (tenancy->state == state)
                return false;
        tenancy->state = state;
        if (tenancy->listener.state_changed)
                tenancy->listener.state_changed(tenancy, tenancy->listener.userdata);
        return true;
}

static void tenancy_learn_state(Tenancy *tenancy, TenancyState state, int error)
{
        static const Event events[] = {
                [TENANCY_READY] = EVENT_TENANCY_READY,
                [TENANCY_DENIED] = EVENT_TENANCY_DENIED,
                [TENANCY_DEGRADED] = EVENT_TENANCY_DEGRADED,
        };

        if (tenancy_set_state(tenancy, state))
                audit(events[state], .tenancy = tenancy->label, .error = error);
}

/* A change of keys says what becomes of the state, too. */
static void tenancy_take_key(Tenancy *tenancy, Secret *key)
{
        _cleanup_(secret_unrefp) Secret *old = tenancy->key;
        bool same = old && key && secret_equal(old, key);

        tenancy->key = key ? secret_ref(key) : NULL;
        if (same) {
                tenancy_learn_state(tenancy, TENANCY_READY, 0);
                return;
        }
        (void) tenancy_set_state(tenancy, key ? TENANCY_READY : TENANCY_UNCONFIGURED);
        if (old || key)
                audit(!key  ? EVENT_KEY_REMOVED
                      : old ? EVENT_KEY_REPLACED
                            : EVENT_KEY_TAKEN,
                      .tenancy = tenancy->label);
}

int tenancy_configure(Tenancy *tenancy, const char *id, const char *endpoint, const char *ca_file,
                      uint64_t timeout_ms, Secret *key)
{
        _cleanup_(freep) char *id_copy = strdup(id), *endpoint_copy = strdup(endpoint);
        _cleanup_(freep) char *ca_file_copy = ca_file ? strdup(ca_file) : NULL;
        bool new_id = !streq_ptr(tenancy->tenancy_id, id);
        bool new_endpoint = !streq_ptr(tenancy->endpoint, endpoint);
        int r;

        if (!id_copy || !endpoint_copy || (ca_file && !ca_file_copy))
                return -ENOMEM;
        r = api_configure(tenancy->api, endpoint, id, ca_file, timeout_ms, key);
        if (r < 0)
                return r;

        free(tenancy->tenancy_id);
        free(tenancy->endpoint);
        free(tenancy->ca_file);
        tenancy->tenancy_id = TAKE_PTR(id_copy);
        tenancy->endpoint = TAKE_PTR(endpoint_copy);
        tenancy->ca_file = TAKE_PTR(ca_file_copy);
        tenancy->generation++;
        if (new_id || new_endpoint)
                key_ring_forget(tenancy);
        if (new_id)
                settle_load(tenancy);
        /* Whether a new key or endpoint is any good, the next call will tell. */
        tenancy_take_key(tenancy, key);
        settle_recover(tenancy, true);
        return 0;
}

void tenancy_set_listener(Tenancy *tenancy, const TenancyListener *listener)
{
        tenancy->listener = listener ? *listener : (TenancyListener){};
}

const char *tenancy_label(const Tenancy *tenancy)
{
        return tenancy->label;
}

const char *tenancy_id(const Tenancy *tenancy)
{
        return tenancy->tenancy_id;
}

const char *tenancy_endpoint(const Tenancy *tenancy)
{
        return tenancy->endpoint;
}

const char *tenancy_ca_file(const Tenancy *tenancy)
{
        return tenancy->ca_file;
}

TenancyState tenancy_state(const Tenancy *tenancy)
{
        return tenancy->state;
}

static void tenancy_api_answered(Tenancy *tenancy)
{
        bool api_is_back = tenancy->state != TENANCY_READY;

        tenancy_learn_state(tenancy, TENANCY_READY, 0);
        settle_recover(tenancy, api_is_back);
}

void tenancy_note_api_result(Tenancy *tenancy, unsigned generation, int r)
{
        /* Our own failures and bad requests say nothing of the API, and without a key there is
         * nothing to learn. */
        if (r < 0 || r == ERROR_BAD_REQUEST || !tenancy->key || generation != tenancy->generation)
                return;
        if (r == ERROR_API_DENIED)
                tenancy_learn_state(tenancy, TENANCY_DENIED, r);
        else if (r == ERROR_UNREACHABLE || r == ERROR_MALFORMED_REPLY)
                tenancy_learn_state(tenancy, TENANCY_DEGRADED, r);
        else
                tenancy_api_answered(tenancy);
}

void tenancy_stop(Tenancy *tenancy)
{
        settle_stop(tenancy);
}

bool tenancy_is_busy(const Tenancy *tenancy)
{
        return tenancy->reconcile;
}

Secret *tenancy_key(const Tenancy *tenancy)
{
        return tenancy->key;
}

static void audit_link(Event event, const Tenancy *tenancy, const Link *link, const Cause *cause)
{
        audit(event, .cause = cause, .tenancy = tenancy->label, .user_id = link->user_id,
              .authenticator_id = link->authenticator_id);
}

void tenancy_tell_link_added(Tenancy *tenancy, const Link *link, const Cause *cause)
{
        audit_link(EVENT_LINK_ADDED, tenancy, link, cause);
        if (tenancy->listener.link_added)
                tenancy->listener.link_added(tenancy, link, tenancy->listener.userdata);
}

void tenancy_tell_link_removed(Tenancy *tenancy, const Link *link, const Cause *cause)
{
        audit_link(EVENT_LINK_REMOVED, tenancy, link, cause);
        if (tenancy->listener.link_removed)
                tenancy->listener.link_removed(tenancy, link, tenancy->listener.userdata);
}
