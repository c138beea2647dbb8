/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/jitter.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/core/verify-id-token.h"
#include "daemon/id-token/id-token.h"
#include "dbus/error.h"

/* The cache entry is refreshed after this time. */
#define KEY_SET_TTL_MS (10U * 60U * 1000U)
/* Rate limit of fetches for unknown keys. */
#define KEY_SET_INTERVAL_MS (30U * 1000U)
/* Back-off after a failed fetch; doubles up to KEY_SET_INTERVAL_MS. */
#define PAUSE_MIN_MS 1000U
/* Cap of a Retry-After. */
#define RETRY_AFTER_MAX_S 3600U

typedef struct VerifyIdToken {
        Call call;
        KeySetCache *cache;
        char *id_token;
        char *user_id; /* the expected user, or NULL for any */
        bool waiting;  /* for the key set: in the cache's list */
        LIST_ENTRY(VerifyIdToken) entry;
} VerifyIdToken;

/* Caches the key set of an endpoint for a tenancy. Reference-counted: calls that wait for the key
 * set keep the cache if the tenancy moves to another endpoint. */
struct KeySetCache {
        unsigned n_ref;
        Api *api;
        char *tenancy_id;
        KeySet *key_set; /* NULL before the first successful fetch */
        uint64_t fetched_at_ms;
        uint64_t ask_at_ms; /* earliest time of the next fetch; 0: now */
        uint64_t pause_ms;  /* current back-off */
        int failure;        /* Error of the last fetch; 0: success, or a local failure */
        ApiCall *call;
        LIST_HEAD(, VerifyIdToken) waiting; /* calls that wait for the fetch */
};

static KeySetCache *key_set_cache_ref(KeySetCache *cache)
{
        cache->n_ref++;
        return cache;
}

static KeySetCache *key_set_cache_unref(KeySetCache *cache)
{
        if (!cache || --cache->n_ref > 0)
                return NULL;
        api_call_cancel(cache->call);
        key_set_free(cache->key_set);
        api_unref(cache->api);
        free(cache->tenancy_id);
        free(cache);
        return NULL;
}
DEFINE_CLEANUP(KeySetCache *, key_set_cache_unref);

static int key_set_cache_new(Tenancy *tenancy, KeySetCache **ret)
{
        _cleanup_(key_set_cache_unrefp) KeySetCache *cache = calloc(1, sizeof(KeySetCache));

        if (!cache)
                return -ENOMEM;
        cache->n_ref = 1;
        cache->api = api_ref(tenancy->api);
        cache->tenancy_id = strdup(tenancy->id);
        if (!cache->tenancy_id)
                return -ENOMEM;
        *ret = TAKE_PTR(cache);
        return 0;
}

static int key_set_cache_get(Tenancy *tenancy, KeySetCache **ret)
{
        int r;

        if (!tenancy->key_set_cache) {
                r = key_set_cache_new(tenancy, &tenancy->key_set_cache);
                if (r < 0)
                        return r;
        }
        *ret = tenancy->key_set_cache;
        return 0;
}

/* Returns the seconds until the next fetch is allowed, rounded up. */
static uint32_t key_set_cache_retry_after_s(const KeySetCache *cache)
{
        uint64_t now_ms = monotonic_ms();

        return cache->ask_at_ms > now_ms ? (uint32_t) ((cache->ask_at_ms - now_ms + 999) / 1000)
                                         : 0;
}

static int verify_token(const KeySetCache *cache, const char *id_token, const char *user_id,
                        Principal **ret)
{
        _cleanup_(principal_freep) Principal *principal = NULL;
        int r;

        r = id_token_verify(id_token, cache->key_set, cache->tenancy_id, realtime_ms(), &principal);
        if (r != 0)
                return r;
        if (user_id && !streq(user_id, principal->user_id))
                return ERROR_USER_MISMATCH;

        *ret = TAKE_PTR(principal);
        return 0;
}

/* Wipes the token: until it expires, it is as good as a password. */
static void verify_id_token_destroy(Call *call)
{
        VerifyIdToken *verification = (VerifyIdToken *) call;

        if (verification->waiting)
                LIST_REMOVE(verification, entry);
        if (verification->id_token)
                explicit_bzero(verification->id_token, strlen(verification->id_token));
        free(verification->id_token);
        free(verification->user_id);
        key_set_cache_unref(verification->cache);
}

/* Verifies the token if r is 0; r is an Error if no key set could be fetched. */
static void verify_id_token_end(VerifyIdToken *verification, int r)
{
        _cleanup_(principal_freep) Principal *principal = NULL;
        Result result = {.r = r};

        if (r == 0)
                result.r = verify_token(verification->cache, verification->id_token,
                                        verification->user_id, &principal);
        else
                result.retry_after_s = key_set_cache_retry_after_s(verification->cache);
        result.principal = principal;
        call_end(&verification->call, &result);
}

/* Local failures (r < 0) cause no back-off: the API is not at fault. */
static void key_set_cache_note_failure(KeySetCache *cache, int r, uint32_t retry_after_s)
{
        uint64_t wait_ms, asked_ms, ask_at_ms;

        cache->failure = r > 0 ? r : 0;
        if (r <= 0)
                return;
        cache->pause_ms = cache->pause_ms * 2 ?: PAUSE_MIN_MS;
        if (cache->pause_ms > KEY_SET_INTERVAL_MS)
                cache->pause_ms = KEY_SET_INTERVAL_MS;
        wait_ms = jitter_ms(cache->pause_ms);
        asked_ms = (retry_after_s < RETRY_AFTER_MAX_S ? retry_after_s : RETRY_AFTER_MAX_S) *
                   UINT64_C(1000);
        ask_at_ms = monotonic_ms() + (asked_ms > wait_ms ? asked_ms : wait_ms);
        if (!cache->key_set || ask_at_ms > cache->ask_at_ms)
                cache->ask_at_ms = ask_at_ms;
}

static void key_set_cache_update(KeySetCache *cache, KeySet *key_set)
{
        key_set_free(cache->key_set);
        cache->key_set = key_set;
        cache->fetched_at_ms = monotonic_ms();
        cache->failure = 0;
        cache->pause_ms = 0;
}

static void on_key_set(const Result *result, void *userdata)
{
        _cleanup_(key_set_cache_unrefp) KeySetCache *cache = key_set_cache_ref(userdata);
        KeySet *key_set = NULL;
        VerifyIdToken *verification;
        int r = result->r;

        cache->call = NULL;
        if (r == 0)
                r = key_set_parse(result->key_set, &key_set);
        if (r == 0)
                key_set_cache_update(cache, key_set);
        else
                key_set_cache_note_failure(cache, r, result->retry_after_s);
        while ((verification = LIST_FIRST(&cache->waiting))) {
                LIST_REMOVE(verification, entry);
                verification->waiting = false;
                /* A stale key set is better than none. */
                verify_id_token_end(verification, cache->key_set ? 0 : r);
        }
}

static int key_set_cache_fetch(KeySetCache *cache)
{
        int r;

        if (cache->call)
                return 0;
        r = api_get_key_set(cache->api, on_key_set, cache, &cache->call);
        if (r != 0)
                return r;
        cache->ask_at_ms = monotonic_ms() + KEY_SET_INTERVAL_MS;
        return 0;
}

/* Whether the rate limit allows another fetch. */
static bool may_ask_again(const KeySetCache *cache)
{
        return cache->call || monotonic_ms() >= cache->ask_at_ms;
}

/* Whether to verify with the cached key set: it has the key, or the rate limit forbids a fetch. */
static bool is_cached(const KeySetCache *cache, const char *kid)
{
        return cache->key_set && (key_set_has(cache->key_set, kid) || !may_ask_again(cache));
}

/* Whether the cache is empty and the last fetch failed, within the back-off. */
static bool has_failed(const KeySetCache *cache)
{
        return !cache->key_set && cache->failure > 0 && !may_ask_again(cache);
}

static int verify_id_token_new(Tenancy *tenancy, const char *id_token, const char *user_id,
                               ResultFunc func, void *userdata, VerifyIdToken **ret)
{
        _cleanup_(call_cancelp) Call *call = NULL;
        VerifyIdToken *verification;
        KeySetCache *cache;
        int r;

        r = key_set_cache_get(tenancy, &cache);
        if (r == 0)
                r = call_new_without_api(sizeof(VerifyIdToken), tenancy, func, userdata,
                                         &verification);
        if (r < 0)
                return r;
        call = &verification->call;
        call->destroy = verify_id_token_destroy;
        verification->cache = key_set_cache_ref(cache);
        verification->id_token = strdup(id_token);
        verification->user_id = user_id ? strdup(user_id) : NULL;
        if (!verification->id_token || (user_id && !verification->user_id))
                return -ENOMEM;

        TAKE_PTR(call);
        *ret = verification;
        return 0;
}

int verify_id_token_start(Tenancy *tenancy, const char *id_token, const char *user_id,
                          ResultFunc func, void *userdata, Call **ret)
{
        _cleanup_(freep) char *kid = NULL;
        VerifyIdToken *verification;
        KeySetCache *cache;
        int r;

        if (!tenancy->api)
                return ERROR_NOT_CONFIGURED;
        r = id_token_read_kid(id_token, &kid);
        if (r == 0)
                r = verify_id_token_new(tenancy, id_token, user_id, func, userdata, &verification);
        if (r != 0)
                return r;
        cache = verification->cache;
        if (is_cached(cache, kid)) {
                if (monotonic_ms() - cache->fetched_at_ms >= KEY_SET_TTL_MS && may_ask_again(cache))
                        (void) key_set_cache_fetch(cache);
                verify_id_token_end(verification, 0);
                return CALL_ANSWERED;
        }
        if (has_failed(cache)) {
                verify_id_token_end(verification, cache->failure);
                return CALL_ANSWERED;
        }
        r = key_set_cache_fetch(cache);
        if (r == 0) {
                LIST_INSERT_HEAD(&cache->waiting, verification, entry);
                verification->waiting = true;
        }
        return call_started(&verification->call, r, ret);
}

static void detach(Tenancy *tenancy)
{
        tenancy->key_set_cache = key_set_cache_unref(tenancy->key_set_cache);
}

/* The previous Api may hold a replaced key. */
static void start(Tenancy *tenancy)
{
        KeySetCache *cache = tenancy->key_set_cache;

        if (!cache)
                return;
        api_unref(cache->api);
        cache->api = api_ref(tenancy->api);
}

const TenancyPart key_set_cache_part = {
        .detach = detach,
        .start = start,
        .issuer_changed = detach,
};
