/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "daemon/api/api.h"
#include "daemon/core/identify.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/id-token/id-token.h"
#include "dbus/error.h"

/* How old a key set may become before it is fetched anew. */
#define KEY_SET_TTL_MS (10U * 60U * 1000U)
/* How often an unknown key may have it fetched. */
#define KEY_SET_INTERVAL_MS (30U * 1000U)

struct Identify {
        Identify *next;
        KeyRing *ring;
        char *id_token;
        char *user_id;
        IdentifyFunc func;
        void *userdata;
};

/* The key set of one endpoint, for one tenancy. It is counted: who waits for it gets its keys also
 * if the tenancy has moved to another endpoint since. */
struct KeyRing {
        unsigned n_ref;
        Api *api;
        char *tenancy_id;
        KeySet *key_set; /* NULL: none yet */
        uint64_t fetched_at_ms;
        uint64_t asked_at_ms; /* 0: never */
        ApiCall *call;
        Identify *waiting; /* for the call to end */
};

/* Wipes the token: until it expires it is as good as a password. */
static Identify *identify_free(Identify *identify)
{
        if (identify->id_token)
                explicit_bzero(identify->id_token, strlen(identify->id_token));
        free(identify->id_token);
        free(identify->user_id);
        key_ring_unref(identify->ring);
        free(identify);
        return NULL;
}

static KeyRing *key_ring_ref(KeyRing *ring)
{
        ring->n_ref++;
        return ring;
}

KeyRing *key_ring_unref(KeyRing *ring)
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

/* Verifies by the key set, or passes on why there is none. */
static void identify_end(Identify *identify, int r)
{
        _cleanup_(identify_cancelp) Identify *owned = identify;
        _cleanup_(principal_freep) Principal *principal = NULL;

        if (r == 0)
                r = verify(owned->ring, owned->id_token, owned->user_id, &principal);
        owned->func(r, principal, owned->userdata);
}

static void on_key_set(int r, const char *text, void *userdata)
{
        _cleanup_(key_ring_unrefp) KeyRing *ring = key_ring_ref(userdata);
        KeySet *key_set = NULL;

        /* No key was sent, so this says nothing of whether the API accepts it. */
        ring->call = NULL;
        if (r == 0)
                r = key_set_parse(text, &key_set);
        if (r == 0) {
                key_set_free(ring->key_set);
                ring->key_set = key_set;
                ring->fetched_at_ms = monotonic_ms();
        }
        /* An older set is better than none. */
        while (ring->waiting)
                identify_end(ring->waiting, ring->key_set ? 0 : r);
}

static int key_ring_fetch(KeyRing *ring)
{
        int r;

        if (ring->call)
                return 0;
        r = api_get_key_set(ring->api, on_key_set, ring, &ring->call);
        if (r != 0)
                return r;
        ring->asked_at_ms = monotonic_ms();
        return 0;
}

/* Whether a key that the set does not have is worth asking for. */
static bool may_ask_again(const KeyRing *ring)
{
        return ring->call || ring->asked_at_ms == 0 ||
               monotonic_ms() - ring->asked_at_ms >= KEY_SET_INTERVAL_MS;
}

int identify_now(Tenancy *tenancy, const char *id_token, const char *user_id, Principal **ret)
{
        _cleanup_(freep) char *kid = NULL;
        KeyRing *ring;
        int r;

        r = id_token_read_kid(id_token, &kid);
        if (r != 0)
                return r;
        r = key_ring_get(tenancy, &ring);
        if (r < 0)
                return r;
        if (!ring->key_set)
                return IDENTIFY_WAIT;
        if (!key_set_has(ring->key_set, kid))
                return may_ask_again(ring) ? IDENTIFY_WAIT : ERROR_INVALID_TOKEN;
        /* In the background: this token is verified by the keys that are known. */
        if (monotonic_ms() - ring->fetched_at_ms >= KEY_SET_TTL_MS && may_ask_again(ring))
                (void) key_ring_fetch(ring);
        return verify(ring, id_token, user_id, ret);
}

int identify_start(Tenancy *tenancy, const char *id_token, const char *user_id, IdentifyFunc func,
                   void *userdata, Identify **ret)
{
        _cleanup_(identify_cancelp) Identify *identify = NULL;
        KeyRing *ring;
        int r;

        r = key_ring_get(tenancy, &ring);
        if (r < 0)
                return r;
        identify = calloc(1, sizeof(Identify));
        if (!identify)
                return -ENOMEM;
        identify->ring = key_ring_ref(ring);
        identify->func = func;
        identify->userdata = userdata;
        identify->id_token = strdup(id_token);
        identify->user_id = user_id ? strdup(user_id) : NULL;
        if (!identify->id_token || (user_id && !identify->user_id))
                return -ENOMEM;
        r = key_ring_fetch(ring);
        if (r != 0)
                return r;

        identify->next = ring->waiting;
        ring->waiting = identify;
        *ret = TAKE_PTR(identify);
        return 0;
}

Identify *identify_cancel(Identify *identify)
{
        if (!identify)
                return NULL;
        for (Identify **i = &identify->ring->waiting; *i; i = &(*i)->next)
                if (*i == identify) {
                        *i = identify->next;
                        break;
                }
        return identify_free(identify);
}
