/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/authentication.h"
#include "daemon/model/challenge.h"
#include "daemon/model/management.h"
#include "daemon/model/passkey.h"
#include "daemon/model/principal.h"
#include "daemon/model/registration.h"
#include "dbus/error.h"

/*
 * JSON bodies of requests and replies. Pure.
 *
 * Fields of a reply that affect a decision are validated strictly: each documented field must be
 * present, of its type and within bounds; null means an absent optional field.
 *
 * Informational fields never fail a call, because browsers, authenticators and users write them:
 * user agent, IP address and their object; names of a passkey and its platform, the platform's
 * icon, transports; the text of a mail; a warning. A text that is too long is truncated if the rest
 * is still useful. A value of the wrong type, or a text that D-Bus cannot carry, is skipped.
 *
 * Unknown fields are ignored. A number that overflows both integer and double is out of range;
 * numbers in the metadata of a challenge are passed on unchanged.
 *
 * Readers return 0, -ENOMEM or, unless stated otherwise, ERROR_MALFORMED_REPLY. Writers make a body
 * that the caller wipes and frees; they skip unset fields and return 0, -ENOMEM, or -EINVAL for a
 * missing required field or invalid UTF-8.
 */

/* Maximum size of a reply. */
#define API_REPLY_LEN_MAX (256U * 1024)
/* Maximum size of a page of passkeys. */
#define API_LIST_LEN_MAX (4U * 1024 * 1024)

/* Lower-cases rp_id. */
int api_json_write_registration(const Registration *registration, char **ret);
/* Lower-cases rp_id. -EINVAL also unless authentication_is_valid(). */
int api_json_write_authentication(const Authentication *authentication, char **ret);

/* Parse AuthorizedPasskeyRegistration and AuthorizedPasskeyAuthentication. The caller wipes and
 * frees the token. */
int api_json_read_registration_token(const char *body, size_t body_len, Token *ret);
int api_json_read_authentication_token(const char *body, size_t body_len, Token *ret);

/* Parses ExtendedPrincipal. ERROR_MALFORMED_REPLY for an authenticator that is not a passkey. */
int api_json_read_principal(const char *body, size_t body_len, Principal **ret);

/* Parses Passkey. Times in seconds are detected by their size, and converted. */
int api_json_read_passkey(const char *body, size_t body_len, Passkey **ret);
/* Parses FindAllPasskeys, a page. The cursor is NULL after the last page; the caller frees it.
 * Unreadable rows are skipped and counted. */
int api_json_read_passkey_list(const char *body, size_t body_len, PasskeyList *ret,
                               char **ret_next_cursor);

/* Bodies of vault changes. */
int api_json_write_update(const char *user_id, const char *username, const char *display_name,
                          char **ret);
/* -EINVAL also for an empty list. */
int api_json_write_passkey_ids(char *const *passkey_ids, char **ret);
int api_json_write_user(const char *user_id, char **ret);

/* Parses PreparedPasskeyUpdate, -Deletion and -Pruning. Unknown warning codes are kept; warnings
 * without a code, and those after the first 1000, are skipped. */
int api_json_read_update(const char *body, size_t body_len, Management *ret);
int api_json_read_deletion(const char *body, size_t body_len, Management *ret);
int api_json_read_pruning(const char *body, size_t body_len, Management *ret);

/* Also ERROR_INVALID_ARGS for metadata that is not a JSON object, or exceeds 4096 bytes without
 * white space. */
int api_json_write_challenge(const ChallengeRequest *request, char **ret);
int api_json_write_verification(const char *challenge_id, const char *secret, const char *code,
                                char **ret);

/* Parse ChallengeCreated with its secrets, Challenge, and ChallengeVerified. */
int api_json_read_created_challenge(const char *body, size_t body_len, Challenge **ret);
int api_json_read_challenge(const char *body, size_t body_len, Challenge **ret);
int api_json_read_verified_challenge(const char *body, size_t body_len, Challenge **ret);
/* Parses ChallengeDeleted. */
int api_json_check_challenge_deleted(const char *body, size_t body_len);

/* Checks that a JWK set has an array of keys; key_set_parse() parses the keys. */
int api_json_check_key_set(const char *body, size_t body_len);

/* The body of an error reply. */
#define API_TAG_LEN_MAX 64U
typedef struct ApiErrorBody {
        char tag[API_TAG_LEN_MAX + 1]; /* "": missing or too long */
        uint32_t retry_after_s;        /* 0: not given */
} ApiErrorBody;

/* Parses any body; without JSON, *ret is empty. Returns 0 or -ENOMEM. */
int api_json_read_error(const char *body, size_t body_len, ApiErrorBody *ret);
