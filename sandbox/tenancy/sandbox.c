/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <time.h>

#include "sandbox/tenancy/random.h"
#include "sandbox/tenancy/sandbox.h"
#include "sandbox/tenancy/state.h"
#include "sandbox/webauthn/base64url.h"

static int restore_secret(Sandbox *sandbox, const char *text)
{
        _cleanup_(freep) uint8_t *secret = NULL;
        size_t len;

        if (base64url_decode(text, &secret, &len) < 0 || len != sizeof(sandbox->handle_secret))
                return -EBADMSG;
        memcpy(sandbox->handle_secret, secret, len);
        return 0;
}

static int restore(Sandbox *sandbox, json_t *state)
{
        json_t *key, *tenancies, *saved;
        const char *secret, *id;
        int version, r;

        if (json_unpack_ex(state, NULL, JSON_STRICT, "{s:i, s:o, s:s, s:o}", "version", &version,
                           "signingKey", &key, "handleSecret", &secret, "tenancies",
                           &tenancies) < 0 ||
            version != 1 || !json_is_object(tenancies))
                return -EBADMSG;
        r = signer_new(key, &sandbox->signer);
        if (r < 0)
                return r;
        r = restore_secret(sandbox, secret);
        if (r < 0)
                return r;
        json_object_foreach(tenancies, id, saved) {
                Tenancy *tenancy;

                r = tenancy_new(id, saved, &tenancy);
                if (r < 0)
                        return r;
                SLIST_INSERT_HEAD(&sandbox->tenancies, tenancy, entry);
        }
        return 0;
}

static int start_empty(Sandbox *sandbox)
{
        random_bytes(sandbox->handle_secret, sizeof(sandbox->handle_secret));
        sandbox->dirty = true;
        return signer_new(NULL, &sandbox->signer);
}

int sandbox_new(const char *state_path, Sandbox **ret)
{
        _cleanup_(sandbox_freep) Sandbox *sandbox = must(calloc(1, sizeof(*sandbox)));
        _cleanup_(json_decrefp) json_t *state = NULL;
        int r;

        sandbox->outbox = must(json_array());
        if (state_path) {
                sandbox->state_path = must(strdup(state_path));
                r = state_load(state_path, &state);
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        r = state ? restore(sandbox, state) : start_empty(sandbox);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(sandbox);
        return 0;
}

Sandbox *sandbox_free(Sandbox *sandbox)
{
        if (!sandbox)
                return NULL;
        while (!SLIST_EMPTY(&sandbox->tenancies)) {
                Tenancy *tenancy = SLIST_FIRST(&sandbox->tenancies);

                SLIST_REMOVE_HEAD(&sandbox->tenancies, entry);
                tenancy_free(tenancy);
        }
        signer_free(sandbox->signer);
        json_decref(sandbox->outbox);
        free(sandbox->state_path);
        free(sandbox);
        return NULL;
}

static json_t *save_tenancies(const Sandbox *sandbox)
{
        json_t *tenancies = must(json_object());
        const Tenancy *t;

        SLIST_FOREACH(t, &sandbox->tenancies, entry) {
                json_object_set_new(tenancies, t->id, tenancy_save(t));
        }
        return tenancies;
}

int sandbox_sync(Sandbox *sandbox)
{
        _cleanup_(json_decrefp) json_t *state = NULL;
        _cleanup_(freep) char *secret = NULL;
        Tenancy *t;
        int r;

        if (!sandbox->dirty || !sandbox->state_path)
                return 0;
        SLIST_FOREACH(t, &sandbox->tenancies, entry) {
                token_store_purge(&t->tokens, sandbox_now_ms(sandbox));
        }
        secret = base64url_encode(sandbox->handle_secret, sizeof(sandbox->handle_secret));
        state = must(json_pack("{s:i, s:o, s:s, s:o}", "version", 1, "signingKey",
                               signer_save(sandbox->signer), "handleSecret", secret, "tenancies",
                               save_tenancies(sandbox)));
        r = state_save(sandbox->state_path, state);
        if (r < 0)
                return r;
        sandbox->dirty = false;
        return 0;
}

int64_t sandbox_now_ms(const Sandbox *sandbox)
{
        struct timespec ts;

        clock_gettime(CLOCK_REALTIME, &ts);
        return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000 + sandbox->clock_offset_ms;
}

static Tenancy *find_tenancy(const Sandbox *sandbox, const char *id)
{
        Tenancy *tenancy;

        SLIST_FOREACH(tenancy, &sandbox->tenancies, entry) {
                if (streq(tenancy->id, id))
                        break;
        }
        return tenancy;
}

void sandbox_open_tenancy(Sandbox *sandbox, const char *id, const char *key)
{
        Tenancy *tenancy = find_tenancy(sandbox, id);

        if (!tenancy) {
                if (tenancy_new(id, NULL, &tenancy) < 0)
                        abort();
                SLIST_INSERT_HEAD(&sandbox->tenancies, tenancy, entry);
                sandbox->dirty = true;
        }
        tenancy_set_key(tenancy, key);
}

Tenancy *sandbox_find_tenancy(const Sandbox *sandbox, const char *id)
{
        Tenancy *tenancy = find_tenancy(sandbox, id);

        return tenancy && tenancy->open ? tenancy : NULL;
}

char *sandbox_user_handle(const Sandbox *sandbox, const Tenancy *tenancy, const char *rp_id,
                          const char *user_id)
{
        _cleanup_(json_decrefp) json_t *subject = NULL;
        _cleanup_(freep) char *text = NULL;
        uint8_t handle[EVP_MAX_MD_SIZE];
        unsigned len;

        subject = must(json_pack("[s, s, s]", tenancy->id, rp_id, user_id));
        text = must(json_dumps(subject, JSON_COMPACT));
        if (!HMAC(EVP_sha256(), sandbox->handle_secret, sizeof(sandbox->handle_secret),
                  (const uint8_t *) text, strlen(text), handle, &len))
                abort();
        return base64url_encode(handle, len);
}
