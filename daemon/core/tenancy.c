/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

struct Tenancies {
        sd_event *event;
        ApiContext *api;
        struct Store *store;
        const TenancyPart *const *parts;
        LIST_HEAD(, Tenancy) tenancies;
        bool stopping;
};

#define FOREACH_PART(part, tenancies) \
        for (const TenancyPart *const *part = (tenancies)->parts; *part; part++)

/* Calls a function of each part that has it. */
#define CALL_PARTS(tenancy, func) \
        do { \
                FOREACH_PART(part, (tenancy)->tenancies) \
                        if ((*part)->func) \
                                (*part)->func(tenancy); \
        } while (0)

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

int tenancies_new(sd_event *event, ApiContext *api, struct Store *store,
                  const TenancyPart *const *parts, Tenancies **ret)
{
        Tenancies *tenancies = calloc(1, sizeof(Tenancies));

        if (!tenancies)
                return -ENOMEM;
        *tenancies = (Tenancies){
                .event = sd_event_ref(event), .api = api, .store = store, .parts = parts};
        *ret = tenancies;
        return 0;
}

Tenancies *tenancies_free(Tenancies *tenancies)
{
        Tenancy *tenancy;

        if (!tenancies)
                return NULL;
        while ((tenancy = LIST_FIRST(&tenancies->tenancies))) {
                LIST_REMOVE(tenancy, entry);
                tenancy_unref(tenancy);
        }
        sd_event_unref(tenancies->event);
        free(tenancies);
        return NULL;
}

static int tenancy_new(Tenancies *tenancies, const char *id, Tenancy **ret)
{
        _cleanup_(tenancy_unrefp) Tenancy *tenancy = calloc(1, sizeof(Tenancy));
        int r;

        if (!tenancy)
                return -ENOMEM;
        tenancy->n_ref = 1;
        tenancy->tenancies = tenancies;
        tenancy->event = tenancies->event;
        tenancy->store = tenancies->store;
        tenancy->id = strdup(id);
        if (!tenancy->id)
                return -ENOMEM;
        FOREACH_PART(part, tenancies) {
                r = (*part)->attach ? (*part)->attach(tenancy) : 0;
                if (r < 0)
                        return r;
        }
        LIST_INSERT_HEAD(&tenancies->tenancies, tenancy, entry);
        tenancy_ref(tenancy);
        *ret = TAKE_PTR(tenancy);
        return 0;
}

int tenancies_get(Tenancies *tenancies, const char *id, Tenancy **ret)
{
        Tenancy *t;

        LIST_FOREACH(t, &tenancies->tenancies, entry)
                if (streq(t->id, id)) {
                        *ret = tenancy_ref(t);
                        return 0;
                }
        return tenancy_new(tenancies, id, ret);
}

void tenancies_store_is_open(Tenancies *tenancies)
{
        Tenancy *t;

        LIST_FOREACH(t, &tenancies->tenancies, entry)
                if (t->api && !tenancies->stopping)
                        CALL_PARTS(t, start);
}

static void on_taken_over(int r, void *userdata)
{
        Tenancy *t = userdata;

        t->taking_over = false;
        if (r == 0)
                CALL_PARTS(t, intents_added);
        tenancy_end_change(t);
}

/* A failure is tried again when the log tells of the host again. */
static void take_over(Tenancy *t, unsigned host)
{
        bool has_intents = false;

        if (!t->api || t->taking_over ||
            store_has_intents_of_host(t->store, t->id, host, &has_intents) != 0 || !has_intents)
                return;
        log_notice("Host %u of the shared store is away; taking over its recovery, tenancy %s",
                   host, tenancy_label(t));
        if (store_take_over(t->store, t->id, host, on_taken_over, t, NULL) < 0)
                return;
        t->taking_over = true;
        tenancy_begin_change(t);
}

void tenancies_host_is_away(Tenancies *tenancies, unsigned host)
{
        Tenancy *t;

        LIST_FOREACH(t, &tenancies->tenancies, entry)
                if (!tenancies->stopping)
                        take_over(t, host);
}

static void tell_links(Tenancy *t, const LinkList *added, const LinkList *removed)
{
        const TenancyListener *listener = &t->listener;

        for (size_t i = 0; listener->link_removed && i < removed->n_links; i++)
                listener->link_removed(t, removed->links[i], listener->userdata);
        for (size_t i = 0; listener->link_added && i < added->n_links; i++)
                listener->link_added(t, added->links[i], listener->userdata);
}

void tenancies_links_changed(Tenancies *tenancies, const char *tenancy_id, const LinkList *added,
                             const LinkList *removed)
{
        Tenancy *t;

        LIST_FOREACH(t, &tenancies->tenancies, entry)
                if (streq(t->id, tenancy_id))
                        tell_links(t, added, removed);
}

void tenancies_stop(Tenancies *tenancies)
{
        Tenancy *t;

        tenancies->stopping = true;
        LIST_FOREACH(t, &tenancies->tenancies, entry) {
                CALL_PARTS(t, stop);
                CALL_PARTS(t, abort_calls);
        }
}

bool tenancies_are_busy(const Tenancies *tenancies)
{
        const Tenancy *t;

        LIST_FOREACH(t, &tenancies->tenancies, entry)
                if (t->n_busy > 0)
                        return true;
        return false;
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
        CALL_PARTS(tenancy, detach);
        api_unref(tenancy->api);
        free(tenancy->id);
        free(tenancy->label);
        free(tenancy->credential);
        api_counts_clear(&tenancy->api_counts);
        free(tenancy);
        return NULL;
}

void tenancy_begin_change(Tenancy *tenancy)
{
        tenancy_ref(tenancy)->n_busy++;
}

void tenancy_end_change(Tenancy *tenancy)
{
        tenancy->n_busy--;
        tenancy_unref(tenancy);
}

/* Returns whether the state has changed. */
static bool tenancy_set_state(Tenancy *tenancy, TenancyState state)
{
        if (tenancy->state == state)
                return false;
        tenancy->state = state;
        CALL_PARTS(tenancy, api_doubted);
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

static TenancyState state_of_key(uint64_t key)
{
        if (key == API_KEY_UNKNOWN)
                return TENANCY_DEGRADED;
        return key ? TENANCY_READY : TENANCY_UNCONFIGURED;
}

/* The key holder's restart does not change keys. */
static void note_key_time(Tenancy *tenancy, uint64_t key)
{
        if (key == API_KEY_UNKNOWN || (key != 0 && key == tenancy->timed_key))
                return;
        tenancy->timed_key = key;
        tenancy->key_since_ms = key ? realtime_ms() : 0;
}

/* Assumes that a new key is valid; the next API call updates the state. */
static void tenancy_note_key(Tenancy *tenancy, uint64_t old, uint64_t key)
{
        if (old != 0 && old == key)
                return;
        (void) tenancy_set_state(tenancy, state_of_key(key));
        note_key_time(tenancy, key);
        if (old == API_KEY_UNKNOWN)
                old = 0;
        if (key != API_KEY_UNKNOWN && (old || key))
                audit(!key  ? EVENT_KEY_REMOVED
                      : old ? EVENT_KEY_REPLACED
                            : EVENT_KEY_TAKEN,
                      .tenancy = tenancy->label);
}

static bool has_other_issuer(const Api *a, const Api *b)
{
        return !b || !streq(api_endpoint(a), api_endpoint(b)) ||
               !streq_ptr(api_ca_file(a), api_ca_file(b));
}

/* Takes ownership of the new Api; NULL for none. Background work stops using the old key, and
 * continues with the new Api after the parts are started. */
static void tenancy_replace_api(Tenancy *tenancy, Api *api)
{
        _cleanup_(api_unrefp) Api *old = tenancy->api;

        if (old != api)
                CALL_PARTS(tenancy, stop);
        tenancy->api = api;
        if (old && has_other_issuer(old, api))
                CALL_PARTS(tenancy, issuer_changed);
        if (tenancy_aborts_calls(tenancy))
                CALL_PARTS(tenancy, abort_calls);
}

static void tenancy_set_api(Tenancy *tenancy, Api *api)
{
        _cleanup_(api_unrefp) Api *old = tenancy->api ? api_ref(tenancy->api) : NULL;

        tenancy_replace_api(tenancy, api);
        tenancy_note_key(tenancy, old ? api_key(old) : 0, api_key(api));
}

int tenancy_configure(Tenancy *tenancy, const TenancySettings *settings)
{
        const ApiSettings wanted = {.endpoint = settings->endpoint,
                                    .tenancy_id = tenancy->id,
                                    .ca_file = settings->ca_file,
                                    .timeout_ms = settings->timeout_ms,
                                    .account = settings->account,
                                    .key = settings->key,
                                    .counts = &tenancy->api_counts};
        _cleanup_(freep) char *label = strdup(settings->label);
        _cleanup_(freep) char *credential = strdup(settings->credential);
        Api *api;
        int r = 0;

        if (!label || !credential)
                return -ENOMEM;
        if (tenancy->api && api_has_settings(tenancy->api, &wanted))
                api = api_ref(tenancy->api);
        else
                r = api_new(tenancy->tenancies->api, &wanted, tenancy->api, tenancy_note_api_result,
                            tenancy, &api);
        if (r < 0)
                return r;
        free(tenancy->label);
        tenancy->label = TAKE_PTR(label);
        free(tenancy->credential);
        tenancy->credential = TAKE_PTR(credential);
        tenancy_set_api(tenancy, api);
        CALL_PARTS(tenancy, start);
        return 0;
}

void tenancy_retire(Tenancy *tenancy)
{
        tenancy_set_listener(tenancy, NULL);
        tenancy_replace_api(tenancy, NULL);
}

void tenancy_set_listener(Tenancy *tenancy, const TenancyListener *listener)
{
        tenancy->listener = listener ? *listener : (TenancyListener){};
}

const char *tenancy_id(const Tenancy *tenancy)
{
        return tenancy->id;
}

const char *tenancy_label(const Tenancy *tenancy)
{
        return tenancy->label ?: "";
}

const char *tenancy_endpoint(const Tenancy *tenancy)
{
        return tenancy->api ? api_endpoint(tenancy->api) : "";
}

const char *tenancy_ca_file(const Tenancy *tenancy)
{
        return tenancy->api ? api_ca_file(tenancy->api) : NULL;
}

uint64_t tenancy_account(const Tenancy *tenancy)
{
        return tenancy->api ? api_account(tenancy->api) : 0;
}

uint64_t tenancy_key(const Tenancy *tenancy)
{
        return tenancy->api ? api_key(tenancy->api) : 0;
}

bool tenancy_has_key(const Tenancy *tenancy)
{
        return tenancy_is_usable(tenancy) && api_key(tenancy->api) != API_KEY_UNKNOWN;
}

const char *tenancy_credential(const Tenancy *tenancy)
{
        return tenancy->credential ?: "";
}

TenancyState tenancy_state(const Tenancy *tenancy)
{
        return tenancy->state;
}

bool tenancy_is_usable(const Tenancy *tenancy)
{
        return tenancy->api && api_has_key(tenancy->api);
}

int tenancy_check_api(Tenancy *tenancy)
{
        if (!tenancy_is_usable(tenancy))
                return ERROR_NOT_CONFIGURED;
        if (tenancy->state == TENANCY_DEGRADED || api_has_doubts(tenancy->api))
                CALL_PARTS(tenancy, api_doubted);
        if (!api_is_down(tenancy->api))
                return 0;
        /* After a new key. */
        tenancy_learn_state(tenancy, TENANCY_DEGRADED, ERROR_UNREACHABLE);
        return ERROR_UNREACHABLE;
}

unsigned tenancy_api_slots(const Tenancy *tenancy)
{
        return tenancy->api ? api_slots(tenancy->api) : 0;
}

uint64_t tenancy_timeout_ms(const Tenancy *tenancy)
{
        return tenancy->api ? api_timeout_ms(tenancy->api) : 0;
}

bool tenancy_api_replied_since(const Tenancy *tenancy, uint64_t ms)
{
        return tenancy->api && api_replied_at_ms(tenancy->api) >= ms;
}

uint32_t tenancy_retry_after_s(const Tenancy *tenancy)
{
        return tenancy->api && api_is_down(tenancy->api) ? api_retry_after_s(tenancy->api) : 0;
}

bool tenancy_aborts_calls(const Tenancy *tenancy)
{
        return tenancy->tenancies->stopping || (tenancy->api && !api_has_key(tenancy->api));
}

void tenancy_note_api_result(const Api *api, int r, void *userdata)
{
        Tenancy *tenancy = userdata;
        bool was_away = tenancy->state == TENANCY_DEGRADED;

        /* Local failures (r < 0) do not concern the API, BAD_REQUEST and RATE_LIMITED may come from
         * a gateway, and without a key the state stays UNCONFIGURED. */
        if (tenancy->api && api != tenancy->api && api_has_doubts(tenancy->api))
                CALL_PARTS(tenancy, api_doubted);
        if (r < 0 || r == ERROR_BAD_REQUEST || r == ERROR_RATE_LIMITED || api != tenancy->api ||
            !tenancy_is_usable(tenancy))
                return;
        if (r == ERROR_API_DENIED) {
                tenancy_learn_state(tenancy, TENANCY_DENIED, r);
        } else if (r == ERROR_UNREACHABLE || r == ERROR_MALFORMED_REPLY) {
                tenancy_learn_state(tenancy, TENANCY_DEGRADED, r);
        } else {
                tenancy_learn_state(tenancy, TENANCY_READY, 0);
                if (was_away)
                        CALL_PARTS(tenancy, api_is_back);
        }
}

int tenancy_find(const Tenancy *tenancy, FindingList *list)
{
        int r = 0;

        FOREACH_PART(part, tenancy->tenancies)
                if (r == 0 && (*part)->find)
                        r = (*part)->find(tenancy, list);
        return r;
}

void tenancy_note_unreadable_rows(const Tenancy *tenancy, size_t n, const AuditOrigin *origin)
{
        if (n > 0)
                audit(EVENT_ROWS_UNREADABLE, .origin = origin, .tenancy = tenancy->label,
                      .counts = {{FIELD_COUNT, n}});
}

static void audit_link(Event event, const Tenancy *tenancy, const Link *link,
                       const AuditOrigin *origin)
{
        audit(event, .origin = origin, .tenancy = tenancy->label, .user_id = link->user_id,
              .authenticator_id = link->authenticator_id);
}

void tenancy_notify_link_added(Tenancy *tenancy, const Link *link, const AuditOrigin *origin)
{
        audit_link(EVENT_LINK_ADDED, tenancy, link, origin);
        if (tenancy->listener.link_added)
                tenancy->listener.link_added(tenancy, link, tenancy->listener.userdata);
}

void tenancy_notify_links_removed(Tenancy *tenancy, const LinkList *links,
                                  const AuditOrigin *origin)
{
        for (size_t i = 0; i < links->n_links; i++) {
                audit_link(EVENT_LINK_REMOVED, tenancy, links->links[i], origin);
                if (tenancy->listener.link_removed)
                        tenancy->listener.link_removed(tenancy, links->links[i],
                                                       tenancy->listener.userdata);
        }
}
