/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/jitter.h"
#include "daemon/core/verify-id-token.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/id-token/id-token.h"
#include "dbus/error.h"

/* How old a key set may become before it is fetched anew. */
#define KEY_SET_TTL_MS (10U * 60U * 1000U)
/* How often an unknown key may have it fetched. */
#define KEY_SET_INTERVAL_MS (30U * 1000U)
/* The pause after a failed fetch; it doubles up to KEY_SET_INTERVAL_MS. */
#define PAUSE_MIN_MS 1000U
/* A longer Retry-After is cut. */
#define RETRY_AFTER_MAX_S 3600U

typedef struct Identify {
        Call call;
        KeyRing *ring;
        char *id_token;
        char *user_id; /* the only acceptable one, or NULL */
        bool waiting;  /* for the key set: in the ring's list */
        LIST_ENTRY(Identify) entry;
} Identify;

/* The cached key set of a tenancy's endpoint. Reference-counted: calls that wait for the key set
 * keep it if the tenancy moves to another endpoint. */
struct KeyRing {
        unsigned n_ref;
        Api *api;
        char *tenancy_id;
        KeySet *key_set; /* NULL: none yet */
        uint64_t fetched_at_ms;
        uint64_t ask_at_ms; /* earliest time of the next fetch; 0: at once */
        uint64_t pause_ms;  /* after the last failure */
        int failure;        /* Error of the last fetch; 0: none, or not the API's */
        ApiCall *call;
        LIST_HEAD(, Identify) waiting; /* for the key set */
};

static KeyRing *key_ring_ref(KeyRing *ring)
{
        ring->n_ref++;
        return ring;
}

static KeyRing *key_ring_unref(KeyRing *ring)
{
        if (!ring || --ring->n_ref > 0)
                return NULL;
        api_call_cancel(ring->call);
        key_set_free(ring->key_set);
        api_unref(ring->api);
        free(ring->tenancy_id);
        free(ring);
        return NULL;
}
DEFINE_CLEANUP(KeyRing *, key_ring_unref);

static int key_ring_new(Tenancy *tenancy, KeyRing **ret)
{
        _cleanup_(key_ring_unrefp) KeyRing *ring = calloc(1, sizeof(KeyRing));

        if (!ring)
                return -ENOMEM;
        ring->n_ref = 1;
        ring->api = api_ref(tenancy->api);
        ring->tenancy_id = strdup(tenancy->id);
        if (!ring->tenancy_id)
                return -ENOMEM;
        *ret = TAKE_PTR(ring);
        return 0;
}

static int key_ring_get(Tenancy *tenancy, KeyRing **ret)
{
        int r;

        if (!tenancy->key_ring) {
                r = key_ring_new(tenancy, &tenancy->key_ring);
                if (r < 0)
                        return r;
        }
        *ret = tenancy->key_ring;
        return 0;
}

/* How long until the key set may be fetched, rounded up. */
static uint32_t key_ring_wait_s(const KeyRing *ring)
{
        uint64_t now_ms = monotonic_ms();

        return ring->ask_at_ms > now_ms ? (uint32_t) ((ring->ask_at_ms - now_ms + 999) / 1000) : 0;
}

static int verify(const KeyRing *ring, const char *id_token, const char *user_id, Principal **ret)
{
        _cleanup_(principal_freep) Principal *principal = NULL;
        int r;

        r = id_token_verify(id_token, ring->key_set, ring->tenancy_id, realtime_ms(), &principal);
        if (r != 0)
                return r;
        if (user_id && !streq(user_id, principal->user_id))
                return ERROR_USER_MISMATCH;

        *ret = TAKE_PTR(principal);
        return 0;
}

/* Wipes the token: until it expires it is as good as a password. */
static void identify_destroy(Call *call)
{
        Identify *identify = (Identify *) call;

        if (identify->waiting)
                LIST_REMOVE(identify, entry);
        if (identify->id_token)
                explicit_bzero(identify->id_token, strlen(identify->id_token));
        free(identify->id_token);
        free(identify->user_id);
        key_ring_unref(identify->ring);
}

/* Verifies the token, or fails with r, the reason why there is no key set. */
static void identify_end(Identify *identify, int r)
{
        _cleanup_(principal_freep) Principal *principal = NULL;
        Result result = {.r = r};

        if (r == 0)
                result.r =
                        verify(identify->ring, identify->id_token, identify->user_id, &principal);
        else
                result.retry_after_s = key_ring_wait_s(identify->ring);
        result.principal = principal;
        call_end(&identify->call, &result);
}

/* Our own failures say nothing of the API, so they put no fetch off. */
static void key_ring_note_failure(KeyRing *ring, int r, uint32_t retry_after_s)
{
        uint64_t wait_ms, asked_ms, ask_at_ms;

        ring->failure = r > 0 ? r : 0;
        if (r <= 0)
                return;
        ring->pause_ms = ring->pause_ms * 2 ?: PAUSE_MIN_MS;
        if (ring->pause_ms > KEY_SET_INTERVAL_MS)
                ring->pause_ms = KEY_SET_INTERVAL_MS;
        wait_ms = jitter_ms(ring->pause_ms);
        asked_ms = (retry_after_s < RETRY_AFTER_MAX_S ? retry_after_s : RETRY_AFTER_MAX_S) *
                   UINT64_C(1000);
        ask_at_ms = monotonic_ms() + (asked_ms > wait_ms ? asked_ms : wait_ms);
        if (!ring->key_set || ask_at_ms > ring->ask_at_ms)
                ring->ask_at_ms = ask_at_ms;
}

static void key_ring_set(KeyRing *ring, KeySet *key_set)
{
        key_set_free(ring->key_set);
        ring->key_set = key_set;
        ring->fetched_at_ms = monotonic_ms();
        ring->failure = 0;
        ring->pause_ms = 0;
}

static void on_key_set(const Result *result, void *userdata)
{
        _cleanup_(key_ring_unrefp) KeyRing *ring = key_ring_ref(userdata);
        KeySet *key_set = NULL;
        Identify *identify;
        int r = result->r;

        ring->call = NULL;
        if (r == 0)
                r = key_set_parse(result->key_set, &key_set);
        if (r == 0)
                key_ring_set(ring, key_set);
        else
                key_ring_note_failure(ring, r, result->retry_after_s);
        while ((identify = LIST_FIRST(&ring->waiting))) {
                LIST_REMOVE(identify, entry);
                identify->waiting = false;
                /* An outdated key set is better than none. */
                identify_end(identify, ring->key_set ? 0 : r);
        }
}

static int key_ring_fetch(KeyRing *ring)
{
        int r;

        if (ring->call)
                return 0;
        r = api_get_key_set(ring->api, on_key_set, ring, &ring->call);
        if (r != 0)
                return r;
        ring->ask_at_ms = monotonic_ms() + KEY_SET_INTERVAL_MS;
        return 0;
}

/* Whether a key that the set does not have is worth asking for. */
static bool may_ask_again(const KeyRing *ring)
{
        return ring->call || monotonic_ms() >= ring->ask_at_ms;
}

/* Whether the key set in the cache has the final say on a key. */
static bool is_cached(const KeyRing *ring, const char *kid)
{
        return ring->key_set && (key_set_has(ring->key_set, kid) || !may_ask_again(ring));
}

/* Whether there is no key set, and the last failure stands until the next fetch. */
static bool has_failed(const KeyRing *ring)
{
        return !ring->key_set && ring->failure > 0 && !may_ask_again(ring);
}

static int identify_new(Tenancy *tenancy, const char *id_token, const char *user_id,
                        ResultFunc func, void *userdata, Identify **ret)
{
        _cleanup_(call_cancelp) Call *call = NULL;
        Identify *identify;
        KeyRing *ring;
        int r;

        r = key_ring_get(tenancy, &ring);
        if (r == 0)
                r = call_new_without_api(sizeof(Identify), tenancy, func, userdata, &identify);
        if (r < 0)
                return r;
        call = &identify->call;
        call->destroy = identify_destroy;
        identify->ring = key_ring_ref(ring);
        identify->id_token = strdup(id_token);
        identify->user_id = user_id ? strdup(user_id) : NULL;
        if (!identify->id_token || (user_id && !identify->user_id))
                return -ENOMEM;

        TAKE_PTR(call);
        *ret = identify;
        return 0;
}

int identify_start(Tenancy *tenancy, const char *id_token, const char *user_id, ResultFunc func,
                   void *userdata, Call **ret)
{
        _cleanup_(freep) char *kid = NULL;
        Identify *identify;
        KeyRing *ring;
        int r;

        if (!tenancy->api)
                return ERROR_NOT_CONFIGURED;
        r = id_token_read_kid(id_token, &kid);
        if (r == 0)
                r = identify_new(tenancy, id_token, user_id, func, userdata, &identify);
        if (r != 0)
                return r;
        ring = identify->ring;
        if (is_cached(ring, kid)) {
                if (monotonic_ms() - ring->fetched_at_ms >= KEY_SET_TTL_MS && may_ask_again(ring))
                        (void) key_ring_fetch(ring);
                identify_end(identify, 0);
                return CALL_ANSWERED;
        }
        if (has_failed(ring)) {
                identify_end(identify, ring->failure);
                return CALL_ANSWERED;
        }
        r = key_ring_fetch(ring);
        if (r == 0) {
                LIST_INSERT_HEAD(&ring->waiting, identify, entry);
                identify->waiting = true;
        }
        return call_started(&identify->call, r, ret);
}

static int attach(Tenancy *tenancy _unused_)
{
        return 0; /* the first id_token makes the key ring */
}

static void detach(Tenancy *tenancy)
{
        tenancy->key_ring = key_ring_unref(tenancy->key_ring);
}

/* The former Api may hold a key that has been replaced. */
static void start(Tenancy *tenancy)
{
        KeyRing *ring = tenancy->key_ring;

        if (!ring)
                return;
        api_unref(ring->api);
        ring->api = api_ref(tenancy->api);
}

const TenancyPart key_ring_part = {
        .attach = attach,
        .detach = detach,
        .start = start,
        .issuer_changed = detach,
};
