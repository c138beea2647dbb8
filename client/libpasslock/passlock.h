/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PASSLOCK_H
#define PASSLOCK_H

/*
 * libpasslock: passkeys for local apps, by way of the passlockd daemon. The app holds no API key.
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
 * Return values. Every function that can fail returns 0 if it worked, a negative errno if there was
 * no answer, or an enum passlock_error: the answer of the service. See passlock_strerror(). Outputs
 * (`ret`, last) are untouched unless 0 is returned, and are then the caller's to release.
 *
 * Threads. A client, and all calls and monitors of it, belong to one thread at a time. Different
 * clients are independent. Results are immutable; their reference counts are not atomic.
 *
 * Pointers may be NULL only where it says so. Strings are UTF-8 and NUL-terminated. One that is not
 * UTF-8, or longer than 8192 bytes, is PASSLOCK_ERROR_INVALID_ARGS before anything is sent; the
 * service's own bounds are narrower. Arguments are copied. Times are milliseconds since the epoch.
 *
 * Restarts. A call that is cut off by a restart of the service or of the bus is repeated, once,
 * within its deadline. An exchange carries the same request id in the repeat, so that it gets the
 * one answer that its code has, or PASSLOCK_ERROR_INTERRUPTED if a crash of the service has lost
 * that answer; a removal of a link that finds nothing any more has worked. Never repeated are
 * passlock_mailbox_create(), which sends a mail, passlock_mailbox_verify(), which uses a challenge
 * up, and passlock_reconcile(). What remains: an authorisation or a change of the vault may leave a
 * second, unused token behind; a repeated removal by user counts, and a repeated deletion warns of,
 * what it found; -ETIMEDOUT and -ECONNRESET leave open whether the call was carried out.
 *
 * All of it is there since version 0.1.0, and has the symbol version LIBPASSLOCK_0. The manual
 * pages of the functions are made from the comments here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A client of the service: at most one connection to the bus, and one for each reconciliation. */
typedef struct passlock passlock;
/* An asynchronous call on its way. */
typedef struct passlock_call passlock_call;
/* A standing request to be told of changes of the links. */
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

/* The service's answers other than success. The numbers never change; there may be more. */
enum passlock_error {
        PASSLOCK_ERROR_INVALID_CODE = 1,  /* the code is unknown, expired or already used */
        PASSLOCK_ERROR_INVALID_TOKEN = 2, /* the id_token is not acceptable */
        PASSLOCK_ERROR_USER_MISMATCH = 3, /* the passkey belongs to another user */
        PASSLOCK_ERROR_LINK_CONFLICT = 4, /* the authenticator is linked to another user */
        PASSLOCK_ERROR_NOT_FOUND = 5,     /* there is no such thing */
        PASSLOCK_ERROR_BAD_REQUEST = 6,   /* the API refused the request */
        PASSLOCK_ERROR_RATE_LIMITED = 7,  /* ask the API later; the text says how much */
        PASSLOCK_ERROR_API_DENIED = 8,  /* the API refused the host's key: for the administrator */
        PASSLOCK_ERROR_UNREACHABLE = 9, /* no usable answer from the API within the deadline */
        PASSLOCK_ERROR_MALFORMED_REPLY = 10,   /* the API answered what it does not promise */
        PASSLOCK_ERROR_NOT_CONFIGURED = 11,    /* the tenancy has no key: for the administrator */
        PASSLOCK_ERROR_STORE_FULL = 12,        /* no space for more links */
        PASSLOCK_ERROR_STORE_FAILED = 13,      /* the store of the links failed */
        PASSLOCK_ERROR_INVALID_CHALLENGE = 14, /* the challenge is unknown, used or void */
        PASSLOCK_ERROR_INVALID_CHALLENGE_CODE = 15, /* the challenge's code is wrong */
        PASSLOCK_ERROR_CHALLENGE_EXPIRED = 16,      /* the challenge was good until some time ago */
        PASSLOCK_ERROR_CHALLENGE_ATTEMPTS_EXCEEDED = 17, /* too many wrong codes were tried */
        PASSLOCK_ERROR_ACCESS_DENIED = 18,   /* neither grant nor polkit allows the call */
        PASSLOCK_ERROR_INVALID_ARGS = 19,    /* an argument or option is not acceptable */
        PASSLOCK_ERROR_LIMITS_EXCEEDED = 20, /* too many calls or connections of the user */
        PASSLOCK_ERROR_UNKNOWN_OBJECT = 21,  /* there is no such tenancy */
        PASSLOCK_ERROR_INTERRUPTED = 22      /* a crash cut this exchange off; begin anew */
};

/*
 * A static text for a return value. For any value of any function of this library; never NULL. It
 * is for logs, not for an app's users.
 *
 * Every function that can fail returns 0 if it worked. A value above 0 is an enum passlock_error,
 * the answer of the service. One below 0 is a negative errno, and there was no answer:
 *      -ENOTCONN    there is no system bus, or it does not let the caller in
 *      -EHOSTDOWN   the service is not on the bus, and the bus does not or cannot start it
 *      -ETIMEDOUT   no answer within the deadline; the service may still carry the call out
 *      -ECONNRESET  the service or the bus went away in the middle of the call and, if it is
 *                   repeated, of its repeat; it may have been carried out
 *      -ECHILD      the client was made before fork(); in the child it can only be unref'ed
 *      -EDEADLK     a synchronous call, or passlock_dispatch(), from inside a callback
 *      -EPROTO      an answer that this library does not understand
 *      -EOPNOTSUPP  the service is too old for this call
 *      -EINVAL      a NULL or an impossible value where that is not allowed
 *      -ENOMEM      no memory; likewise other errno of system calls
 */
const char *passlock_strerror(int r);

/* ---- The client ------------------------------------------------------------------------------ */

/*
 * Makes a client of the service. It connects to the system bus ($DBUS_SYSTEM_BUS_ADDRESS, if set)
 * at the first call, and again whenever the connection was lost, so neither the bus nor the
 * service need be there yet; nothing is started by this. Calls do start the service if the bus
 * knows how to. Returns 0, -ENOMEM, or what the kernel says when it has no file descriptors left.
 */
int passlock_new(passlock **ret);

/*
 * Takes or drops a reference to a client. passlock_ref() returns its argument, passlock_unref()
 * NULL; NULL is fine for both. With the last reference the client's calls and monitors end: their
 * callbacks are not called any more, and their handles are void. May be called from a callback.
 */
passlock *passlock_ref(passlock *client);
passlock *passlock_unref(passlock *client);

/*
 * Chooses the tenancy of later calls and monitors by its label in the daemon's configuration; NULL
 * (as at first) is the daemon's default tenancy, which is asked for once after each of its starts;
 * see passlock_set_interactive() for callers who are not told.
 * Whether there is one of that name shows at the first call. Returns 0, -EINVAL for what cannot be
 * a label (1..32 of [a-z0-9_]), -ECHILD.
 */
int passlock_set_tenancy(passlock *client, const char *label);

/*
 * Sets the deadline of later calls. It runs from their start to their end, waiting for a restarted
 * service and the repeat included. 30000 at first; passlock_reconcile() has none. Returns 0,
 * -EINVAL for 0, -ECHILD.
 */
int passlock_set_timeout_ms(passlock *client, uint32_t timeout_ms);

/*
 * Allows later calls and monitors to have somebody authenticate: false at first. For programs that
 * a person uses, who may be an administrator. A call that no grant allows, but the host's polkit
 * would for a password, is answered ACCESS_DENIED otherwise; with this polkit asks for it first,
 * through an agent that the desktop has, or pkttyagent(1) for a terminal. Calls on links, the vault
 * and passlock_reload() can be had like this, those for apps never. People need time: deadlines are
 * five minutes longer. A call that is cancelled leaves the question open until the client is gone.
 *
 * Nobody is asked to authenticate just to be told the default tenancy. If that is refused, these
 * calls go to the tenancy with the label "default" for as long as the client lives; if there is
 * none, they end with UNKNOWN_OBJECT, and passlock_set_tenancy() has to say which one is meant.
 * Returns 0 or -ECHILD.
 */
int passlock_set_interactive(passlock *client, bool interactive);

/*
 * The text that came with the last failure: of this client's last synchronous call, or a static one
 * if none came; "" after one that worked. For logs, not for an app's users. Lent until the next
 * call.
 */
const char *passlock_last_error_text(passlock *client);

/* ---- Event loops ----------------------------------------------------------------------------- */

/*
 * A file descriptor for an event loop. It polls readable (POLLIN, EPOLLIN) when passlock_dispatch()
 * has something to do, deadlines and reconnects included: no timeout of its own is needed in the
 * loop. It stays the same for the client's life, and remains the client's. Returns -ECHILD after
 * fork().
 */
int passlock_get_fd(passlock *client);

/*
 * Does what can be done without waiting. It calls the callbacks of what has come to its end.
 * Callbacks are called from here and from nowhere else. Returns 0, -ECHILD, -EDEADLK from inside a
 * callback, or the errno of a failing event loop.
 */
int passlock_dispatch(passlock *client);

/* ---- Options --------------------------------------------------------------------------------- */

/*
 * Options are named as on the bus, and listed at each call. Whether the service knows the name, and
 * likes type and value, shows when the call is made: PASSLOCK_ERROR_INVALID_ARGS if not. A call
 * copies its options; they can be changed, used again and released at once.
 */

/* Makes options, none of which is set. Returns 0 or -ENOMEM. */
int passlock_options_new(passlock_options **ret);

/* Releases options and returns NULL; NULL is fine. */
passlock_options *passlock_options_unref(passlock_options *options);

/*
 * Set an option, or replace it; a `value` of NULL takes it away. Return 0, -ENOMEM, -EINVAL for a
 * NULL `name`, or PASSLOCK_ERROR_INVALID_ARGS for text that cannot be sent.
 */
int passlock_options_set_string(passlock_options *options, const char *name, const char *value);
int passlock_options_set_bool(passlock_options *options, const char *name, bool value);
int passlock_options_set_uint32(passlock_options *options, const char *name, uint32_t value);

/* Sets a list of strings: `value` is an array of up to 4096 of them, ended by NULL. */
int passlock_options_set_strv(passlock_options *options, const char *name,
                              const char *const *value);

/* ---- Calls ----------------------------------------------------------------------------------- */

/*
 * Each call has two forms. The synchronous one waits for the answer. It leaves other calls and
 * monitors of the client alone: their callbacks wait for passlock_dispatch().
 *
 * The asynchronous one returns 0 once the call is on its way (or an error, and then there is no
 * callback). The callback is called exactly once, from passlock_dispatch(): never before the start
 * function has returned, and never after passlock_call_cancel() or the last passlock_unref(). `r`
 * is as the synchronous form would return it; `error_text` is NULL if r is 0, and else the text
 * that came with the failure (never NULL). The result is NULL or 0 unless r is 0. Text and result
 * are lent for the time of the callback; take a reference to keep a result. `ret_call` may be
 * NULL: then the call cannot be cancelled.
 *
 * Any number may be started. A hundred of a client's calls are with the service at a time, not
 * counting reconciliations; more wait for their turn, and their deadlines run.
 *
 * A handle is valid until the callback returns, the call is cancelled or the client is gone.
 */

/*
 * Ends a call: its callback is not called. The service may carry it out all the same, unless it is
 * a reconciliation. Returns NULL; NULL is fine, and so is a call whose callback is running.
 */
passlock_call *passlock_call_cancel(passlock_call *call);

/* Sets the call's deadline, from now. Returns 0, -EINVAL for 0, -ECHILD. */
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

/*
 * A token for the page, and what comes back from it: all of these calls ask the API.
 */

/*
 * Lets a page create one passkey for a user. The page gives the token to registerPasskey() and
 * comes back with a code for passlock_exchange(). `rp_id` is the page's host name or a parent
 * domain of it; `user_id` the app's own, unchanging id of the user, which comes back from the
 * exchange; `username` what authenticators show. `options` may be NULL:
 *      rp_name              string  the app's name (default: rp_id)
 *      display_name         string  the user's name for people
 *      exclude_credentials  strv    authenticators that must not hold a second passkey
 *      exclude_linked       bool    exclude the user's linked authenticators too (default: true)
 *      user_verification    string  required, preferred (default) or discouraged
 *      timeout_ms           uint32  how long the browser may take
 * Errors: BAD_REQUEST, RATE_LIMITED, API_DENIED, UNREACHABLE, MALFORMED_REPLY, NOT_CONFIGURED.
 */
int passlock_authorize(passlock *client, const char *rp_id, const char *user_id,
                       const char *username, const passlock_options *options, passlock_token **ret);
int passlock_authorize_async(passlock *client, const char *rp_id, const char *user_id,
                             const char *username, const passlock_options *options,
                             passlock_token_callback callback, void *userdata,
                             passlock_call **ret_call);

/*
 * Lets a page sign somebody in with a passkey. The page gives the token to authenticatePasskey()
 * and comes back with a code for passlock_exchange(). `options` may be NULL for none, but says
 * either that the passkey is discoverable, or whose it is with one or both of the first two:
 *      user_id            string  one of this user's passkeys
 *      allow_credentials  strv    one of these authenticators
 *      discoverable       bool    any passkey of `rp_id`: whose it is, the exchange will tell
 *      mediation          string  required (default), or, if discoverable, conditional: offered by
 *                                 the browser's autofill
 *      user_verification  string  required, preferred (default) or discouraged
 *      timeout_ms         uint32  how long the browser may take
 * Errors: BAD_REQUEST, RATE_LIMITED, API_DENIED, UNREACHABLE, MALFORMED_REPLY, NOT_CONFIGURED.
 */
int passlock_authorize_authentication(passlock *client, const char *rp_id,
                                      const passlock_options *options, passlock_token **ret);
int passlock_authorize_authentication_async(passlock *client, const char *rp_id,
                                            const passlock_options *options,
                                            passlock_token_callback callback, void *userdata,
                                            passlock_call **ret_call);

/*
 * Says who stands behind a code that a page brought, and links the authenticator to that user. A
 * code is valid once. When this has worked the link is on disk. `options` may be NULL:
 *      user_id     string  the only acceptable user; another is USER_MISMATCH, nothing is linked
 *      link        bool    keep the link (default: true)
 *      request_id  string  16..64 of [A-Za-z0-9_-]: asking again with the same code and request id
 *                          gets the first answer again; without it a random one is used
 * After -ETIMEDOUT or -ECONNRESET an app that chose the request id itself can still ask for the
 * answer. INTERRUPTED, unlike INVALID_CODE, says that the service knows this exchange: it crashed
 * after the code was used, and the answer is lost. The service has looked for the passkey itself,
 * and has linked it if it is a new one. The app begins a new ceremony: it lets its user sign in
 * again, or shows which passkeys there are now.
 *
 * Errors: INVALID_CODE, INTERRUPTED (a crash of the service has lost the answer of this exchange),
 * USER_MISMATCH, LINK_CONFLICT, BAD_REQUEST, RATE_LIMITED, API_DENIED, UNREACHABLE,
 * MALFORMED_REPLY, NOT_CONFIGURED, STORE_FULL, STORE_FAILED.
 */
int passlock_exchange(passlock *client, const char *code, const passlock_options *options,
                      passlock_principal **ret);
int passlock_exchange_async(passlock *client, const char *code, const passlock_options *options,
                            passlock_principal_callback callback, void *userdata,
                            passlock_call **ret_call);

/*
 * Says of whom an id_token speaks that a page brought. It can be used again until it expires, and
 * links nothing: prefer a code. `options` may be NULL:
 *      user_id     string  the only acceptable user; another is USER_MISMATCH
 * Errors: INVALID_TOKEN, USER_MISMATCH, UNREACHABLE (the keys that sign tokens cannot be fetched),
 * RATE_LIMITED (not now), MALFORMED_REPLY (what was fetched are no keys).
 */
int passlock_verify_id_token(passlock *client, const char *id_token,
                             const passlock_options *options, passlock_principal **ret);
int passlock_verify_id_token_async(passlock *client, const char *id_token,
                                   const passlock_options *options,
                                   passlock_principal_callback callback, void *userdata,
                                   passlock_call **ret_call);

/*
 * The links of this host: which authenticator belongs to which user. They can be read and changed
 * while the API is unreachable. Errors: STORE_FAILED.
 */

/* Says whose an authenticator is. Error: NOT_FOUND. */
int passlock_links_get_user(passlock *client, const char *authenticator_id, char **ret_user_id);
int passlock_links_get_user_async(passlock *client, const char *authenticator_id,
                                  passlock_string_callback callback, void *userdata,
                                  passlock_call **ret_call);

/* Lists the links of a user. None is not an error. */
int passlock_links_list_by_user(passlock *client, const char *user_id, passlock_link_list **ret);
int passlock_links_list_by_user_async(passlock *client, const char *user_id,
                                      passlock_link_list_callback callback, void *userdata,
                                      passlock_call **ret_call);

/*
 * Lists all links of the tenancy, a page at a time. A page has up to `limit` (1..1000; 0: the
 * service chooses) of them, in no promised order. `cursor` is NULL or "" at first, then the last
 * page's next cursor, see passlock_link_list_get_next_cursor().
 */
int passlock_links_list(passlock *client, const char *cursor, uint32_t limit,
                        passlock_link_list **ret);
int passlock_links_list_async(passlock *client, const char *cursor, uint32_t limit,
                              passlock_link_list_callback callback, void *userdata,
                              passlock_call **ret_call);

/*
 * Links an authenticator to a user. One that is linked to that user already is fine. Errors:
 * LINK_CONFLICT, STORE_FULL, LIMITS_EXCEEDED (the user has 1000 links, or too many calls at once).
 */
int passlock_links_add(passlock *client, const char *user_id, const char *authenticator_id);
int passlock_links_add_async(passlock *client, const char *user_id, const char *authenticator_id,
                             passlock_done_callback callback, void *userdata,
                             passlock_call **ret_call);

/*
 * Imports links as they were on another day or host: from passlock_link_new() or from a list, up to
 * 1000 in an array that ends in NULL. All of them are on disk then, or, after a failure, none is. A
 * link that is there already stays, with the earlier creation, the later use, and the platform's
 * name if it had none. What is linked to another user stays as it is. `options` may be NULL:
 *      dry_run     bool    only tell what would be (default: false)
 * Repeated after it was cut off, it counts as present what it had added before. Errors:
 * INVALID_ARGS (for more, or for one that is not valid; the text has its index), STORE_FULL.
 */
int passlock_links_import(passlock *client, passlock_link *const *links,
                          const passlock_options *options, passlock_import **ret);
int passlock_links_import_async(passlock *client, passlock_link *const *links,
                                const passlock_options *options, passlock_import_callback callback,
                                void *userdata, passlock_call **ret_call);

/* Removes a link. The passkey stays. Errors: NOT_FOUND, STORE_FULL. */
int passlock_links_remove(passlock *client, const char *authenticator_id);
int passlock_links_remove_async(passlock *client, const char *authenticator_id,
                                passlock_done_callback callback, void *userdata,
                                passlock_call **ret_call);

/*
 * Removes all links of a user. It says how many there were; none is not an error. `ret_removed` may
 * be NULL. Errors: STORE_FULL.
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
 * How far it has come: passkeys of the vault so far, and how many links there were when it began,
 * as a hint of how many are to come. Called like the callback of the end, any number of times
 * before that; who is late gets the newest numbers only.
 */
typedef void (*passlock_reconcile_progress_callback)(passlock *client, uint64_t checked,
                                                     uint64_t links, void *userdata);

/*
 * Compares the links with the passkeys in the vault. It links those that are not linked, and
 * removes links whose passkey is gone. What is linked to another user stays as it is. `options` may
 * be NULL:
 *      dry_run  bool  only count what would be (default: true)
 *
 * It takes as long as it takes, and has no deadline but one set with
 * passlock_call_set_timeout_ms(). Each is on a bus connection of its own, as the service stops when
 * that closes: when the call is cancelled or at its deadline, when the client or the process ends.
 * What was changed by then stays. Cut off, it is not repeated. `progress` may be NULL. Errors:
 * BAD_REQUEST, RATE_LIMITED, API_DENIED, UNREACHABLE, MALFORMED_REPLY, NOT_CONFIGURED, STORE_FULL,
 * LIMITS_EXCEEDED (one is under way on the tenancy).
 */
int passlock_reconcile(passlock *client, const passlock_options *options,
                       passlock_reconciliation **ret);
int passlock_reconcile_async(passlock *client, const passlock_options *options,
                             passlock_reconcile_progress_callback progress,
                             passlock_reconciliation_callback callback, void *userdata,
                             passlock_call **ret_call);

/*
 * The vault has the passkeys themselves, as the API keeps them. A change leaves the device as it
 * is; it results in a token, which the page redeems to tell the browser, and in warnings. Errors:
 * BAD_REQUEST, RATE_LIMITED, API_DENIED, UNREACHABLE, MALFORMED_REPLY, NOT_CONFIGURED.
 */

/* Gets one passkey of the vault, with all that is known. Error: NOT_FOUND. */
int passlock_vault_get(passlock *client, const char *passkey_id, passlock_passkey **ret);
int passlock_vault_get_async(passlock *client, const char *passkey_id,
                             passlock_passkey_callback callback, void *userdata,
                             passlock_call **ret_call);

/*
 * Lists all passkeys of the tenancy, a page at a time. The API chooses how many a page has.
 * `cursor` is NULL or "" at first, then the last page's next cursor, see
 * passlock_passkey_list_get_next_cursor(). A list does not have all that is known of a passkey, see
 * passlock_passkey_get_username().
 */
int passlock_vault_list(passlock *client, const char *cursor, passlock_passkey_list **ret);
int passlock_vault_list_async(passlock *client, const char *cursor,
                              passlock_passkey_list_callback callback, void *userdata,
                              passlock_call **ret_call);

/*
 * Gives all passkeys of a user another name. `options` may be NULL:
 *      display_name  string  the user's name for people
 */
int passlock_vault_update(passlock *client, const char *user_id, const char *username,
                          const passlock_options *options, passlock_management **ret);
int passlock_vault_update_async(passlock *client, const char *user_id, const char *username,
                                const passlock_options *options,
                                passlock_management_callback callback, void *userdata,
                                passlock_call **ret_call);

/*
 * Deletes passkeys and their links here. `passkey_ids` is an array of 1..100 of them, ended by
 * NULL. Those that do not exist are warnings.
 */
int passlock_vault_delete(passlock *client, const char *const *passkey_ids,
                          passlock_management **ret);
int passlock_vault_delete_async(passlock *client, const char *const *passkey_ids,
                                passlock_management_callback callback, void *userdata,
                                passlock_call **ret_call);

/* Deletes all passkeys of a user and the user's links here. */
int passlock_vault_delete_user(passlock *client, const char *user_id, passlock_management **ret);
int passlock_vault_delete_user_async(passlock *client, const char *user_id,
                                     passlock_management_callback callback, void *userdata,
                                     passlock_call **ret_call);

/*
 * Lets a page drop a user's passkeys that are gone. It changes nothing in the vault: the token
 * tells the browser which passkeys of the user are still good.
 */
int passlock_vault_prune(passlock *client, const char *user_id, passlock_management **ret);
int passlock_vault_prune_async(passlock *client, const char *user_id,
                               passlock_management_callback callback, void *userdata,
                               passlock_call **ret_call);

/*
 * The mailbox is for one-time codes by mail: who has one reads the mail of an address. Errors:
 * BAD_REQUEST, RATE_LIMITED, API_DENIED, UNREACHABLE, MALFORMED_REPLY, NOT_CONFIGURED.
 */

/*
 * Makes a challenge for a mailbox. The app keeps its secret to itself, the mail brings the code,
 * and who has both has read the mail. `purpose`, 1..64 of [A-Za-z0-9._:-], is part of what is
 * verified. Not repeated if it is cut off: a mail may have been sent. `options` may be NULL:
 *      name               string  the recipient's, for the mail
 *      user_id            string  the app's own
 *      metadata           string  a JSON object, as text; comes back with the challenge
 *      invalidate_others  bool    void the user's other challenges of this purpose (default: false)
 *      skip_rate_limit    bool    do not mind how many there were of late (default: false)
 *      send_email         bool    whether the API sends the mail (default: true)
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
 * Uses a challenge up. It tells whose mailbox it was and what for: compare both. Not repeated if
 * it is cut off. Errors: INVALID_CHALLENGE, INVALID_CHALLENGE_CODE, CHALLENGE_EXPIRED,
 * CHALLENGE_ATTEMPTS_EXCEEDED.
 */
int passlock_mailbox_verify(passlock *client, const char *challenge_id, const char *secret,
                            const char *code, passlock_challenge **ret);
int passlock_mailbox_verify_async(passlock *client, const char *challenge_id, const char *secret,
                                  const char *code, passlock_challenge_callback callback,
                                  void *userdata, passlock_call **ret_call);

/* Deletes a challenge. One that does not exist is fine. */
int passlock_mailbox_delete(passlock *client, const char *challenge_id);
int passlock_mailbox_delete_async(passlock *client, const char *challenge_id,
                                  passlock_done_callback callback, void *userdata,
                                  passlock_call **ret_call);

/*
 * The service itself.
 */

/* Gets the client's tenancy, all that is known of it. Error: UNKNOWN_OBJECT. */
int passlock_get_tenancy(passlock *client, passlock_tenancy **ret);
int passlock_get_tenancy_async(passlock *client, passlock_tenancy_callback callback, void *userdata,
                               passlock_call **ret_call);

/*
 * Lists the tenancies that a grant opens to the caller: label and id only. Error: ACCESS_DENIED
 * (there is none).
 */
int passlock_list_tenancies(passlock *client, passlock_tenancy_list **ret);
int passlock_list_tenancies_async(passlock *client, passlock_tenancy_list_callback callback,
                                  void *userdata, passlock_call **ret_call);

/* Gets the daemon's version, such as "0.1.0". */
int passlock_get_version(passlock *client, char **ret_version);
int passlock_get_version_async(passlock *client, passlock_string_callback callback, void *userdata,
                               passlock_call **ret_call);

/*
 * Makes the daemon read configuration and credentials again. It is for root, and for people whom
 * polkit authorises: see passlock_set_interactive(). Errors: ACCESS_DENIED, INVALID_ARGS (a mistake
 * in the configuration, with file and line in the text).
 */
int passlock_reload(passlock *client);
int passlock_reload_async(passlock *client, passlock_done_callback callback, void *userdata,
                          passlock_call **ret_call);

/*
 * Asks the daemon what it finds wrong with its host: users, groups and files that its configuration
 * names and that are not there, credentials that are no keys, links that it still has to look for.
 * The list is empty if all is well. It is for root, and for people whom polkit authorises: see
 * passlock_set_interactive(). Error: ACCESS_DENIED.
 */
int passlock_diagnose(passlock *client, passlock_finding_list **ret);
int passlock_diagnose_async(passlock *client, passlock_finding_list_callback callback,
                            void *userdata, passlock_call **ret_call);

/*
 * Lists what the caller may do: one entry for each grant that is for the caller, and, of what no
 * grant allows, what polkit would say of it now. Everybody may ask, for themselves only; the list
 * is empty for who may do nothing. Nobody is asked to authenticate for it.
 */
int passlock_list_rights(passlock *client, passlock_right_list **ret);
int passlock_list_rights_async(passlock *client, passlock_right_list_callback callback,
                               void *userdata, passlock_call **ret_call);

/*
 * Has the daemon prove which API key it uses for the client's tenancy. `nonce` is 32..128 of
 * [A-Za-z0-9_-], and random; the proof is HMAC-SHA-256 in lower-case hex, with the key, of
 * "dev.passlock.Passlock1.ProveKey:" and the nonce behind it. Who has the key can compute the same,
 * and nobody else learns the key by it. It is for root only: no grant and no polkit allows it.
 * Errors: ACCESS_DENIED, NOT_CONFIGURED.
 */
int passlock_prove_key(passlock *client, const char *nonce, char **ret_proof);
int passlock_prove_key_async(passlock *client, const char *nonce, passlock_string_callback callback,
                             void *userdata, passlock_call **ret_call);

/* ---- Monitoring ------------------------------------------------------------------------------ */

enum passlock_links_change {
        PASSLOCK_LINKS_ADDED = 1,   /* a link was added */
        PASSLOCK_LINKS_REMOVED = 2, /* a link was removed */
        PASSLOCK_LINKS_WATCHED = 3, /* changes are told from here on; earlier ones may be missing */
        PASSLOCK_LINKS_LOST = 4     /* changes are not told any more, or not yet; `r` says why */
};

/*
 * `user_id` and `authenticator_id` are lent, and NULL unless a link was added or removed; `r` is 0
 * unless the change is LOST. There may be changes and values of `r` that are not listed here.
 */
typedef void (*passlock_links_callback)(passlock *client, enum passlock_links_change change, int r,
                                        const char *user_id, const char *authenticator_id,
                                        void *userdata);

/*
 * Tells of every change to the tenancy's links. The callback is called from passlock_dispatch().
 * The first thing told is WATCHED: who keeps a copy of the links reads them then, and at every
 * further WATCHED. LOST with a negative `r` (the service or the bus went away) mends itself:
 * WATCHED follows when it is back. After LOST with an enum passlock_error (ACCESS_DENIED,
 * UNKNOWN_OBJECT, ...) it is tried again only when the service is restarted. If more than 10000
 * changes wait for passlock_dispatch() they are dropped for one WATCHED. Only the start of a
 * monitor makes the bus start the service.
 *
 * `ret` may be NULL: then it lasts as long as the client. Returns 0, -ECHILD, -EINVAL or -ENOMEM.
 */
int passlock_links_monitor(passlock *client, passlock_links_callback callback, void *userdata,
                           passlock_monitor **ret);

/*
 * Ends a monitor. Nothing is told any more. Returns NULL; NULL is fine. May be called from its
 * callback.
 */
passlock_monitor *passlock_monitor_cancel(passlock_monitor *monitor);

/* ---- Results --------------------------------------------------------------------------------- */

/*
 * A result is immutable and lives until its last reference is dropped. Its _ref function takes a
 * reference and returns its argument, its _unref function drops one and returns NULL; both take
 * NULL. Strings and other results that a getter returns are lent for as long as the result lives.
 * Times are milliseconds since the epoch.
 */

/*
 * A one-time token for a page. With registerPasskey() or authenticatePasskey() it makes a passkey
 * or signs in, once. Wiped from memory with the last reference.
 */
passlock_token *passlock_token_ref(passlock_token *token);
passlock_token *passlock_token_unref(passlock_token *token);

/* The token itself, to be sent to the page. */
const char *passlock_token_get_text(const passlock_token *token);

/* When it ends. */
uint64_t passlock_token_get_expires_at_ms(const passlock_token *token);

/* Who proved to hold a passkey. */
passlock_principal *passlock_principal_ref(passlock_principal *principal);
passlock_principal *passlock_principal_unref(passlock_principal *principal);

/* The API's own id of this proof. */
const char *passlock_principal_get_id(const passlock_principal *principal);

/* The user, by the id that the app gave when the passkey was made. */
const char *passlock_principal_get_user_id(const passlock_principal *principal);

/* The passkey, and of which kind it is, such as "passkey". */
const char *passlock_principal_get_authenticator_id(const passlock_principal *principal);
const char *passlock_principal_get_authenticator_type(const passlock_principal *principal);

/*
 * Of the browser, as it says of itself: what keeps the passkey, and where the request came from.
 * NULL if not known.
 */
const char *passlock_principal_get_platform_name(const passlock_principal *principal);
const char *passlock_principal_get_ip_address(const passlock_principal *principal);
const char *passlock_principal_get_user_agent(const passlock_principal *principal);

/* From when until when this proof is good. */
uint64_t passlock_principal_get_created_at_ms(const passlock_principal *principal);
uint64_t passlock_principal_get_expires_at_ms(const passlock_principal *principal);

/* The API verified the authenticator's signature. */
bool passlock_principal_is_verified(const passlock_principal *principal);

/* The authenticator checked who its user is (PIN, fingerprint, ...). */
bool passlock_principal_is_user_verified(const passlock_principal *principal);

/* The link is on disk. Never of an id_token, and not if the exchange was to keep no link. */
bool passlock_principal_is_linked(const passlock_principal *principal);

/* This exchange made the link: a passkey has just been created. */
bool passlock_principal_is_newly_linked(const passlock_principal *principal);

/* An authenticator of a user. */
passlock_link *passlock_link_ref(passlock_link *link);
passlock_link *passlock_link_unref(passlock_link *link);

/* What is linked to whom. */
const char *passlock_link_get_authenticator_id(const passlock_link *link);
const char *passlock_link_get_user_id(const passlock_link *link);

/* What keeps the passkey, such as a password manager. NULL if not known. */
const char *passlock_link_get_platform_name(const passlock_link *link);

/* When the link was made here. */
uint64_t passlock_link_get_created_at_ms(const passlock_link *link);

/* When a code of this authenticator was last exchanged for signing in; 0: never. */
uint64_t passlock_link_get_last_used_at_ms(const passlock_link *link);

/*
 * Makes one, to be imported. `platform_name` is NULL if not known; `last_used_at_ms` 0 for never.
 * Returns 0, -ENOMEM, -EINVAL for another NULL, or PASSLOCK_ERROR_INVALID_ARGS for text that cannot
 * be sent.
 */
int passlock_link_new(const char *authenticator_id, const char *user_id, const char *platform_name,
                      uint64_t created_at_ms, uint64_t last_used_at_ms, passlock_link **ret);

/* A page of links, or those of one user. */
passlock_link_list *passlock_link_list_ref(passlock_link_list *links);
passlock_link_list *passlock_link_list_unref(passlock_link_list *links);

/* How many there are in it. */
size_t passlock_link_list_get_size(const passlock_link_list *links);

/* One of them, lent; NULL at `index` >= size. */
passlock_link *passlock_link_list_get(const passlock_link_list *links, size_t index);

/* Where the next page begins; "" after the last one, and always for the links of one user. */
const char *passlock_link_list_get_next_cursor(const passlock_link_list *links);

/* One of the daemon's tenancies. */
passlock_tenancy *passlock_tenancy_ref(passlock_tenancy *tenancy);
passlock_tenancy *passlock_tenancy_unref(passlock_tenancy *tenancy);

/* What it is called on this host, and by the API. */
const char *passlock_tenancy_get_label(const passlock_tenancy *tenancy);
const char *passlock_tenancy_get_id(const passlock_tenancy *tenancy);

/* Where its API is. NULL in a tenancy from passlock_list_tenancies(). */
const char *passlock_tenancy_get_endpoint(const passlock_tenancy *tenancy);

/* The file with the only certificates that are trusted there. NULL for those of the system, and in
 * a tenancy from passlock_list_tenancies(). */
const char *passlock_tenancy_get_ca_file(const passlock_tenancy *tenancy);

/*
 * "ready", "unconfigured" (no key), "denied" (the API refused the key at the last call) or
 * "degraded" (the API gave no usable answer at the last call). NULL in a tenancy from
 * passlock_list_tenancies().
 */
const char *passlock_tenancy_get_state(const passlock_tenancy *tenancy);

/* The name of the credential that its API key comes from. NULL in a tenancy from
 * passlock_list_tenancies(). */
const char *passlock_tenancy_get_credential(const passlock_tenancy *tenancy);

/* The tenancies that are open to the caller. */
passlock_tenancy_list *passlock_tenancy_list_ref(passlock_tenancy_list *tenancies);
passlock_tenancy_list *passlock_tenancy_list_unref(passlock_tenancy_list *tenancies);

/* How many there are in it. */
size_t passlock_tenancy_list_get_size(const passlock_tenancy_list *tenancies);

/* One of them, lent; NULL at `index` >= size. */
passlock_tenancy *passlock_tenancy_list_get(const passlock_tenancy_list *tenancies, size_t index);

/* Something that the daemon found to be wrong. Texts are never NULL. */
passlock_finding *passlock_finding_ref(passlock_finding *finding);
passlock_finding *passlock_finding_unref(passlock_finding *finding);

/* What it is about, such as user, group, ca-file, credential, store or recovery; there may be more.
 */
const char *passlock_finding_get_kind(const passlock_finding *finding);

/* The label of the tenancy that it is about, and the name of the user, file or credential; "" for
 * none. */
const char *passlock_finding_get_tenancy(const passlock_finding *finding);
const char *passlock_finding_get_name(const passlock_finding *finding);

/* Where the configuration names it, as FILE:LINE; "" for nowhere. */
const char *passlock_finding_get_place(const passlock_finding *finding);

/* What is wrong, and what to do about it, for people; the latter is "" if it is nothing. */
const char *passlock_finding_get_text(const passlock_finding *finding);
const char *passlock_finding_get_advice(const passlock_finding *finding);

/* A list of findings. */
passlock_finding_list *passlock_finding_list_ref(passlock_finding_list *findings);
passlock_finding_list *passlock_finding_list_unref(passlock_finding_list *findings);

/* How many there are in it. */
size_t passlock_finding_list_get_size(const passlock_finding_list *findings);

/* One of them, lent; NULL at `index` >= size. */
passlock_finding *passlock_finding_list_get(const passlock_finding_list *findings, size_t index);

/* Something that the caller may do. */
passlock_right *passlock_right_ref(passlock_right *right);
passlock_right *passlock_right_unref(passlock_right *right);

/* The label of the tenancy that it is for; "" for the daemon itself. */
const char *passlock_right_get_tenancy(const passlock_right *right);

/* Who allows it: "root" (the caller is), "grant" or "polkit". */
const char *passlock_right_get_source(const passlock_right *right);

/* The name of the grant's section; NULL unless it is a grant that allows it. */
const char *passlock_right_get_grant(const passlock_right *right);

/* What is allowed, in an array that ends in NULL: of a grant and of root, the words of Allow= in
 * passlockd.conf(5), one for each right; of polkit, the actions in passlockd(8). */
const char *const *passlock_right_get_names(const passlock_right *right);

/* The relying party ids that Authorize and AuthorizeAuthentication are limited to, in an array that
 * ends in NULL; empty for no limit. */
const char *const *passlock_right_get_rp_ids(const passlock_right *right);

/* Whether somebody has to authenticate for it first, as polkit says. */
bool passlock_right_needs_authentication(const passlock_right *right);

/* A list of what the caller may do. */
passlock_right_list *passlock_right_list_ref(passlock_right_list *rights);
passlock_right_list *passlock_right_list_unref(passlock_right_list *rights);

/* How many there are in it. */
size_t passlock_right_list_get_size(const passlock_right_list *rights);

/* One of them, lent; NULL at `index` >= size. */
passlock_right *passlock_right_list_get(const passlock_right_list *rights, size_t index);

/*
 * A passkey in the vault. One from a list does not have what passlock_passkey_get_username() and
 * the functions after it return: there it is NULL, 0, false or empty.
 */
passlock_passkey *passlock_passkey_ref(passlock_passkey *passkey);
passlock_passkey *passlock_passkey_unref(passlock_passkey *passkey);

/* The id, the same as the authenticator id of a link. */
const char *passlock_passkey_get_id(const passlock_passkey *passkey);

/* The app's own id of the user. NULL if not known. */
const char *passlock_passkey_get_user_id(const passlock_passkey *passkey);

/* As browsers know the passkey and its user, base64url. */
const char *passlock_passkey_get_credential_id(const passlock_passkey *passkey);
const char *passlock_passkey_get_credential_user_id(const passlock_passkey *passkey);

/* Whether one can sign in with it. */
bool passlock_passkey_is_enabled(const passlock_passkey *passkey);

/* When it was made. */
uint64_t passlock_passkey_get_created_at_ms(const passlock_passkey *passkey);

/* When it was last used; 0: never. */
uint64_t passlock_passkey_get_last_used_at_ms(const passlock_passkey *passkey);

/* What authenticators show. */
const char *passlock_passkey_get_username(const passlock_passkey *passkey);

/* The model of the authenticator, a UUID; zeros if it does not tell. */
const char *passlock_passkey_get_aaguid(const passlock_passkey *passkey);

/* "singleDevice" or "multiDevice": whether it can be copied to other devices. */
const char *passlock_passkey_get_device_type(const passlock_passkey *passkey);

/* A COSE key, base64url. */
const char *passlock_passkey_get_public_key(const passlock_passkey *passkey);

/* The relying party id that it was made for. */
const char *passlock_passkey_get_rp_id(const passlock_passkey *passkey);

/* How the authenticator is reached, such as "internal". Ended by NULL, and never NULL itself. */
const char *const *passlock_passkey_get_transports(const passlock_passkey *passkey);

/* Whether it has been copied to other devices. */
bool passlock_passkey_is_backed_up(const passlock_passkey *passkey);

/* How many signatures it made, as the authenticator counts them; 0 if it does not. */
uint64_t passlock_passkey_get_counter(const passlock_passkey *passkey);

/* When the vault changed it last. */
uint64_t passlock_passkey_get_updated_at_ms(const passlock_passkey *passkey);

/* What keeps the passkey, and a picture of that. NULL if not known. */
const char *passlock_passkey_get_platform_name(const passlock_passkey *passkey);
const char *passlock_passkey_get_platform_icon(const passlock_passkey *passkey);

/* A page of the passkeys in the vault. */
passlock_passkey_list *passlock_passkey_list_ref(passlock_passkey_list *passkeys);
passlock_passkey_list *passlock_passkey_list_unref(passlock_passkey_list *passkeys);

/* How many there are in it. */
size_t passlock_passkey_list_get_size(const passlock_passkey_list *passkeys);

/* One of them, lent; NULL at `index` >= size. */
passlock_passkey *passlock_passkey_list_get(const passlock_passkey_list *passkeys, size_t index);

/* Where the next page begins; "" after the last one. */
const char *passlock_passkey_list_get_next_cursor(const passlock_passkey_list *passkeys);

/* What a change of the vault brings. The token is wiped from memory with the last reference. */
passlock_management *passlock_management_ref(passlock_management *management);
passlock_management *passlock_management_unref(passlock_management *management);

/* For a page, which redeems it once to tell the browser. */
const char *passlock_management_get_token(const passlock_management *management);

/* When the token ends. */
uint64_t passlock_management_get_expires_at_ms(const passlock_management *management);

/* How many warnings there are. */
size_t passlock_management_get_n_warnings(const passlock_management *management);

/* A warning, such as PASSKEY_NOT_FOUND, and a text for people. NULL at `index` >= their number. */
const char *passlock_management_get_warning_code(const passlock_management *management,
                                                 size_t index);
const char *passlock_management_get_warning_message(const passlock_management *management,
                                                    size_t index);

/* The passkey that a warning is about; NULL if it is about none, and at `index` >= their number. */
const char *passlock_management_get_warning_passkey_id(const passlock_management *management,
                                                       size_t index);

/* Whether somebody reads a mailbox. Wiped from memory with the last reference. */
passlock_challenge *passlock_challenge_ref(passlock_challenge *challenge);
passlock_challenge *passlock_challenge_unref(passlock_challenge *challenge);

/* By which the other calls know it. */
const char *passlock_challenge_get_id(const passlock_challenge *challenge);

/* What it is for, and whose mailbox it is about. */
const char *passlock_challenge_get_purpose(const passlock_challenge *challenge);
const char *passlock_challenge_get_email(const passlock_challenge *challenge);

/* The app's own user id, and a JSON object as text. NULL if the challenge was made without. */
const char *passlock_challenge_get_user_id(const passlock_challenge *challenge);
const char *passlock_challenge_get_metadata(const passlock_challenge *challenge);

/* From when until when it can be used. */
uint64_t passlock_challenge_get_created_at_ms(const passlock_challenge *challenge);
uint64_t passlock_challenge_get_expires_at_ms(const passlock_challenge *challenge);

/* For the app only. NULL unless the challenge comes from passlock_mailbox_create(). */
const char *passlock_challenge_get_secret(const passlock_challenge *challenge);

/* For the mail only. NULL unless the challenge comes from passlock_mailbox_create(). */
const char *passlock_challenge_get_code(const passlock_challenge *challenge);

/*
 * A mail to send, if the API does not; the code is in it. NULL unless the challenge comes from
 * passlock_mailbox_create().
 */
const char *passlock_challenge_get_message_html(const passlock_challenge *challenge);
const char *passlock_challenge_get_message_text(const passlock_challenge *challenge);

/* How links and vault differ; in a dry run what would be added and removed. */
passlock_reconciliation *passlock_reconciliation_ref(passlock_reconciliation *reconciliation);
passlock_reconciliation *passlock_reconciliation_unref(passlock_reconciliation *reconciliation);

/* Passkeys in the vault. */
uint64_t passlock_reconciliation_get_checked(const passlock_reconciliation *reconciliation);

/* Those that were not linked here. */
uint64_t passlock_reconciliation_get_added(const passlock_reconciliation *reconciliation);

/* Links here without a passkey there. */
uint64_t passlock_reconciliation_get_removed(const passlock_reconciliation *reconciliation);

/* Passkeys of a user that are linked here to another; never changed. */
uint64_t passlock_reconciliation_get_conflicts(const passlock_reconciliation *reconciliation);

/* What became of imported links; in a dry run, what would. */
passlock_import *passlock_import_ref(passlock_import *import);
passlock_import *passlock_import_unref(passlock_import *import);

/* Those that were not there yet. */
uint64_t passlock_import_get_added(const passlock_import *import);

/* Those that were there already. */
uint64_t passlock_import_get_present(const passlock_import *import);

/* Authenticators that were left out, since they are linked to another user, or since theirs has as
 * many as one may. Both end in NULL, and are never NULL themselves. */
const char *const *passlock_import_get_conflicting(const passlock_import *import);
const char *const *passlock_import_get_exceeding(const passlock_import *import);

#ifdef __cplusplus
}
#endif

#endif
