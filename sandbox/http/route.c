/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <strings.h>

#include "sandbox/endpoints/handlers.h"
#include "sandbox/http/route.h"

/* The first match is used. */
static const Route routes[] = {
        {"POST", "/v2/*/passkey/registration/authorize", CALLER_BACKEND,
         ENDPOINT_REGISTRATION_AUTHORIZE, "registrationToken", handle_registration_authorize},
        {"POST", "/v2/*/passkey/registration/options", CALLER_PAGE, ENDPOINT_REGISTRATION_OPTIONS,
         "sessionToken", handle_registration_options},
        {"POST", "/v2/*/passkey/registration/verification", CALLER_PAGE,
         ENDPOINT_REGISTRATION_VERIFICATION, "code", handle_registration_verification},
        {"POST", "/v2/*/passkey/authentication/authorize", CALLER_BACKEND,
         ENDPOINT_AUTHENTICATION_AUTHORIZE, "authenticationToken", handle_authentication_authorize},
        {"POST", "/v2/*/passkey/authentication/options", CALLER_PAGE,
         ENDPOINT_AUTHENTICATION_OPTIONS, "mediation", handle_authentication_options},
        {"POST", "/v2/*/passkey/authentication/verification", CALLER_PAGE,
         ENDPOINT_AUTHENTICATION_VERIFICATION, "code", handle_authentication_verification},
        {"GET", "/v2/*/principal/*", CALLER_BACKEND, ENDPOINT_EXCHANGE, "userId", handle_exchange},
        {"GET", "/v2/*/passkeys", CALLER_BACKEND, ENDPOINT_PASSKEY_LIST, "records",
         handle_passkey_list},
        {"GET", "/v2/*/passkeys/", CALLER_BACKEND, ENDPOINT_PASSKEY_LIST, "records",
         handle_passkey_list},
        {"GET", "/v2/*/passkeys/*", CALLER_BACKEND, ENDPOINT_PASSKEY_GET, "credential",
         handle_passkey_get},
        {"POST", "/v2/*/passkeys/update", CALLER_BACKEND, ENDPOINT_PASSKEYS_UPDATE,
         "updatePasskeysToken", handle_passkeys_update},
        {"POST", "/v2/*/passkeys/delete", CALLER_BACKEND, ENDPOINT_PASSKEYS_DELETE,
         "deletePasskeysToken", handle_passkeys_delete},
        {"POST", "/v2/*/passkeys/prune", CALLER_BACKEND, ENDPOINT_PASSKEYS_PRUNE,
         "prunePasskeysToken", handle_passkeys_prune},
        {"POST", "/v2/*/passkeys/update/exchange", CALLER_PAGE, ENDPOINT_UPDATE_EXCHANGE,
         "instructions", handle_update_exchange},
        {"POST", "/v2/*/passkeys/delete/exchange", CALLER_PAGE, ENDPOINT_DELETE_EXCHANGE,
         "instructions", handle_delete_exchange},
        {"POST", "/v2/*/passkeys/prune/exchange", CALLER_PAGE, ENDPOINT_PRUNE_EXCHANGE,
         "instructions", handle_prune_exchange},
        {"POST", "/v2/*/challenges", CALLER_BACKEND, ENDPOINT_CHALLENGE_CREATE, "challenge",
         handle_challenge_create},
        {"POST", "/v2/*/challenges/verify", CALLER_BACKEND, ENDPOINT_CHALLENGE_VERIFY, "challenge",
         handle_challenge_verify, ERROR_INVALID_CHALLENGE},
        {"GET", "/v2/*/challenges/*", CALLER_BACKEND, ENDPOINT_CHALLENGE_GET, "challengeId",
         handle_challenge_get},
        {"DELETE", "/v2/*/challenges/*", CALLER_BACKEND, ENDPOINT_CHALLENGE_DELETE, "_tag",
         handle_challenge_delete},
        {"GET", "/v2/.well-known/jwks.json", CALLER_ANYONE, ENDPOINT_JWKS, "keys", handle_jwks},
        {"GET", "/.well-known/jwks.json", CALLER_ANYONE, ENDPOINT_JWKS, "keys", handle_jwks},
        {"GET", "/passlock.js", CALLER_ASSET, ENDPOINT_NONE, NULL, handle_script},
        {"GET", "/passlock.d.ts", CALLER_ASSET, ENDPOINT_NONE, NULL, handle_script_types},
        {"GET", "/aaguid/*/icon.svg", CALLER_ASSET, ENDPOINT_NONE, NULL, handle_icon},
        {"POST", "/-/faults", CALLER_ANYONE, ENDPOINT_NONE, NULL, handle_faults},
        {"GET", "/-/outbox", CALLER_ANYONE, ENDPOINT_NONE, NULL, handle_outbox},
        {"GET", "/-/calls", CALLER_ANYONE, ENDPOINT_NONE, NULL, handle_calls},
};

/* The path segments that match *; they may be empty. */
typedef struct Segments {
        const char *start[2];
        size_t len[2];
} Segments;

static bool path_fits(const char *pattern, const char *path, Segments *segments)
{
        size_t n = 0;

        for (; *pattern; pattern++) {
                if (*pattern == '*') {
                        segments->start[n] = path;
                        segments->len[n] = strcspn(path, "/");
                        path += segments->len[n++];
                } else if (*pattern != *path++) {
                        return false;
                }
        }
        return *path == '\0';
}

static char *copy_segment(const Segments *segments, size_t i)
{
        return segments->start[i] ? must(strndup(segments->start[i], segments->len[i])) : NULL;
}

const Route *route_find(Call *call)
{
        for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
                Segments segments = {};

                if (!streq(call->method, routes[i].method) ||
                    !path_fits(routes[i].path, call->path, &segments))
                        continue;
                call_done(call);
                if (routes[i].caller == CALLER_ASSET) {
                        call->argument = copy_segment(&segments, 0);
                } else {
                        call->tenancy_id = copy_segment(&segments, 0);
                        call->argument = copy_segment(&segments, 1);
                }
                return &routes[i];
        }
        return NULL;
}

bool route_is_for_pages(const char *path)
{
        for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
                Segments segments = {};

                if (routes[i].caller == CALLER_PAGE && path_fits(routes[i].path, path, &segments))
                        return true;
        }
        return false;
}

/* Returns the key of "Bearer KEY", or NULL. */
static const char *bearer_key(const char *authorization)
{
        if (!authorization || strncasecmp(authorization, "Bearer ", strlen("Bearer ")) != 0)
                return NULL;
        authorization += strlen("Bearer ");
        return authorization + strspn(authorization, " ");
}

/* A wrong API key and an unknown tenancy get the same error. */
static bool admit(const Route *route, Call *call)
{
        const char *key = bearer_key(call->authorization);

        if (!call->tenancy_id)
                return true;
        call->tenancy = sandbox_find_tenancy(call->sandbox, call->tenancy_id);
        if (!call->tenancy)
                return false;
        return route->caller != CALLER_BACKEND || (key && tenancy_has_key(call->tenancy, key));
}

/* Requiring this content type forces a CORS preflight on pages of other origins. */
static bool is_json(const char *content_type)
{
        size_t len = strlen("application/json");

        return content_type && strncasecmp(content_type, "application/json", len) == 0 &&
               strchr("; \t", content_type[len]);
}

static const char *read_request(Call *call)
{
        if (!is_json(call->content_type))
                return "Content-Type must be application/json";
        call->json_body = json_loadb(call->body, call->body_len, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(call->json_body))
                return "The request body must be a JSON object";
        return NULL;
}

static Reply *handle(const Route *route, Call *call)
{
        const char *problem;

        if (!admit(route, call))
                return reply_error(ERROR_FORBIDDEN,
                                   "Access denied: unknown tenancy or invalid API key");
        if (call->body_too_large)
                return reply_too_large(route->malformed);
        if (streq(route->method, "POST")) {
                problem = read_request(call);
                if (problem)
                        return reply_error(route->malformed, problem);
        }
        return route->handler(call);
}

Reply *route_answer(const Route *route, Call *call)
{
        _cleanup_(reply_freep) Reply *reply = handle(route, call);
        int r;

        r = sandbox_sync(call->sandbox);
        if (r < 0) {
                fprintf(stderr, "passlock-sandbox: Failed to save state file %s: %s\n",
                        call->sandbox->state_path, strerror(-r));
                return reply_error(ERROR_INTERNAL, "Failed to write the state file");
        }
        return TAKE_PTR(reply);
}
