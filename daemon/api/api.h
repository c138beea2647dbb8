/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/secret.h"
#include "daemon/model/authentication.h"
#include "daemon/model/challenge.h"
#include "daemon/model/management.h"
#include "daemon/model/passkey.h"
#include "daemon/model/principal.h"
#include "daemon/model/registration.h"

/*
 * The Passlock HTTP API, a function per endpoint with typed results.
 *
 * An Api is one tenancy of it: id, endpoint, trust, timeout and key. It never changes; a new
 * configuration is a new Api. It is reference-counted: an operation that makes several calls holds
 * the Api that it began with, so that all of them go to the same tenancy with the same key.
 *
 * Every call has the timeout as its deadline, retries included. Results arrive once, in a
 * function that runs never before start returns and never after api_call_cancel(); r is 0, a
 * negative errno (we failed: http_is_resource_shortage() says what of) or an Error: BAD_REQUEST,
 * RATE_LIMITED, API_DENIED, UNREACHABLE, MALFORMED_REPLY or what the endpoint names; see
 * dbus/api-status.h. retry_after_s is how long the API wants to be left alone, 0 if it does not
 * say; it may, with RATE_LIMITED and with UNREACHABLE. Results are lent, NULL unless r is 0. The
 * function may start and cancel calls and drop the Api.
 *
 * A call that is tried again makes a few attempts with pauses between them. None begins earlier
 * than a 5xx with Retry-After allows; if that is after the deadline, the call ends at once. A call
 * that must reach the API once is only sent again when HTTP/2 says that it was not processed; see
 * http-refused-stream.h.
 *
 * Starting a call returns 0, an errno of the same kind, -ENOKEY (without a key), or -EINVAL for an
 * argument that cannot be sent. Getting or deleting something by an id that cannot stand in a path
 * ("", "." and "..") returns ERROR_NOT_FOUND at once.
 */
typedef struct Api Api;
typedef struct ApiCall ApiCall;

/* The calls of all tenancies, and the event loop that they run on. */
typedef struct ApiContext ApiContext;

typedef void (*ApiTokenFunc)(int r, uint32_t retry_after_s, const Token *token, void *userdata);
typedef void (*ApiPrincipalFunc)(int r, uint32_t retry_after_s, const Principal *principal,
                                 void *userdata);
typedef void (*ApiPasskeyFunc)(int r, uint32_t retry_after_s, const Passkey *passkey,
                               void *userdata);
/* `next_cursor` is NULL after the last page. */
typedef void (*ApiPasskeyListFunc)(int r, uint32_t retry_after_s, const PasskeyList *passkeys,
                                   const char *next_cursor, void *userdata);
typedef void (*ApiManagementFunc)(int r, uint32_t retry_after_s, const Management *management,
                                  void *userdata);
typedef void (*ApiChallengeFunc)(int r, uint32_t retry_after_s, const Challenge *challenge,
                                 void *userdata);
typedef void (*ApiDoneFunc)(int r, uint32_t retry_after_s, void *userdata);
/* `key_set` is the JSON text of a JWK set, checked to be one. */
typedef void (*ApiKeySetFunc)(int r, const char *key_set, void *userdata);

int api_context_new(sd_event *event, ApiContext **ret);
/* Cancels all calls in flight. Returns NULL. */
ApiContext *api_context_free(ApiContext *context);
DEFINE_CLEANUP(ApiContext *, api_context_free);

typedef struct ApiSettings {
        const char *endpoint; /* an origin, without a path */
        const char *tenancy_id;
        const char *ca_file; /* NULL: the system's trust anchors */
        uint64_t timeout_ms;
        Secret *key; /* NULL: none yet, and then only the key set can be fetched */
} ApiSettings;

/*
 * Copies the settings and references the key. `previous`, or NULL, lends its warm connection if
 * endpoint and CA file are the same. The context must outlive the Api. Returns 0, -EINVAL or
 * -ENOMEM.
 */
int api_new(ApiContext *context, const ApiSettings *settings, const Api *previous, Api **ret);
Api *api_ref(Api *api);
/* Drops a reference; calls in flight go on. NULL is fine. Returns NULL. */
Api *api_unref(Api *api);
DEFINE_CLEANUP(Api *, api_unref);

/* Whether the Api has exactly these settings. */
bool api_has_settings(const Api *api, const ApiSettings *settings);
bool api_has_key(const Api *api);
/* All lent; NULL where there is none. */
const char *api_endpoint(const Api *api);
const char *api_ca_file(const Api *api);
Secret *api_key(const Api *api);
/* What time it is by the API's clock, as its latest reply told; 0: it has not told yet. */
uint64_t api_clock_ms(const Api *api);

/*
 * Background calls are those that no caller waits for one by one: 16 of them are in flight at once
 * in the whole process, and one while callers keep the connections busy. The others are queued.
 * The deadline of a call begins when it leaves the queue.
 */
typedef enum ApiPriority {
        API_FOREGROUND,
        API_BACKGROUND,
} ApiPriority;

/* POST passkey/registration/authorize. Lower-cases rp_id. Tried again within the deadline while
 * the API cannot be reached: a token that got lost harms nobody. */
int api_authorize_registration(Api *api, const Registration *registration, ApiTokenFunc func,
                               void *userdata, ApiCall **ret);

/* POST passkey/authentication/authorize. Lower-cases rp_id. Tried again as the former. The
 * request is one that authentication_is_valid(). */
int api_authorize_authentication(Api *api, const Authentication *authentication, ApiTokenFunc func,
                                 void *userdata, ApiCall **ret);

/* GET principal/{code}. Also INVALID_CODE. Reaches the API at most once: asking consumes the code.
 * The codes "", "." and ".." cannot be sent: -EINVAL. */
int api_exchange_code(Api *api, const char *code, ApiPrincipalFunc func, void *userdata,
                      ApiCall **ret);

/* GET passkeys/{id}. Also NOT_FOUND. Tried again while the API cannot be reached. */
int api_get_passkey(Api *api, const char *passkey_id, ApiPriority priority, ApiPasskeyFunc func,
                    void *userdata, ApiCall **ret);

/* GET passkeys/, a page; `cursor` NULL for the first, and BAD_REQUEST for one that the API did not
 * give. Tried again as the former. A row without a user, or one that is otherwise not as promised,
 * is left out and counted; a page that does not say whether it is the last is MALFORMED_REPLY. */
int api_list_passkeys(Api *api, const char *cursor, ApiPriority priority, ApiPasskeyListFunc func,
                      void *userdata, ApiCall **ret);

/* POST passkeys/update. `display_name` may be NULL. Sent once, as the next three: a reply that got
 * lost is UNREACHABLE, and what was asked for may have been done. */
int api_update_passkeys(Api *api, const char *user_id, const char *username,
                        const char *display_name, ApiManagementFunc func, void *userdata,
                        ApiCall **ret);
/* POST passkeys/delete, by ids. */
int api_delete_passkeys(Api *api, char *const *passkey_ids, ApiManagementFunc func, void *userdata,
                        ApiCall **ret);
/* POST passkeys/delete, by user. */
int api_delete_user_passkeys(Api *api, const char *user_id, ApiManagementFunc func, void *userdata,
                             ApiCall **ret);
/* POST passkeys/prune. */
int api_prune_passkeys(Api *api, const char *user_id, ApiManagementFunc func, void *userdata,
                       ApiCall **ret);

/* POST challenges. Sent once: it sends mail. Metadata that is no JSON object is INVALID_ARGS, at
 * once; send_email is always said. */
int api_create_challenge(Api *api, const ChallengeRequest *request, ApiChallengeFunc func,
                         void *userdata, ApiCall **ret);
/* GET challenges/{id}. Also NOT_FOUND. Tried again while the API cannot be reached. */
int api_get_challenge(Api *api, const char *challenge_id, ApiChallengeFunc func, void *userdata,
                      ApiCall **ret);
/* POST challenges/verify. Sent once. Also INVALID_CHALLENGE, INVALID_CHALLENGE_CODE,
 * CHALLENGE_EXPIRED, CHALLENGE_ATTEMPTS_EXCEEDED. */
int api_verify_challenge(Api *api, const char *challenge_id, const char *secret, const char *code,
                         ApiChallengeFunc func, void *userdata, ApiCall **ret);
/* DELETE challenges/{id}. Tried again as the former. One that does not exist is deleted, too. */
int api_delete_challenge(Api *api, const char *challenge_id, ApiDoneFunc func, void *userdata,
                         ApiCall **ret);

/* GET .well-known/jwks.json of the endpoint. Needs and sends no key, so that none is denied. Tried
 * again within the deadline. */
int api_get_key_set(Api *api, ApiKeySetFunc func, void *userdata, ApiCall **ret);

/* Ends a call whose function has not run yet. NULL is fine. Returns NULL. */
ApiCall *api_call_cancel(ApiCall *call);
DEFINE_CLEANUP(ApiCall *, api_call_cancel);
