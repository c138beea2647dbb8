/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/api/api-transport.h"
#include "daemon/metrics/api-counts.h"
#include "daemon/model/authentication.h"
#include "daemon/model/result.h"

/*
 * The Passlock HTTP API: one function per endpoint, with typed results.
 *
 * An Api holds the settings of one tenancy: id, endpoint, trust, timeout and account. It is
 * immutable: a new configuration creates a new Api. It is reference-counted: an operation of
 * several calls keeps its first Api, so that all its calls go to the same tenancy with the same
 * key.
 *
 * Every call has the timeout as its deadline, retries included, and ends with a Result: r is 0, a
 * negative errno for a local failure (see api_is_resource_shortage()), or BAD_REQUEST,
 * RATE_LIMITED, API_DENIED, UNREACHABLE, MALFORMED_REPLY or an Error documented below; see
 * dbus/api-status.h. retry_after_s may come with RATE_LIMITED and UNREACHABLE. The callback may
 * start and cancel calls, and drop the Api.
 *
 * Retries back off, and never start before a 5xx's Retry-After; if that exceeds the deadline, the
 * call fails at once. A call marked "sent once" is repeated only if HTTP/2 guarantees that the
 * request was not processed; see http-refused-stream.h.
 *
 * Starting a call returns 0, -ENOKEY (no key), -EINVAL for an argument that cannot be sent, or an
 * errno of api_is_resource_shortage(). An id that cannot be a path segment ("", ".", "..") is
 * ERROR_NOT_FOUND at once.
 */
typedef struct Api Api;
typedef struct ApiCall ApiCall;

/* All calls of the process, and their event loop. */
typedef struct ApiContext ApiContext;

/* The userdata of the transport must outlive the context. */
int api_context_new(sd_event *event, const ApiTransport *transport, ApiContext **ret);
/* Cancels all calls in flight. Returns NULL. */
ApiContext *api_context_free(ApiContext *context);
DEFINE_CLEANUP(ApiContext *, api_context_free);

typedef struct ApiSettings {
        const char *endpoint; /* an origin, without a path */
        const char *tenancy_id;
        const char *ca_file; /* NULL: the system's trust anchors */
        uint64_t timeout_ms;
        uint64_t account; /* with endpoint and trust anchors; see api-transport.h */
        uint64_t key; /* identifies the key, see API_KEY_UNKNOWN; 0: none, only the key set can be
                         fetched */
        ApiCounts *counts; /* outlives all calls; NULL: nothing is counted */
} ApiSettings;

/* Observes the results of foreground calls with a key. Runs before the callback of the call. */
typedef void (*ApiObserverFunc)(const Api *api, int r, void *userdata);

/*
 * Copies the settings. `previous` (may be NULL) shares what is known of the server if endpoint and
 * CA file are equal. The observer may be NULL. The context must outlive the Api,
 * and the observer's userdata all foreground calls. Returns 0, -EINVAL or -ENOMEM.
 */
int api_new(ApiContext *context, const ApiSettings *settings, const Api *previous,
            ApiObserverFunc observer, void *observer_userdata, Api **ret);
Api *api_ref(Api *api);
/* Drops a reference; calls in flight go on. NULL is fine. Returns NULL. */
Api *api_unref(Api *api);
DEFINE_CLEANUP(Api *, api_unref);

/* Whether the Api has exactly these settings. */
bool api_has_settings(const Api *api, const ApiSettings *settings);
bool api_has_key(const Api *api);
/* Borrowed; NULL if not set. */
const char *api_endpoint(const Api *api);
const char *api_ca_file(const Api *api);
uint64_t api_account(const Api *api);
uint64_t api_key(const Api *api);
uint64_t api_timeout_ms(const Api *api);
/* Calls in flight. */
unsigned api_n_calls(const Api *api);
/* How many calls the API answers at once. */
unsigned api_slots(const Api *api);
/* The API's clock, see api_server_clock_ms(); 0: unknown. */
uint64_t api_clock_ms(const Api *api);
/* The range of the API's clock: the bounds differ if the clock was set recently. */
void api_clock_range_ms(const Api *api, uint64_t *ret_min_ms, uint64_t *ret_max_ms);

/*
 * The circuit breaker of the server, see api-breaker.h: while the server is down, all calls but
 * probes and those of public endpoints end at once with UNREACHABLE and retry_after_s.
 */
bool api_is_down(const Api *api);
/* Whether a probe should look, since calls failed in a row or callers gave up. */
bool api_has_doubts(const Api *api);
uint32_t api_retry_after_s(const Api *api);
/* End of the last call that had a reply, by monotonic_ms(); 0: none. */
uint64_t api_replied_at_ms(const Api *api);
/* No probe earlier, by monotonic_ms(), because of a Retry-After. */
uint64_t api_probe_at_ms(const Api *api);
/* Looks whether the server is back: a GET of a passkey that does not exist. The result goes to the
 * observer too, as those of calls do. */
int api_probe(Api *api, uint64_t timeout_ms, ResultFunc func, void *userdata, ApiCall **ret);

/* Background calls are limited and queued, because no caller waits for a single one: 8 in flight
 * per Api, or one while foreground calls keep its connections busy, and 16 per process. The Api
 * with the fewest calls in flight comes first. The timeout of a call begins when it leaves the
 * queue. */
typedef enum ApiPriority {
        API_FOREGROUND,
        API_BACKGROUND,
} ApiPriority;

/* POST passkey/registration/authorize. Lower-cases rp_id. Retried while the API is unreachable: a
 * lost token is harmless. `deadline_ms` is by monotonic_ms(); 0: the timeout from now, as for all
 * other calls. Also returns -ETIMEDOUT. */
int api_authorize_registration(Api *api, const Registration *registration, uint64_t deadline_ms,
                               ResultFunc func, void *userdata, ApiCall **ret);

/* POST passkey/authentication/authorize. Lower-cases rp_id. Retried while the API is unreachable.
 * Requires authentication_is_valid(). */
int api_authorize_authentication(Api *api, const Authentication *authentication, ResultFunc func,
                                 void *userdata, ApiCall **ret);

/* GET principal/{code}. Also INVALID_CODE. Sent once: the request consumes the code. -EINVAL for
 * the codes "", "." and "..". */
int api_exchange_code(Api *api, const char *code, ResultFunc func, void *userdata, ApiCall **ret);

/* GET passkeys/{id}. Also NOT_FOUND. Retried while the API is unreachable. */
int api_get_passkey(Api *api, const char *passkey_id, ApiPriority priority, ResultFunc func,
                    void *userdata, ApiCall **ret);

/* GET passkeys/: one page. `cursor` is NULL for the first page; BAD_REQUEST for a foreign cursor.
 * Retried while the API is unreachable. Unreadable rows, such as one without a user, are skipped
 * and counted. MALFORMED_REPLY for a page without the cursor field. */
int api_list_passkeys(Api *api, const char *cursor, ApiPriority priority, ResultFunc func,
                      void *userdata, ApiCall **ret);

/* POST passkeys/update. `display_name` may be NULL. Sent once, like the next three calls: if the
 * reply is lost (UNREACHABLE), the change may have been made. */
int api_update_passkeys(Api *api, const char *user_id, const char *username,
                        const char *display_name, ResultFunc func, void *userdata, ApiCall **ret);
/* POST passkeys/delete, by ids. */
int api_delete_passkeys(Api *api, char *const *passkey_ids, ResultFunc func, void *userdata,
                        ApiCall **ret);
/* POST passkeys/delete, by user. */
int api_delete_user_passkeys(Api *api, const char *user_id, ResultFunc func, void *userdata,
                             ApiCall **ret);
/* POST passkeys/prune. */
int api_prune_passkeys(Api *api, const char *user_id, ResultFunc func, void *userdata,
                       ApiCall **ret);

/* POST challenges. Sent once: the API sends mail. INVALID_ARGS at once for metadata that is not a
 * JSON object. The request always has send_email. */
int api_create_challenge(Api *api, const ChallengeRequest *request, ResultFunc func, void *userdata,
                         ApiCall **ret);
/* GET challenges/{id}. Also NOT_FOUND. Retried while the API is unreachable. */
int api_get_challenge(Api *api, const char *challenge_id, ResultFunc func, void *userdata,
                      ApiCall **ret);
/* POST challenges/verify. Sent once. Also INVALID_CHALLENGE, INVALID_CHALLENGE_CODE,
 * CHALLENGE_EXPIRED, CHALLENGE_ATTEMPTS_EXCEEDED. */
int api_verify_challenge(Api *api, const char *challenge_id, const char *secret, const char *code,
                         ResultFunc func, void *userdata, ApiCall **ret);
/* DELETE challenges/{id}. Retried while the API is unreachable. Idempotent: a missing challenge is
 * success. */
int api_delete_challenge(Api *api, const char *challenge_id, ResultFunc func, void *userdata,
                         ApiCall **ret);

/* GET .well-known/jwks.json of the endpoint, without a key. Retried while the API is
 * unreachable. */
int api_get_key_set(Api *api, ResultFunc func, void *userdata, ApiCall **ret);

/* A proof of the key, see dbus/key-proof.h: the Result has key_proof, or r is UNREACHABLE. Makes no
 * HTTP request. */
int api_prove_key(Api *api, const char *nonce, ResultFunc func, void *userdata, ApiCall **ret);

/* Cancels a call whose callback has not run. NULL is fine. Returns NULL. */
ApiCall *api_call_cancel(ApiCall *call);
DEFINE_CLEANUP(ApiCall *, api_call_cancel);
