/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PASSLOCK_H
#define PASSLOCK_H

/*
 * libpasslock: passkeys for local apps, over D-Bus to the passlockd daemon, which holds the API
 * key.
 *
 *      passlock *client = NULL;
 *      passlock_token *token = NULL;
 *      int r;
 *
 *      r = passlock_new(&client);
 *      if (r == 0)
 *              r = passlock_authorize(client, "shop.example.com", "user-42", "ada", NULL, &token);
 *      if (r == 0)
 *              puts(passlock_token_get_text(token));
 *      else
 *              fprintf(stderr, "%s\n", passlock_strerror(r));
 *      passlock_token_unref(token);
 *      passlock_unref(client);
 *
 * Return values. A function that can fail returns 0 on success, a negative errno if there was no
 * valid reply, or an enum passlock_error: the service's error reply. See passlock_strerror().
 * Outputs (`ret`, last) are set only if 0 is returned, and then belong to the caller.
 *
 * Threads. A client, with its calls and monitors, is used by one thread at a time. Different
 * clients are independent. Results are immutable; their reference counts are not atomic.
 *
 * Arguments. Pointers may be NULL only where documented. Strings are UTF-8 and NUL-terminated; a
 * string that is not UTF-8 or is longer than 8192 bytes is rejected with
 * PASSLOCK_ERROR_INVALID_ARGS before it is sent. The service has narrower limits. Arguments are
 * copied. Times are milliseconds since the epoch.
 *
 * Retries. A call that is interrupted by a restart of the service or of the bus is retried once,
 * within its deadline. The retry of an exchange carries the same request id as idempotency key: it
 * returns the original reply, or PASSLOCK_ERROR_INTERRUPTED if a crash of the service lost that
 * reply. The retry of a removal treats NOT_FOUND as success. passlock_mailbox_create() (sends
 * mail), passlock_mailbox_verify() (consumes the challenge) and passlock_reconcile() are never
 * retried. Limits: the retry of an authorization or of a vault change may leave a second, unused
 * token. A retried removal by user counts only the links that the retry removes. A retried deletion
 * warns about passkeys that the first attempt deleted. After -ETIMEDOUT and -ECONNRESET the call
 * may or may not have been carried out.
 *
 * All functions exist since version 0.1.0, with symbol version LIBPASSLOCK_0. The manual pages are
 * generated from the comments in this file.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A client of the service, with one bus connection and another for each running reconciliation. */
typedef struct passlock passlock;
/* A pending asynchronous call. */
typedef struct passlock_call passlock_call;
/* A subscription to changes of the links. */
typedef struct passlock_monitor passlock_monitor;
/* Named options of a call. */
typedef struct passlock_options passlock_options;

/* Results: immutable and reference-counted. */
typedef struct passlock_token passlock_token;
typedef struct passlock_principal passlock_principal;
typedef struct passlock_link passlock_link;
typedef struct passlock_link_list passlock_link_list;
typedef struct passlock_tenancy passlock_tenancy;
typedef struct passlock_tenancy_list passlock_tenancy_list;
typedef struct passlock_passkey passlock_passkey;
typedef struct passlock_passkey_list passlock_passkey_list;
typedef struct passlock_management passlock_management;
typedef struct passlock_challenge passlock_challenge;
typedef struct passlock_reconciliation passlock_reconciliation;
typedef struct passlock_import passlock_import;
typedef struct passlock_finding passlock_finding;
typedef struct passlock_finding_list passlock_finding_list;
typedef struct passlock_right passlock_right;
typedef struct passlock_right_list passlock_right_list;
typedef struct passlock_store passlock_store;
typedef struct passlock_metrics passlock_metrics;
typedef struct passlock_verification passlock_verification;
typedef struct passlock_joined_links passlock_joined_links;
typedef struct passlock_left_store passlock_left_store;
typedef struct passlock_explanation passlock_explanation;

/* Errors replied by the service. The numbers are stable; new ones may be added. */
enum passlock_error {
        PASSLOCK_ERROR_INVALID_CODE = 1,  /* the code is unknown, expired or already used */
        PASSLOCK_ERROR_INVALID_TOKEN = 2, /* the id_token is invalid or expired */
        PASSLOCK_ERROR_USER_MISMATCH = 3, /* the passkey belongs to another user */
        PASSLOCK_ERROR_LINK_CONFLICT = 4, /* the authenticator is linked to another user */
        PASSLOCK_ERROR_NOT_FOUND = 5,     /* the object does not exist */
        PASSLOCK_ERROR_BAD_REQUEST = 6,   /* the API refused the request */
        PASSLOCK_ERROR_RATE_LIMITED = 7,  /* the API's rate limit; the text says when to retry */
        PASSLOCK_ERROR_API_DENIED = 8,  /* the API rejected the host's key: for the administrator */
        PASSLOCK_ERROR_UNREACHABLE = 9, /* no usable response from the API within the deadline */
        PASSLOCK_ERROR_MALFORMED_REPLY = 10,   /* the API's response violates its specification */
        PASSLOCK_ERROR_NOT_CONFIGURED = 11,    /* the tenancy has no key: for the administrator */
        PASSLOCK_ERROR_STORE_FULL = 12,        /* the link store is full */
        PASSLOCK_ERROR_STORE_FAILED = 13,      /* the link store failed */
        PASSLOCK_ERROR_INVALID_CHALLENGE = 14, /* the challenge is unknown, used or invalidated */
        PASSLOCK_ERROR_INVALID_CHALLENGE_CODE = 15,      /* the challenge's code is wrong */
        PASSLOCK_ERROR_CHALLENGE_EXPIRED = 16,           /* the challenge has expired */
        PASSLOCK_ERROR_CHALLENGE_ATTEMPTS_EXCEEDED = 17, /* too many wrong codes were entered */
        PASSLOCK_ERROR_ACCESS_DENIED = 18,   /* neither grant nor polkit allows the call */
        PASSLOCK_ERROR_INVALID_ARGS = 19,    /* an argument or option is invalid */
        PASSLOCK_ERROR_LIMITS_EXCEEDED = 20, /* the user has too many calls or connections open */
        PASSLOCK_ERROR_UNKNOWN_OBJECT = 21,  /* the tenancy does not exist */
        PASSLOCK_ERROR_INTERRUPTED = 22 /* a crash interrupted the exchange; begin a new ceremony */
};

/*
 * A static error message for a return value of any function of this library, never NULL. The
 * message is for logs, not for the app's users.
 *
 * Functions that can fail return 0 on success. A value above 0 is an enum passlock_error: the
 * service's error reply. A value below 0 is a negative errno: there was no valid reply:
 *      -ENOTCONN    the system bus is not running, or refuses the connection
 *      -EHOSTDOWN   the service is not on the bus and could not be started
 *      -ETIMEDOUT   no reply within the deadline; the service may still carry out the call
 *      -ECONNRESET  the service or the bus went away during the call, and during the retry if
 *                   there is one; the call may have been carried out
 *      -ECHILD      the client was created before fork(); the child can only release it
 *      -EDEADLK     a synchronous call, or passlock_dispatch(), from inside a callback
 *      -EPROTO      the reply has an unexpected type
 *      -EOPNOTSUPP  the service is too old for this call
 *      -ENOBUFS     the service ended the subscription of a monitor
 *      -EINVAL      an argument is NULL or out of range
 *      -ENOMEM      out of memory; other errno values are those of system calls
 */
const char *passlock_strerror(int r);

/* ---- The client ------------------------------------------------------------------------------ */

/*
 * Creates a client. It connects to the system bus ($DBUS_SYSTEM_BUS_ADDRESS, if set) at the first
 * call and reconnects after a lost connection, so neither the bus nor the service has to run yet.
 * Calls start the service by D-Bus activation; creating a client does not. Returns 0, -ENOMEM, or
 * -EMFILE or -ENFILE if no file descriptor is left.
 */
int passlock_new(passlock **ret);

/*
 * Takes or drops a reference to a client. passlock_ref() returns its argument, passlock_unref()
 * returns NULL; both accept NULL. Dropping the last reference cancels the client's calls and
 * monitors: their callbacks are not called, and their handles become invalid. May be called from a
 * callback.
 */
passlock *passlock_ref(passlock *client);
passlock *passlock_unref(passlock *client);

/*
 * Selects the tenancy of later calls and monitors by its label in the daemon's configuration. NULL,
 * the initial value, is the default tenancy, which is looked up once per start of the daemon; see
 * passlock_set_interactive() for callers without access to that lookup. An unknown label is
 * reported by the first call. Returns 0, -EINVAL for an invalid label (1..32 of [a-z0-9_]), or
 * -ECHILD.
 */
int passlock_set_tenancy(passlock *client, const char *label);

/*
 * Sets the deadline of later calls, 30000 ms by default. It covers the whole call, including the
 * wait for a restarting service and the retry. passlock_reconcile() has no deadline. Returns 0,
 * -EINVAL for 0, or -ECHILD.
 */
int passlock_set_timeout_ms(passlock *client, uint32_t timeout_ms);

/*
 * Enables interactive authorization by polkit for later calls and monitors; false by default. It is
 * meant for programs whose user may be an administrator. If disabled, a call that no grant allows
 * is denied with ACCESS_DENIED; if enabled, polkit first asks for a password, through the desktop's
 * authentication agent or pkttyagent(1). This covers links, vault and passlock_reload(), never the
 * calls for apps. Deadlines are extended by five minutes. Cancelling a call leaves the password
 * prompt open until the client is released.
 *
 * Looking up the default tenancy never asks for a password. If the lookup is denied, the calls go
 * to the tenancy labelled "default" for the life of the client. If this tenancy does not exist they
 * fail with UNKNOWN_OBJECT, and passlock_set_tenancy() has to select another. Returns 0 or -ECHILD.
 */
int passlock_set_interactive(passlock *client, bool interactive);

/*
 * The error message of this client's last synchronous call: the service's own if it sent one,
 * otherwise that of passlock_strerror(), and "" after success. For logs, not for the app's users.
 * Valid until the next call.
 */
const char *passlock_last_error_text(passlock *client);

/* ---- Event loops ----------------------------------------------------------------------------- */

/*
 * A file descriptor for an event loop. It is readable (POLLIN, EPOLLIN) when passlock_dispatch()
 * has work, including deadlines and reconnects, so the loop needs no timeout. It does not change
 * and is owned by the client. Returns -ECHILD after fork().
 */
int passlock_get_fd(passlock *client);

/*
 * Processes pending events without blocking, and calls the callbacks of completed calls. Callbacks
 * are called from this function only. Returns 0, -ECHILD, -EDEADLK from inside a callback, or the
 * errno of a failing event loop.
 */
int passlock_dispatch(passlock *client);

/* ---- Options --------------------------------------------------------------------------------- */

/*
 * Options have the names of the D-Bus interface and are listed with each call. The service checks
 * name, type and value when the call is made, and replies PASSLOCK_ERROR_INVALID_ARGS if one is
 * wrong. A call copies its options, so they can be changed, reused or released right after.
 */

/* Creates an empty set of options. Returns 0 or -ENOMEM. */
int passlock_options_new(passlock_options **ret);

/* Releases options and returns NULL. Accepts NULL. */
passlock_options *passlock_options_unref(passlock_options *options);

/*
 * Set or replace an option; the `value` NULL removes it. Return 0, -ENOMEM, -EINVAL for a NULL
 * `name`, or PASSLOCK_ERROR_INVALID_ARGS for a string that is not UTF-8 or is too long.
 */
int passlock_options_set_string(passlock_options *options, const char *name, const char *value);
int passlock_options_set_bool(passlock_options *options, const char *name, bool value);
int passlock_options_set_uint32(passlock_options *options, const char *name, uint32_t value);
int passlock_options_set_uint64(passlock_options *options, const char *name, uint64_t value);

/* Sets a list of strings: `value` is a NULL-terminated array of up to 4096 strings. */
int passlock_options_set_strv(passlock_options *options, const char *name,
                              const char *const *value);

/* Sets a list of up to 65536 numbers; `value` NULL removes it. */
int passlock_options_set_uint32_array(passlock_options *options, const char *name,
                                      const uint32_t *value, size_t n);

/* ---- Calls ----------------------------------------------------------------------------------- */

/*
 * Each call has a synchronous and an asynchronous form. The synchronous form waits for the reply.
 * It does not run callbacks of the client's other calls and monitors; passlock_dispatch() does.
 *
 * The asynchronous form returns 0 once the call is pending. If it returns an error, the callback is
 * not called; otherwise it is called exactly once, from passlock_dispatch(): never before the
 * function has returned, and never after passlock_call_cancel() or the last passlock_unref(). `r`
 * is the value that the synchronous form would return; `error_text` is NULL if r is 0, otherwise
 * the error message (never NULL). The result is NULL or 0 unless r is 0. Message and result are
 * valid during the callback; take a reference to keep a result. `ret_call` may be NULL if the call
 * is never cancelled.
 *
 * Any number of calls may be pending. At most 100 per client, not counting reconciliations, are
 * sent to the service at a time; the rest are queued, with their deadlines running.
 *
 * A handle is valid until the callback returns, the call is cancelled or the client is released.
 */

/*
 * Cancels a call: its callback is not called. The service may still carry out the call, unless it
 * is a reconciliation. Returns NULL. Accepts NULL, and a call whose callback is running.
 */
passlock_call *passlock_call_cancel(passlock_call *call);

/* Sets the call's deadline, relative to now. Returns 0, -EINVAL for 0, or -ECHILD. */
int passlock_call_set_timeout_ms(passlock_call *call, uint32_t timeout_ms);

typedef void (*passlock_done_callback)(passlock *client, int r, const char *error_text,
                                       void *userdata);
typedef void (*passlock_string_callback)(passlock *client, int r, const char *error_text,
                                         const char *string, void *userdata);
typedef void (*passlock_number_callback)(passlock *client, int r, const char *error_text,
                                         uint64_t number, void *userdata);
typedef void (*passlock_token_callback)(passlock *client, int r, const char *error_text,
                                        passlock_token *token, void *userdata);
typedef void (*passlock_principal_callback)(passlock *client, int r, const char *error_text,
                                            passlock_principal *principal, void *userdata);
typedef void (*passlock_link_list_callback)(passlock *client, int r, const char *error_text,
                                            passlock_link_list *links, void *userdata);
typedef void (*passlock_tenancy_callback)(passlock *client, int r, const char *error_text,
                                          passlock_tenancy *tenancy, void *userdata);
typedef void (*passlock_tenancy_list_callback)(passlock *client, int r, const char *error_text,
                                               passlock_tenancy_list *tenancies, void *userdata);
typedef void (*passlock_passkey_callback)(passlock *client, int r, const char *error_text,
                                          passlock_passkey *passkey, void *userdata);
typedef void (*passlock_passkey_list_callback)(passlock *client, int r, const char *error_text,
                                               passlock_passkey_list *passkeys, void *userdata);
typedef void (*passlock_management_callback)(passlock *client, int r, const char *error_text,
                                             passlock_management *management, void *userdata);
typedef void (*passlock_challenge_callback)(passlock *client, int r, const char *error_text,
                                            passlock_challenge *challenge, void *userdata);
typedef void (*passlock_reconciliation_callback)(passlock *client, int r, const char *error_text,
                                                 passlock_reconciliation *reconciliation,
                                                 void *userdata);
typedef void (*passlock_import_callback)(passlock *client, int r, const char *error_text,
                                         passlock_import *import, void *userdata);
typedef void (*passlock_finding_list_callback)(passlock *client, int r, const char *error_text,
                                               passlock_finding_list *findings, void *userdata);
typedef void (*passlock_right_list_callback)(passlock *client, int r, const char *error_text,
                                             passlock_right_list *rights, void *userdata);
typedef void (*passlock_store_callback)(passlock *client, int r, const char *error_text,
                                        passlock_store *store, void *userdata);
typedef void (*passlock_metrics_callback)(passlock *client, int r, const char *error_text,
                                          passlock_metrics *metrics, void *userdata);
typedef void (*passlock_verification_callback)(passlock *client, int r, const char *error_text,
                                               passlock_verification *verification, void *userdata);
typedef void (*passlock_joined_links_callback)(passlock *client, int r, const char *error_text,
                                               passlock_joined_links *join, void *userdata);
typedef void (*passlock_left_store_callback)(passlock *client, int r, const char *error_text,
                                             passlock_left_store *left, void *userdata);
typedef void (*passlock_explanation_callback)(passlock *client, int r, const char *error_text,
                                              passlock_explanation *explanation, void *userdata);

/* Registration and authentication of users. These calls use the API. */

/*
 * Authorizes a page to create one passkey for a user. The page passes the token to
 * registerPasskey() and returns a code for passlock_exchange(). `rp_id` is the page's host name or
 * a parent domain of it; `user_id` is the app's own, unchanging id of the user, which the exchange
 * returns; `username` is the name that authenticators display. `options` may be NULL:
 *      rp_name              string  the app's name (default: rp_id)
 *      display_name         string  the user's display name
 *      exclude_credentials  strv    authenticators that must not hold a second passkey
 *      exclude_linked       bool    also exclude the user's linked authenticators (default: true)
 *      user_verification    string  required, preferred (default) or discouraged
 *      timeout_ms           uint32  timeout of the browser's ceremony
 * Errors: BAD_REQUEST, RATE_LIMITED, API_DENIED, UNREACHABLE, MALFORMED_REPLY, NOT_CONFIGURED.
 */
int passlock_authorize(passlock *client, const char *rp_id, const char *user_id,
                       const char *username, const passlock_options *options, passlock_token **ret);
int passlock_authorize_async(passlock *client, const char *rp_id, const char *user_id,
                             const char *username, const passlock_options *options,
                             passlock_token_callback callback, void *userdata,
                             passlock_call **ret_call);

/*
 * Authorizes a page to sign a user in with a passkey. The page passes the token to
 * authenticatePasskey() and returns a code for passlock_exchange(). `options` may be NULL, but
 * either `discoverable` or at least one of the first two options is required:
 *      user_id            string  accept a passkey of this user
 *      allow_credentials  strv    accept these authenticators
 *      discoverable       bool    accept any passkey of `rp_id`; the exchange returns its user
 *      mediation          string  required (default), or conditional: the browser's autofill offers
 *                                 the passkeys; requires discoverable
 *      user_verification  string  required, preferred (default) or discouraged
 *      timeout_ms         uint32  timeout of the browser's ceremony
 * Errors: BAD_REQUEST, RATE_LIMITED, API_DENIED, UNREACHABLE, MALFORMED_REPLY, NOT_CONFIGURED.
 */
int passlock_authorize_authentication(passlock *client, const char *rp_id,
                                      const passlock_options *options, passlock_token **ret);
int passlock_authorize_authentication_async(passlock *client, const char *rp_id,
                                            const passlock_options *options,
                                            passlock_token_callback callback, void *userdata,
                                            passlock_call **ret_call);

/*
 * Exchanges a page's code for the authenticated user, and links the authenticator to the user. A
 * code is valid once. On success the link is on disk. `options` may be NULL:
 *      user_id     string  the only accepted user; others are USER_MISMATCH, without a link
 *      link        bool    store the link (default: true)
 *      request_id  string  idempotency key, 16..64 of [A-Za-z0-9_-]: a repeat with the same code
 *                          and request id returns the first reply; default: random
 * After -ETIMEDOUT or -ECONNRESET an app that set the request id can repeat the call to get the
 * reply. Unlike INVALID_CODE, INTERRUPTED means that the service knows the exchange: it crashed
 * after the code was consumed, and the reply is lost. The service looks up the passkey by itself
 * and links a new one. The app begins a new ceremony: it lets the user sign in again, or shows the
 * user's current passkeys.
 *
 * Errors: INVALID_CODE, INTERRUPTED (a crash of the service lost the reply), USER_MISMATCH,
 * LINK_CONFLICT, BAD_REQUEST, RATE_LIMITED, API_DENIED, UNREACHABLE, MALFORMED_REPLY,
 * NOT_CONFIGURED, STORE_FULL, STORE_FAILED.
 */
int passlock_exchange(passlock *client, const char *code, const passlock_options *options,
                      passlock_principal **ret);
int passlock_exchange_async(passlock *client, const char *code, const passlock_options *options,
                            passlock_principal_callback callback, void *userdata,
                            passlock_call **ret_call);

/*
 * Verifies a page's id_token and returns its user. The token can be reused until it expires, and no
 * link is stored: prefer a code. `options` may be NULL:
 *      user_id     string  the only accepted user; others are USER_MISMATCH
 * Errors: INVALID_TOKEN, USER_MISMATCH, UNREACHABLE (the signing keys cannot be fetched),
 * RATE_LIMITED (the signing keys cannot be fetched now), MALFORMED_REPLY (the fetched signing keys
 * are invalid).
 */
int passlock_verify_id_token(passlock *client, const char *id_token,
                             const passlock_options *options, passlock_principal **ret);
int passlock_verify_id_token_async(passlock *client, const char *id_token,
                                   const passlock_options *options,
                                   passlock_principal_callback callback, void *userdata,
                                   passlock_call **ret_call);

/*
 * The links of this host map authenticators to users. They can be read and changed while the API is
 * unreachable. Errors: STORE_FAILED.
 */

/* Looks up the user of an authenticator. Error: NOT_FOUND. */
int passlock_links_get_user(passlock *client, const char *authenticator_id, char **ret_user_id);
int passlock_links_get_user_async(passlock *client, const char *authenticator_id,
                                  passlock_string_callback callback, void *userdata,
                                  passlock_call **ret_call);

/* Lists the links of a user. An empty list is not an error. */
int passlock_links_list_by_user(passlock *client, const char *user_id, passlock_link_list **ret);
int passlock_links_list_by_user_async(passlock *client, const char *user_id,
                                      passlock_link_list_callback callback, void *userdata,
                                      passlock_call **ret_call);

/*
 * Lists all links of the tenancy, page by page. A page has up to `limit` links (1..1000; 0: the
 * service's default), in no particular order. `cursor` is NULL or "" for the first page, then the
 * previous page's passlock_link_list_get_next_cursor().
 */
int passlock_links_list(passlock *client, const char *cursor, uint32_t limit,
                        passlock_link_list **ret);
int passlock_links_list_async(passlock *client, const char *cursor, uint32_t limit,
                              passlock_link_list_callback callback, void *userdata,
                              passlock_call **ret_call);

/*
 * Links an authenticator to a user. Idempotent. Errors: LINK_CONFLICT, STORE_FULL, LIMITS_EXCEEDED
 * (the user has 1000 links, or too many calls in flight).
 */
int passlock_links_add(passlock *client, const char *user_id, const char *authenticator_id);
int passlock_links_add_async(passlock *client, const char *user_id, const char *authenticator_id,
                             passlock_done_callback callback, void *userdata,
                             passlock_call **ret_call);

/*
 * Imports up to 1000 links with their times, in one transaction. `links` is a NULL-terminated
 * array, from passlock_link_new() or a list. An existing link is merged: it keeps the earlier
 * creation time, the later time of use, and its platform name if it has one. A link to another user
 * is left unchanged. `options` may be NULL:
 *      dry_run     bool    report what would change (default: false)
 * After a retry, links added by the interrupted call count as present. Errors: INVALID_ARGS (too
 * many links, or an invalid one; the message has its index), STORE_FULL.
 */
int passlock_links_import(passlock *client, passlock_link *const *links,
                          const passlock_options *options, passlock_import **ret);
int passlock_links_import_async(passlock *client, passlock_link *const *links,
                                const passlock_options *options, passlock_import_callback callback,
                                void *userdata, passlock_call **ret_call);

/* Removes a link, but not the passkey. Errors: NOT_FOUND, STORE_FULL. */
int passlock_links_remove(passlock *client, const char *authenticator_id);
int passlock_links_remove_async(passlock *client, const char *authenticator_id,
                                passlock_done_callback callback, void *userdata,
                                passlock_call **ret_call);

/*
 * Removes all links of a user and returns their number; 0 is not an error. `ret_removed` may be
 * NULL. Errors: STORE_FULL.
 */
int passlock_links_remove_by_user(passlock *client, const char *user_id, uint64_t *ret_removed);
int passlock_links_remove_by_user_async(passlock *client, const char *user_id,
                                        passlock_number_callback callback, void *userdata,
                                        passlock_call **ret_call);

/* Counts the links of the tenancy. */
int passlock_links_count(passlock *client, uint64_t *ret_count);
int passlock_links_count_async(passlock *client, passlock_number_callback callback, void *userdata,
                               passlock_call **ret_call);

/*
 * Reports progress: the number of passkeys checked so far, and the number of links at the start as
 * an estimate of the total. Called before the completion callback any number of times; progress
 * that was not dispatched in time is replaced by the latest.
 */
typedef void (*passlock_reconcile_progress_callback)(passlock *client, uint64_t checked,
                                                     uint64_t links, void *userdata);

/*
 * Compares the links with the passkeys in the vault. It links unlinked passkeys and removes links
 * whose passkey is gone. A link to another user is counted as a conflict and left unchanged.
 * `options` may be NULL:
 *      dry_run     bool    only count the differences (default: true)
 *      max_remove  uint64  limit of removed links (default: none); if it is exceeded, no link is
 *                          removed
 *
 * There is no deadline unless passlock_call_set_timeout_ms() sets one. Each reconciliation has a
 * dedicated bus connection; the service aborts the reconciliation when this connection closes: when
 * the call is cancelled or times out, the client is released or the process exits. Changes made by
 * then remain. It is not retried. `progress` may be NULL. Errors: BAD_REQUEST, RATE_LIMITED,
 * API_DENIED, UNREACHABLE, MALFORMED_REPLY, NOT_CONFIGURED, STORE_FULL, LIMITS_EXCEEDED (another
 * reconciliation of the tenancy is running, or more than max_remove links would be removed).
 */
int passlock_reconcile(passlock *client, const passlock_options *options,
                       passlock_reconciliation **ret);
int passlock_reconcile_async(passlock *client, const passlock_options *options,
                             passlock_reconcile_progress_callback progress,
                             passlock_reconciliation_callback callback, void *userdata,
                             passlock_call **ret_call);

/*
 * The vault is the API's store of passkeys. Changing it does not change the user's device: the call
 * returns a token, which the page redeems to notify the browser, and warnings. Errors: BAD_REQUEST,
 * RATE_LIMITED, API_DENIED, UNREACHABLE, MALFORMED_REPLY, NOT_CONFIGURED.
 */

/* Gets one passkey from the vault, with all details. Error: NOT_FOUND. */
int passlock_vault_get(passlock *client, const char *passkey_id, passlock_passkey **ret);
int passlock_vault_get_async(passlock *client, const char *passkey_id,
                             passlock_passkey_callback callback, void *userdata,
                             passlock_call **ret_call);

/*
 * Lists all passkeys of the tenancy, page by page. The API chooses the page size. `cursor` is NULL
 * or "" for the first page, then the previous page's passlock_passkey_list_get_next_cursor(). List
 * entries lack some details, see passlock_passkey_get_username().
 */
int passlock_vault_list(passlock *client, const char *cursor, passlock_passkey_list **ret);
int passlock_vault_list_async(passlock *client, const char *cursor,
                              passlock_passkey_list_callback callback, void *userdata,
                              passlock_call **ret_call);

/*
 * Changes the username of all passkeys of a user. `options` may be NULL:
 *      display_name  string  the user's display name
 */
int passlock_vault_update(passlock *client, const char *user_id, const char *username,
                          const passlock_options *options, passlock_management **ret);
int passlock_vault_update_async(passlock *client, const char *user_id, const char *username,
                                const passlock_options *options,
                                passlock_management_callback callback, void *userdata,
                                passlock_call **ret_call);

/*
 * Deletes passkeys from the vault, and their links from this host. `passkey_ids` is a
 * NULL-terminated array of 1..100 ids. A passkey that does not exist is a warning.
 */
int passlock_vault_delete(passlock *client, const char *const *passkey_ids,
                          passlock_management **ret);
int passlock_vault_delete_async(passlock *client, const char *const *passkey_ids,
                                passlock_management_callback callback, void *userdata,
                                passlock_call **ret_call);

/* Deletes all passkeys of a user from the vault, and the user's links from this host. */
int passlock_vault_delete_user(passlock *client, const char *user_id, passlock_management **ret);
int passlock_vault_delete_user_async(passlock *client, const char *user_id,
                                     passlock_management_callback callback, void *userdata,
                                     passlock_call **ret_call);

/*
 * Lets a page remove deleted passkeys from the user's browser. The vault is not changed: the token
 * tells the browser which passkeys of the user are valid.
 */
int passlock_vault_prune(passlock *client, const char *user_id, passlock_management **ret);
int passlock_vault_prune_async(passlock *client, const char *user_id,
                               passlock_management_callback callback, void *userdata,
                               passlock_call **ret_call);

/*
 * The mailbox sends one-time codes by mail to verify an email address. Errors: BAD_REQUEST,
 * RATE_LIMITED, API_DENIED, UNREACHABLE, MALFORMED_REPLY, NOT_CONFIGURED.
 */

/*
 * Creates a challenge for an email address. The app keeps the secret, the mail contains the code,
 * and verification needs both. `purpose`, 1..64 of [A-Za-z0-9._:-], is returned by the
 * verification. Never retried, since a mail may have been sent. `options` may be NULL:
 *      name               string  the recipient's name, for the mail
 *      user_id            string  the app's own user id
 *      metadata           string  a JSON object as text, returned with the challenge
 *      invalidate_others  bool    invalidate the user's other challenges of this purpose (default:
 *                                 false)
 *      skip_rate_limit    bool    bypass the rate limit (default: false)
 *      send_email         bool    let the API send the mail (default: true)
 */
int passlock_mailbox_create(passlock *client, const char *email, const char *purpose,
                            const passlock_options *options, passlock_challenge **ret);
int passlock_mailbox_create_async(passlock *client, const char *email, const char *purpose,
                                  const passlock_options *options,
                                  passlock_challenge_callback callback, void *userdata,
                                  passlock_call **ret_call);

/* Gets a challenge, without secret, code and mail. Error: NOT_FOUND. */
int passlock_mailbox_get(passlock *client, const char *challenge_id, passlock_challenge **ret);
int passlock_mailbox_get_async(passlock *client, const char *challenge_id,
                               passlock_challenge_callback callback, void *userdata,
                               passlock_call **ret_call);

/*
 * Verifies and consumes a challenge. Compare the email address and purpose that it returns with the
 * expected ones. Never retried. Errors: INVALID_CHALLENGE, INVALID_CHALLENGE_CODE,
 * CHALLENGE_EXPIRED, CHALLENGE_ATTEMPTS_EXCEEDED.
 */
int passlock_mailbox_verify(passlock *client, const char *challenge_id, const char *secret,
                            const char *code, passlock_challenge **ret);
int passlock_mailbox_verify_async(passlock *client, const char *challenge_id, const char *secret,
                                  const char *code, passlock_challenge_callback callback,
                                  void *userdata, passlock_call **ret_call);

/* Deletes a challenge. Idempotent. */
int passlock_mailbox_delete(passlock *client, const char *challenge_id);
int passlock_mailbox_delete_async(passlock *client, const char *challenge_id,
                                  passlock_done_callback callback, void *userdata,
                                  passlock_call **ret_call);

/* Administration of the service. */

/* Gets the client's tenancy, with all details. Error: UNKNOWN_OBJECT. */
int passlock_get_tenancy(passlock *client, passlock_tenancy **ret);
int passlock_get_tenancy_async(passlock *client, passlock_tenancy_callback callback, void *userdata,
                               passlock_call **ret_call);

/*
 * Lists the tenancies that the caller has a grant for, with label and id only. Error: ACCESS_DENIED
 * (the caller has no grant).
 */
int passlock_list_tenancies(passlock *client, passlock_tenancy_list **ret);
int passlock_list_tenancies_async(passlock *client, passlock_tenancy_list_callback callback,
                                  void *userdata, passlock_call **ret_call);

/* Gets the daemon's version, such as "0.1.0". */
int passlock_get_version(passlock *client, char **ret_version);
int passlock_get_version_async(passlock *client, passlock_string_callback callback, void *userdata,
                               passlock_call **ret_call);

/*
 * Reloads the daemon's configuration and credentials. For root, and for users authorized by polkit:
 * see passlock_set_interactive(). Errors: ACCESS_DENIED, INVALID_ARGS (the configuration is
 * invalid; the message has file and line).
 */
int passlock_reload(passlock *client);
int passlock_reload_async(passlock *client, passlock_done_callback callback, void *userdata,
                          passlock_call **ret_call);

/*
 * Lists the problems that the daemon finds on its host: missing users, groups and files named by
 * the configuration, invalid credentials, exchanges whose links are still to be recovered. The list
 * is empty if there are none. For root, and for users authorized by polkit: see
 * passlock_set_interactive(). Error: ACCESS_DENIED.
 */
int passlock_diagnose(passlock *client, passlock_finding_list **ret);
int passlock_diagnose_async(passlock *client, passlock_finding_list_callback callback,
                            void *userdata, passlock_call **ret_call);

/*
 * Lists the caller's permissions: each grant that applies to the caller and, for methods without a
 * grant, polkit's current decision. Every caller may list its own permissions; the list may be
 * empty. Never asks for a password.
 */
int passlock_list_rights(passlock *client, passlock_right_list **ret);
int passlock_list_rights_async(passlock *client, passlock_right_list_callback callback,
                               void *userdata, passlock_call **ret_call);

/*
 * Explains whether the grants allow a user to call a method, without a call. `method` has its
 * interface, such as "Links.Add". `options` may be NULL:
 *      tenancy  string        label of the tenancy (default: the default tenancy)
 *      rp_id    string        relying party of Authorize and AuthorizeAuthentication
 *      dry_run  bool          of Links.Reconcile (default: true)
 *      groups   uint32_array  gids of the user, as of getgrouplist(3); other grants for groups do
 *                             not apply
 * For root, and for users authorized by polkit: see passlock_set_interactive(). Errors:
 * ACCESS_DENIED, INVALID_ARGS (unknown method, or an option that the method does not have),
 * UNKNOWN_OBJECT (unknown tenancy).
 */
int passlock_explain(passlock *client, const char *method, uint32_t uid,
                     const passlock_options *options, passlock_explanation **ret);
int passlock_explain_async(passlock *client, const char *method, uint32_t uid,
                           const passlock_options *options, passlock_explanation_callback callback,
                           void *userdata, passlock_call **ret_call);

/*
 * Gets the state of the link store. The daemon asks etcd, if the store is shared, for two seconds
 * at most. For root, and for users authorized by polkit: see passlock_set_interactive(). Error:
 * ACCESS_DENIED.
 */
int passlock_get_store(passlock *client, passlock_store **ret);
int passlock_get_store_async(passlock *client, passlock_store_callback callback, void *userdata,
                             passlock_call **ret_call);

/*
 * Gets the metrics of the daemon: counters and histograms since its start, and gauges, see
 * passlock-metrics(7). For root, users with the right Metrics, and users authorized by polkit: see
 * passlock_set_interactive(). Error: ACCESS_DENIED.
 */
int passlock_get_metrics(passlock *client, passlock_metrics **ret);
int passlock_get_metrics_async(passlock *client, passlock_metrics_callback callback, void *userdata,
                               passlock_call **ret_call);

/*
 * Compares the links of this host with those in the shared store. It takes seconds, and longer with
 * many links: see passlock_set_timeout_ms(). For root, and for users authorized by polkit: see
 * passlock_set_interactive(). Errors: ACCESS_DENIED, NOT_CONFIGURED (the store is not shared),
 * STORE_FAILED (etcd does not serve, or the replica does not catch up).
 */
int passlock_verify_store(passlock *client, passlock_verification **ret);
int passlock_verify_store_async(passlock *client, passlock_verification_callback callback,
                                void *userdata, passlock_call **ret_call);

/*
 * Imports the links that this host had before its store was shared into the shared store, or counts
 * them. Links of the shared store are never changed to another user. It takes longer with many
 * links: see passlock_set_timeout_ms(). `options` may be NULL:
 *      apply                bool    import the links (default: false, a dry run)
 *
 * For root only. Errors: ACCESS_DENIED, NOT_CONFIGURED (the store is not shared), NOT_FOUND (this
 * host has no other store), STORE_FAILED.
 */
int passlock_join_store(passlock *client, const passlock_options *options,
                        passlock_joined_links **ret);
int passlock_join_store_async(passlock *client, const passlock_options *options,
                              passlock_joined_links_callback callback, void *userdata,
                              passlock_call **ret_call);

/*
 * Makes the links that this host has of the shared store a store of its own, or counts them. The
 * daemon opens that store when it is started with Engine=local; until then changes fail with
 * STORE_FAILED. It takes longer with many links: see passlock_set_timeout_ms(). `options` may be
 * NULL:
 *      apply                bool    leave the shared store (default: false, a dry run)
 *
 * For root only. Errors: ACCESS_DENIED, NOT_CONFIGURED (the store is not shared, or this host has
 * left it), STORE_FULL, STORE_FAILED. After an error, this host has not left.
 */
int passlock_leave_store(passlock *client, const passlock_options *options,
                         passlock_left_store **ret);
int passlock_leave_store_async(passlock *client, const passlock_options *options,
                               passlock_left_store_callback callback, void *userdata,
                               passlock_call **ret_call);

/*
 * Proves which API key the daemon uses for the client's tenancy. `nonce` is random, 32..128 of
 * [A-Za-z0-9_-]; the proof is the lower-case hex HMAC-SHA-256, with the API key, of
 * "dev.passlock.Passlock1.ProveKey:" followed by the nonce. A caller that knows the key computes
 * the same proof; the proof does not reveal the key. For root only: neither grants nor polkit allow
 * it. Errors: ACCESS_DENIED, NOT_CONFIGURED.
 */
int passlock_prove_key(passlock *client, const char *nonce, char **ret_proof);
int passlock_prove_key_async(passlock *client, const char *nonce, passlock_string_callback callback,
                             void *userdata, passlock_call **ret_call);

/* ---- Monitoring ------------------------------------------------------------------------------ */

enum passlock_links_change {
        PASSLOCK_LINKS_ADDED = 1,   /* a link was added */
        PASSLOCK_LINKS_REMOVED = 2, /* a link was removed */
        PASSLOCK_LINKS_WATCHED =
                3,              /* changes from now on are reported; earlier ones may be missing */
        PASSLOCK_LINKS_LOST = 4 /* changes are not reported until WATCHED; `r` is the reason */
};

/*
 * `user_id` and `authenticator_id` are valid during the callback, and NULL unless a link was added
 * or removed; `r` is 0 unless the change is LOST. More changes and values of `r` may be added.
 */
typedef void (*passlock_links_callback)(passlock *client, enum passlock_links_change change, int r,
                                        const char *user_id, const char *authenticator_id,
                                        void *userdata);

/*
 * Subscribes to changes of the tenancy's links. The callback is called from passlock_dispatch(),
 * once per link. Links that were removed and added together are reported removed first. The first
 * change is WATCHED: an app that caches the links reads them at each WATCHED.
 *
 * LOST with a negative `r` is temporary: WATCHED follows when the service is back. With -ENOBUFS
 * the service ended the subscription: the client did not read its changes in time, its right to
 * read was revoked, or the tenancy was reconfigured or removed. The monitor subscribes again at
 * once; WATCHED follows, or another LOST with the reason. After LOST with an enum passlock_error
 * (ACCESS_DENIED, UNKNOWN_OBJECT, LIMITS_EXCEEDED, ...) the subscription is retried only after a
 * restart of the service. D-Bus activation starts the service only when the monitor is created.
 *
 * If more than 10000 changes are queued they are replaced by one WATCHED. Monitors of one client
 * and tenancy share one subscription of the service.
 *
 * `ret` may be NULL: then the monitor lives as long as the client. Returns 0, -ECHILD, -EINVAL or
 * -ENOMEM.
 */
int passlock_links_monitor(passlock *client, passlock_links_callback callback, void *userdata,
                           passlock_monitor **ret);

/*
 * Cancels a monitor; the last one of a tenancy ends the subscription. Returns NULL. Accepts NULL.
 * May be called from its callback.
 */
passlock_monitor *passlock_monitor_cancel(passlock_monitor *monitor);

/* ---- Results --------------------------------------------------------------------------------- */

/*
 * A result is immutable and lives until its last reference is dropped. Its _ref function takes a
 * reference and returns its argument, its _unref function drops one and returns NULL; both accept
 * NULL. Strings and nested results returned by getters are valid as long as the result. Times are
 * milliseconds since the epoch.
 */

/*
 * A one-time token for a page, for one registerPasskey() or authenticatePasskey(). Erased from
 * memory with the last reference.
 */
passlock_token *passlock_token_ref(passlock_token *token);
passlock_token *passlock_token_unref(passlock_token *token);

/* The token itself, to be sent to the page. */
const char *passlock_token_get_text(const passlock_token *token);

/* Expiry time of the token. */
uint64_t passlock_token_get_expires_at_ms(const passlock_token *token);

/* A principal: the user authenticated by a passkey. */
passlock_principal *passlock_principal_ref(passlock_principal *principal);
passlock_principal *passlock_principal_unref(passlock_principal *principal);

/* The API's id of this authentication. */
const char *passlock_principal_get_id(const passlock_principal *principal);

/* The user id that the app passed when the passkey was created. */
const char *passlock_principal_get_user_id(const passlock_principal *principal);

/* Authenticator id of the passkey, and its type, such as "passkey". */
const char *passlock_principal_get_authenticator_id(const passlock_principal *principal);
const char *passlock_principal_get_authenticator_type(const passlock_principal *principal);

/*
 * Platform that stores the passkey, IP address and user agent, as reported by the browser. NULL if
 * unknown.
 */
const char *passlock_principal_get_platform_name(const passlock_principal *principal);
const char *passlock_principal_get_ip_address(const passlock_principal *principal);
const char *passlock_principal_get_user_agent(const passlock_principal *principal);

/* Time of the authentication, and its expiry time. */
uint64_t passlock_principal_get_created_at_ms(const passlock_principal *principal);
uint64_t passlock_principal_get_expires_at_ms(const passlock_principal *principal);

/* Whether the API verified the authenticator's signature. */
bool passlock_principal_is_verified(const passlock_principal *principal);

/* Whether the authenticator verified its user (PIN, fingerprint, ...). */
bool passlock_principal_is_user_verified(const passlock_principal *principal);

/* Whether the link is on disk. Always false for an id_token and for an exchange without a link. */
bool passlock_principal_is_linked(const passlock_principal *principal);

/* Whether this exchange created the link: the passkey is new. */
bool passlock_principal_is_newly_linked(const passlock_principal *principal);

/* A link between an authenticator and a user. */
passlock_link *passlock_link_ref(passlock_link *link);
passlock_link *passlock_link_unref(passlock_link *link);

/* Authenticator id and user id of the link. */
const char *passlock_link_get_authenticator_id(const passlock_link *link);
const char *passlock_link_get_user_id(const passlock_link *link);

/* Platform that stores the passkey, such as a password manager. NULL if unknown. */
const char *passlock_link_get_platform_name(const passlock_link *link);

/* Creation time of the link on this host. */
uint64_t passlock_link_get_created_at_ms(const passlock_link *link);

/* Time of the last sign-in with this authenticator; 0 if there was none. */
uint64_t passlock_link_get_last_used_at_ms(const passlock_link *link);

/*
 * Creates a link for passlock_links_import(). `platform_name` is NULL if unknown; `last_used_at_ms`
 * is 0 for never. Returns 0, -ENOMEM, -EINVAL if another pointer is NULL, or
 * PASSLOCK_ERROR_INVALID_ARGS for a string that is not UTF-8 or is too long.
 */
int passlock_link_new(const char *authenticator_id, const char *user_id, const char *platform_name,
                      uint64_t created_at_ms, uint64_t last_used_at_ms, passlock_link **ret);

/* A page of links, or the links of one user. */
passlock_link_list *passlock_link_list_ref(passlock_link_list *links);
passlock_link_list *passlock_link_list_unref(passlock_link_list *links);

/* Number of links in the list. */
size_t passlock_link_list_get_size(const passlock_link_list *links);

/* Element at `index`, owned by the list; NULL if out of range. */
passlock_link *passlock_link_list_get(const passlock_link_list *links, size_t index);

/* Cursor of the next page; "" after the last page, and always for the links of one user. */
const char *passlock_link_list_get_next_cursor(const passlock_link_list *links);

/* A tenancy of the daemon. */
passlock_tenancy *passlock_tenancy_ref(passlock_tenancy *tenancy);
passlock_tenancy *passlock_tenancy_unref(passlock_tenancy *tenancy);

/* Label on this host, and id at the API. */
const char *passlock_tenancy_get_label(const passlock_tenancy *tenancy);
const char *passlock_tenancy_get_id(const passlock_tenancy *tenancy);

/* URL of the API. NULL in a tenancy from passlock_list_tenancies(). */
const char *passlock_tenancy_get_endpoint(const passlock_tenancy *tenancy);

/*
 * Private CA file of the endpoint. NULL for the system's CAs, and in a tenancy from
 * passlock_list_tenancies().
 */
const char *passlock_tenancy_get_ca_file(const passlock_tenancy *tenancy);

/*
 * State: "ready", "unconfigured" (no key), "denied" (the API rejected the key at the last call) or
 * "degraded" (the API gave no usable response at the last call). NULL in a tenancy from
 * passlock_list_tenancies().
 */
const char *passlock_tenancy_get_state(const passlock_tenancy *tenancy);

/*
 * Name of the systemd credential with the API key. NULL in a tenancy from
 * passlock_list_tenancies().
 */
const char *passlock_tenancy_get_credential(const passlock_tenancy *tenancy);

/* A list of the tenancies that the caller has access to. */
passlock_tenancy_list *passlock_tenancy_list_ref(passlock_tenancy_list *tenancies);
passlock_tenancy_list *passlock_tenancy_list_unref(passlock_tenancy_list *tenancies);

/* Number of tenancies in the list. */
size_t passlock_tenancy_list_get_size(const passlock_tenancy_list *tenancies);

/* Element at `index`, owned by the list; NULL if out of range. */
passlock_tenancy *passlock_tenancy_list_get(const passlock_tenancy_list *tenancies, size_t index);

/* A problem found by the daemon. Strings are never NULL. */
passlock_finding *passlock_finding_ref(passlock_finding *finding);
passlock_finding *passlock_finding_unref(passlock_finding *finding);

/* Kind of object: user, group, ca-file, credential, store, recovery, ...; more may be added. */
const char *passlock_finding_get_kind(const passlock_finding *finding);

/* Label of the affected tenancy, and name of the user, file or credential; "" if none. */
const char *passlock_finding_get_tenancy(const passlock_finding *finding);
const char *passlock_finding_get_name(const passlock_finding *finding);

/* Place in the configuration as FILE:LINE; "" if none. */
const char *passlock_finding_get_place(const passlock_finding *finding);

/* Description of the problem, and advice; the advice is "" if no action is needed. */
const char *passlock_finding_get_text(const passlock_finding *finding);
const char *passlock_finding_get_advice(const passlock_finding *finding);

/* A list of findings. */
passlock_finding_list *passlock_finding_list_ref(passlock_finding_list *findings);
passlock_finding_list *passlock_finding_list_unref(passlock_finding_list *findings);

/* Number of findings in the list. */
size_t passlock_finding_list_get_size(const passlock_finding_list *findings);

/* Element at `index`, owned by the list; NULL if out of range. */
passlock_finding *passlock_finding_list_get(const passlock_finding_list *findings, size_t index);

/* A permission of the caller. */
passlock_right *passlock_right_ref(passlock_right *right);
passlock_right *passlock_right_unref(passlock_right *right);

/* Label of the tenancy; "" for the daemon itself. */
const char *passlock_right_get_tenancy(const passlock_right *right);

/* Source of the permission: "root" (the caller is root), "grant" or "polkit". */
const char *passlock_right_get_source(const passlock_right *right);

/* Name of the grant's section; NULL if the source is not "grant". */
const char *passlock_right_get_grant(const passlock_right *right);

/*
 * NULL-terminated array of allowed methods: for a grant and for root the words of Allow= in
 * passlockd.conf(5), for polkit the actions in passlockd(8).
 */
const char *const *passlock_right_get_names(const passlock_right *right);

/*
 * NULL-terminated array of the relying party ids that Authorize and AuthorizeAuthentication are
 * limited to; empty for no limit.
 */
const char *const *passlock_right_get_rp_ids(const passlock_right *right);

/* Whether polkit requires an administrator's password. */
bool passlock_right_needs_authentication(const passlock_right *right);

/* Whether Enforce=no of the grant also allows calls beyond these names and relying parties. */
bool passlock_right_is_unenforced(const passlock_right *right);

/* A list of the caller's permissions. */
passlock_right_list *passlock_right_list_ref(passlock_right_list *rights);
passlock_right_list *passlock_right_list_unref(passlock_right_list *rights);

/* Number of rights in the list. */
size_t passlock_right_list_get_size(const passlock_right_list *rights);

/* Element at `index`, owned by the list; NULL if out of range. */
passlock_right *passlock_right_list_get(const passlock_right_list *rights, size_t index);

/*
 * The state of the link store. If the store is not shared, only its engine is known: other strings
 * are NULL, numbers 0.
 */
passlock_store *passlock_store_ref(passlock_store *store);
passlock_store *passlock_store_unref(passlock_store *store);

/* Engine of the store: "local", or "etcd" for a shared one; more may be added. */
const char *passlock_store_get_engine(const passlock_store *store);

/*
 * State of the connection to the shared store: "starting", "serving", "loading" (the replica of
 * this host is being loaded), "away", "revision-went-back" and "restoring" (it was restored from a
 * backup, and what it lost is being pushed back), "other-cluster" (it is not the cluster that it
 * was), or "left" (this host leaves the store, or has left it); more may be added.
 */
const char *passlock_store_get_state(const passlock_store *store);

/* Reason why etcd is away, NULL if it is not; and since when, 0 if it is not. */
const char *passlock_store_get_reason(const passlock_store *store);
uint64_t passlock_store_get_away_since_ms(const passlock_store *store);

/* Revision of the replica on this host, and the latest revision of the cluster that was seen, which
 * counts changes of other programs as well. */
uint64_t passlock_store_get_revision(const passlock_store *store);
uint64_t passlock_store_get_cluster_revision(const passlock_store *store);

/* Age of the replica in milliseconds: later changes of other hosts may be missing. Up to 3000 is
 * normal. */
uint64_t passlock_store_get_behind_ms(const passlock_store *store);

/* Name and number of this host in the shared store. */
const char *passlock_store_get_host(const passlock_store *store);
uint32_t passlock_store_get_host_number(const passlock_store *store);

/* Number of changes of this host that are not committed yet. */
uint64_t passlock_store_get_waiting(const passlock_store *store);

/* Number of links of this host that other hosts do not have yet. */
uint64_t passlock_store_get_outbox(const passlock_store *store);

/* Number of look-ups of missing links that were answered without etcd. */
uint64_t passlock_store_get_unconfirmed(const passlock_store *store);

/* Endpoint in use; NULL while the next one is chosen. */
const char *passlock_store_get_endpoint(const passlock_store *store);

/* Size of etcd's database and its limit in bytes; 0 if they are unknown. */
uint64_t passlock_store_get_db_size(const passlock_store *store);
uint64_t passlock_store_get_quota(const passlock_store *store);

/* NULL-terminated array of etcd's alarms: "no-space", "corrupt"; more may be added. */
const char *const *passlock_store_get_alarms(const passlock_store *store);

/* Number of members of the cluster; 0 if etcd has not answered. */
size_t passlock_store_get_n_members(const passlock_store *store);

/* Name and id of a member; NULL if `index` is out of range. */
const char *passlock_store_get_member_name(const passlock_store *store, size_t index);
const char *passlock_store_get_member_id(const passlock_store *store, size_t index);

/* Whether a member is the leader, and whether it answers at an endpoint of the configuration. */
bool passlock_store_member_is_leader(const passlock_store *store, size_t index);
bool passlock_store_member_answers(const passlock_store *store, size_t index);

/* Metrics of the daemon: samples in the order of passlock-metrics(7). */
passlock_metrics *passlock_metrics_ref(passlock_metrics *metrics);
passlock_metrics *passlock_metrics_unref(passlock_metrics *metrics);

/* All samples in the text format of Prometheus, version 0.0.4. */
const char *passlock_metrics_get_text(const passlock_metrics *metrics);

/* Number of samples. */
size_t passlock_metrics_get_size(const passlock_metrics *metrics);

/* Name of a sample, and the type of its metric: "counter", "gauge" or "histogram". */
const char *passlock_metrics_get_name(const passlock_metrics *metrics, size_t index);
const char *passlock_metrics_get_type(const passlock_metrics *metrics, size_t index);

/* NULL-terminated array of names and values of the labels of a sample, in turn. */
const char *const *passlock_metrics_get_labels(const passlock_metrics *metrics, size_t index);

/* Value of a sample. */
double passlock_metrics_get_value(const passlock_metrics *metrics, size_t index);

/* The result of a comparison of this host's links with those in the shared store. */
passlock_verification *passlock_verification_ref(passlock_verification *verification);
passlock_verification *passlock_verification_unref(passlock_verification *verification);

/* Number of links in the shared store. */
uint64_t passlock_verification_get_checked(const passlock_verification *verification);

/* Number of links that this host lacks, that it alone has, and that have other data. */
uint64_t passlock_verification_get_missing(const passlock_verification *verification);
uint64_t passlock_verification_get_extra(const passlock_verification *verification);
uint64_t passlock_verification_get_different(const passlock_verification *verification);

/* Whether all links were checked; false after more than 10,000 differences. */
bool passlock_verification_is_complete(const passlock_verification *verification);

/*
 * NULL-terminated array of up to 20 differences: "missing", "extra" or "different", a space, and
 * the key in etcd without the prefix.
 */
const char *const *passlock_verification_get_examples(const passlock_verification *verification);

/* The result of importing the links of this host's other store into the shared store. */
passlock_joined_links *passlock_joined_links_ref(passlock_joined_links *join);
passlock_joined_links *passlock_joined_links_unref(passlock_joined_links *join);

/* Number of links that were added, or would be, and that were there already. */
uint64_t passlock_joined_links_get_added(const passlock_joined_links *join);
uint64_t passlock_joined_links_get_present(const passlock_joined_links *join);

/* Number of links that are not imported: their authenticator is linked to another user, or their
 * user has the maximum of links. */
uint64_t passlock_joined_links_get_conflicting(const passlock_joined_links *join);
uint64_t passlock_joined_links_get_exceeding(const passlock_joined_links *join);

/* Number of exchanges and deletes that a crash cut off, which are not imported:
 * passlock_reconcile() finds their links. */
uint64_t passlock_joined_links_get_unfinished(const passlock_joined_links *join);

/*
 * NULL-terminated array of up to 1000 links that are not imported: "conflicting" or "exceeding", a
 * space, and the key in etcd without the prefix.
 */
const char *const *passlock_joined_links_get_conflicts(const passlock_joined_links *join);

/* The result of leaving the shared store. */
passlock_left_store *passlock_left_store_ref(passlock_left_store *left);
passlock_left_store *passlock_left_store_unref(passlock_left_store *left);

/* Number of links in the store of this host. */
uint64_t passlock_left_store_get_links(const passlock_left_store *left);

/* Number of open exchanges of this host, and of open deletes of all hosts, which it finishes with
 * its own store. */
uint64_t passlock_left_store_get_exchanges(const passlock_left_store *left);
uint64_t passlock_left_store_get_deletes(const passlock_left_store *left);

/* Number of open exchanges that the other hosts finish. */
uint64_t passlock_left_store_get_left(const passlock_left_store *left);

/* Number of links that only this host has. */
uint64_t passlock_left_store_get_unshared(const passlock_left_store *left);

/* Whether etcd has confirmed that no change is missing. If not, the links are those that this host
 * knows. */
bool passlock_left_store_is_current(const passlock_left_store *left);

/* Whether etcd has no key of this host any more. If not, hosts/NUMBER remains, with the number in
 * three digits. */
bool passlock_left_store_is_told(const passlock_left_store *left);
uint32_t passlock_left_store_get_host_number(const passlock_left_store *left);

/* Path of the store that this host had before, which was replaced. NULL if there was none. */
const char *passlock_left_store_get_kept(const passlock_left_store *left);

/* Whether, and why, the grants allow a call. */
passlock_explanation *passlock_explanation_ref(passlock_explanation *explanation);
passlock_explanation *passlock_explanation_unref(passlock_explanation *explanation);

/* Whether a grant allows the call, or none is needed; polkit may still allow other calls. */
bool passlock_explanation_is_allowed(const passlock_explanation *explanation);

/* Whether only Enforce=no allows the call, so that it would be recorded as would-be-denied. */
bool passlock_explanation_is_unenforced(const passlock_explanation *explanation);

/*
 * The source of the decision: "root", "everybody" (the method needs no right), "grant", "polkit"
 * (no grant allows the call, polkit decides), or "none" (the call is denied).
 */
const char *passlock_explanation_get_source(const passlock_explanation *explanation);

/* The label of the tenancy; NULL for a method that is none of a tenancy. */
const char *passlock_explanation_get_tenancy(const passlock_explanation *explanation);

/* NULL-terminated array of rights, any of which the method needs; empty if it is for root only or
 * for everybody. */
const char *const *passlock_explanation_get_rights(const passlock_explanation *explanation);

/* The name of the grant that allows the call, or else of the one that comes nearest; NULL: none. */
const char *passlock_explanation_get_grant(const passlock_explanation *explanation);

/* The places of its section and of its Allow= with the right, as FILE:LINE; NULL: none. */
const char *passlock_explanation_get_place(const passlock_explanation *explanation);
const char *passlock_explanation_get_allow_place(const passlock_explanation *explanation);

/* NULL-terminated array of assignments that the grant lacks, such as "Allow=Links.Write". */
const char *const *passlock_explanation_get_lacks(const passlock_explanation *explanation);

/* NULL-terminated array of the relying party ids of the grant; empty for no limit. */
const char *const *passlock_explanation_get_rp_ids(const passlock_explanation *explanation);

/* MaxCallsPerSec= of the grant; 0: no limit. */
uint64_t passlock_explanation_get_max_calls_per_s(const passlock_explanation *explanation);

/* The polkit action that decides; NULL: polkit is not asked. */
const char *passlock_explanation_get_action(const passlock_explanation *explanation);

/*
 * A passkey in the vault. In an entry of a list, passlock_passkey_get_username() and the functions
 * below it return NULL, 0, false or an empty array.
 */
passlock_passkey *passlock_passkey_ref(passlock_passkey *passkey);
passlock_passkey *passlock_passkey_unref(passlock_passkey *passkey);

/* Passkey id, equal to the authenticator id of its link. */
const char *passlock_passkey_get_id(const passlock_passkey *passkey);

/* The app's own id of the user. NULL if unknown. */
const char *passlock_passkey_get_user_id(const passlock_passkey *passkey);

/* Credential id and user handle in the browser, base64url. */
const char *passlock_passkey_get_credential_id(const passlock_passkey *passkey);
const char *passlock_passkey_get_credential_user_id(const passlock_passkey *passkey);

/* Whether the passkey is enabled for signing in. */
bool passlock_passkey_is_enabled(const passlock_passkey *passkey);

/* Creation time. */
uint64_t passlock_passkey_get_created_at_ms(const passlock_passkey *passkey);

/* Time of last use; 0 if never used. */
uint64_t passlock_passkey_get_last_used_at_ms(const passlock_passkey *passkey);

/* Username that authenticators display. */
const char *passlock_passkey_get_username(const passlock_passkey *passkey);

/* AAGUID: the authenticator's model as a UUID; zeros if undisclosed. */
const char *passlock_passkey_get_aaguid(const passlock_passkey *passkey);

/* Device type: "singleDevice", or "multiDevice" if the passkey can be synced. */
const char *passlock_passkey_get_device_type(const passlock_passkey *passkey);

/* COSE public key, base64url. */
const char *passlock_passkey_get_public_key(const passlock_passkey *passkey);

/* Relying party id of the passkey. */
const char *passlock_passkey_get_rp_id(const passlock_passkey *passkey);

/* NULL-terminated array of transports, such as "internal". Never NULL. */
const char *const *passlock_passkey_get_transports(const passlock_passkey *passkey);

/* Whether the passkey is backed up (synced). */
bool passlock_passkey_is_backed_up(const passlock_passkey *passkey);

/* Signature counter of the authenticator; 0 if unsupported. */
uint64_t passlock_passkey_get_counter(const passlock_passkey *passkey);

/* Time of the last change in the vault. */
uint64_t passlock_passkey_get_updated_at_ms(const passlock_passkey *passkey);

/* Platform that stores the passkey, and its icon. NULL if unknown. */
const char *passlock_passkey_get_platform_name(const passlock_passkey *passkey);
const char *passlock_passkey_get_platform_icon(const passlock_passkey *passkey);

/* A page of passkeys in the vault. */
passlock_passkey_list *passlock_passkey_list_ref(passlock_passkey_list *passkeys);
passlock_passkey_list *passlock_passkey_list_unref(passlock_passkey_list *passkeys);

/* Number of passkeys in the list. */
size_t passlock_passkey_list_get_size(const passlock_passkey_list *passkeys);

/* Element at `index`, owned by the list; NULL if out of range. */
passlock_passkey *passlock_passkey_list_get(const passlock_passkey_list *passkeys, size_t index);

/* Cursor of the next page; "" after the last page. */
const char *passlock_passkey_list_get_next_cursor(const passlock_passkey_list *passkeys);

/* The result of a vault change. The token is erased from memory with the last reference. */
passlock_management *passlock_management_ref(passlock_management *management);
passlock_management *passlock_management_unref(passlock_management *management);

/* One-time token that the page redeems to notify the browser. */
const char *passlock_management_get_token(const passlock_management *management);

/* Expiry time of the token. */
uint64_t passlock_management_get_expires_at_ms(const passlock_management *management);

/* Number of warnings. */
size_t passlock_management_get_n_warnings(const passlock_management *management);

/*
 * Code of a warning, such as PASSKEY_NOT_FOUND, and its message. NULL if `index` is out of range.
 */
const char *passlock_management_get_warning_code(const passlock_management *management,
                                                 size_t index);
const char *passlock_management_get_warning_message(const passlock_management *management,
                                                    size_t index);

/* Passkey id of a warning; NULL if there is none, or if `index` is out of range. */
const char *passlock_management_get_warning_passkey_id(const passlock_management *management,
                                                       size_t index);

/* A challenge that verifies an email address. Erased from memory with the last reference. */
passlock_challenge *passlock_challenge_ref(passlock_challenge *challenge);
passlock_challenge *passlock_challenge_unref(passlock_challenge *challenge);

/* Challenge id. */
const char *passlock_challenge_get_id(const passlock_challenge *challenge);

/* Purpose and email address. */
const char *passlock_challenge_get_purpose(const passlock_challenge *challenge);
const char *passlock_challenge_get_email(const passlock_challenge *challenge);

/* The app's own user id, and metadata as JSON text. NULL if not set at creation. */
const char *passlock_challenge_get_user_id(const passlock_challenge *challenge);
const char *passlock_challenge_get_metadata(const passlock_challenge *challenge);

/* Creation time and expiry time. */
uint64_t passlock_challenge_get_created_at_ms(const passlock_challenge *challenge);
uint64_t passlock_challenge_get_expires_at_ms(const passlock_challenge *challenge);

/* Secret for the app. NULL unless the challenge comes from passlock_mailbox_create(). */
const char *passlock_challenge_get_secret(const passlock_challenge *challenge);

/* Code for the mail. NULL unless the challenge comes from passlock_mailbox_create(). */
const char *passlock_challenge_get_code(const passlock_challenge *challenge);

/*
 * Mail with the code, for apps that send their own mail. NULL unless the challenge comes from
 * passlock_mailbox_create().
 */
const char *passlock_challenge_get_message_html(const passlock_challenge *challenge);
const char *passlock_challenge_get_message_text(const passlock_challenge *challenge);

/* Differences between links and vault. */
passlock_reconciliation *passlock_reconciliation_ref(passlock_reconciliation *reconciliation);
passlock_reconciliation *passlock_reconciliation_unref(passlock_reconciliation *reconciliation);

/* Number of passkeys in the vault. */
uint64_t passlock_reconciliation_get_checked(const passlock_reconciliation *reconciliation);

/* Number of links added; with dry_run, to be added. */
uint64_t passlock_reconciliation_get_added(const passlock_reconciliation *reconciliation);

/* Number of links removed because their passkey is gone; with dry_run, to be removed. */
uint64_t passlock_reconciliation_get_removed(const passlock_reconciliation *reconciliation);

/* Number of passkeys that are linked to another user on this host; left unchanged. */
uint64_t passlock_reconciliation_get_conflicts(const passlock_reconciliation *reconciliation);

/* The result of an import; with dry_run, the expected one. */
passlock_import *passlock_import_ref(passlock_import *import);
passlock_import *passlock_import_unref(passlock_import *import);

/* Number of links added. */
uint64_t passlock_import_get_added(const passlock_import *import);

/* Number of links that already existed. */
uint64_t passlock_import_get_present(const passlock_import *import);

/*
 * NULL-terminated arrays of skipped authenticators: those linked to another user, and those over
 * their user's limit. Never NULL.
 */
const char *const *passlock_import_get_conflicting(const passlock_import *import);
const char *const *passlock_import_get_exceeding(const passlock_import *import);

#ifdef __cplusplus
}
#endif

#endif
