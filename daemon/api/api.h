/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/secret.h"
#include "daemon/model/principal.h"
#include "daemon/model/registration.h"

/*
 * The Passlock HTTP API, a function per endpoint with typed results, as one tenancy sees it.
 *
 * Every call has the tenancy's timeout as its deadline, retries included. Results arrive once, in a
 * function that runs never before start returns and never after api_call_cancel(); r is 0, a
 * negative errno (we failed) or an Error: BAD_REQUEST, RATE_LIMITED (retry_after_s tells when, 0 if
 * the API does not say), API_DENIED, UNREACHABLE, MALFORMED_REPLY or what the endpoint names.
 * Results are lent, NULL unless r is 0. The function may start and cancel calls and free the Api.
 *
 * Starting a call returns 0, -ENOMEM, -ENOKEY (not configured, or without a key), or -EINVAL for an
 * argument that cannot be sent.
 */
typedef struct Api Api;
typedef struct ApiCall ApiCall;

typedef void (*ApiTokenFunc)(int r, uint32_t retry_after_s, const Token *token, void *userdata);
typedef void (*ApiPrincipalFunc)(int r, uint32_t retry_after_s, const Principal *principal,
                                 void *userdata);

int api_new(sd_event *event, Api **ret);
/* Cancels what is in flight. Returns NULL. */
Api *api_free(Api *api);
DEFINE_CLEANUP(Api *, api_free);

/*
 * Says whom to talk to; may be said again. Calls in flight end as they began, later ones go by the
 * new word. The warm connection is kept unless endpoint or CA change. `key` is referenced; NULL
 * for none yet, and then no call may be started. `endpoint` is an origin, without a path; `ca_file`
 * may be NULL. Returns 0, -EINVAL or -ENOMEM, and then everything stays as it was.
 */
int api_configure(Api *api, const char *endpoint, const char *tenancy_id, const char *ca_file,
                  uint64_t timeout_ms, Secret *key);

/* POST passkey/registration/authorize. Lower-cases rp_id. Tried again within the deadline while
 * the API cannot be reached: a token that got lost harms nobody. */
int api_authorize_registration(Api *api, const Registration *registration, ApiTokenFunc func,
                               void *userdata, ApiCall **ret);

/* GET principal/{code}. Also INVALID_CODE. Reaches the API at most once: asking consumes the code.
 * The codes "", "." and ".." cannot be sent: -EINVAL. */
int api_exchange_code(Api *api, const char *code, ApiPrincipalFunc func, void *userdata,
                      ApiCall **ret);

/* Ends a call whose function has not run yet. NULL is fine. Returns NULL. */
ApiCall *api_call_cancel(ApiCall *call);
DEFINE_CLEANUP(ApiCall *, api_call_cancel);
