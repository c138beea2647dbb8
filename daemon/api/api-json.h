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
 * What travels to and from the API, as JSON. Pure. The fields of a reply are of two kinds.
 *
 * Those that decide are checked strictly. Every promised one must be there, of its type and within
 * its bounds; null stands for an optional one that is absent.
 *
 * Those that inform never decide whether a call works, since browsers, authenticators and users
 * write them: the user agent, the IP address, and the object that they are in; the names of a
 * passkey and of its platform, the platform's icon, and each of the transports; the text of a mail,
 * which has a name in it; a warning. A text that is too long is cut, where a part of it still
 * informs. What is not of its type, or no text that the bus can carry, is left out.
 *
 * What is not promised is ignored. A number that no integer and no double holds is one that is out
 * of range, and a challenge's metadata is passed on with its numbers as they are. The readers
 * return 0, -ENOMEM or, unless said otherwise, ERROR_MALFORMED_REPLY. The writers make a body,
 * which the caller wipes and frees; they leave out what is not set, and return 0, -ENOMEM, or
 * -EINVAL if something that must be set is NULL or anything is not UTF-8.
 */

/* A longer reply is not read. */
#define API_REPLY_LEN_MAX (256U * 1024)
/* The same for a page of passkeys. */
#define API_LIST_LEN_MAX (4U * 1024 * 1024)

/* rp_id goes out in lower case. */
int api_json_write_registration(const Registration *registration, char **ret);
/* The same; -EINVAL also for one that is not authentication_is_valid(). */
int api_json_write_authentication(const Authentication *authentication, char **ret);

/* An AuthorizedPasskeyRegistration, an AuthorizedPasskeyAuthentication. Fills in the token, which
 * the caller wipes and frees. */
int api_json_read_registration_token(const char *body, size_t body_len, Token *ret);
int api_json_read_authentication_token(const char *body, size_t body_len, Token *ret);

/* An ExtendedPrincipal. One whose authenticator is not a passkey is malformed: nobody shall take
 * for a passkey what is something else. */
int api_json_read_principal(const char *body, size_t body_len, Principal **ret);

/* A Passkey. Times that can only be seconds are taken for such. */
int api_json_read_passkey(const char *body, size_t body_len, Passkey **ret);
/* A page of them: FindAllPasskeys. The cursor is NULL after the last one, else to be freed. A row
 * that cannot be read is left out and counted. */
int api_json_read_passkey_list(const char *body, size_t body_len, PasskeyList *ret,
                               char **ret_next_cursor);

/* The bodies that change the vault. */
int api_json_write_update(const char *user_id, const char *username, const char *display_name,
                          char **ret);
/* -EINVAL also without any id. */
int api_json_write_passkey_ids(char *const *passkey_ids, char **ret);
int api_json_write_user(const char *user_id, char **ret);

/* What a change comes to: PreparedPasskeyUpdate, -Deletion, -Pruning. Warnings may have codes that
 * nobody here knows; one without a code is left out, and so is what is beyond the first 1000. */
int api_json_read_update(const char *body, size_t body_len, Management *ret);
int api_json_read_deletion(const char *body, size_t body_len, Management *ret);
int api_json_read_pruning(const char *body, size_t body_len, Management *ret);

/* Returns also ERROR_INVALID_ARGS for metadata that is no JSON object, or longer than 4096 bytes
 * without the white space. */
int api_json_write_challenge(const ChallengeRequest *request, char **ret);
int api_json_write_verification(const char *challenge_id, const char *secret, const char *code,
                                char **ret);

/* A ChallengeCreated, with all that only its maker sees; a Challenge; a ChallengeVerified. */
int api_json_read_created_challenge(const char *body, size_t body_len, Challenge **ret);
int api_json_read_challenge(const char *body, size_t body_len, Challenge **ret);
int api_json_read_verified_challenge(const char *body, size_t body_len, Challenge **ret);
/* A ChallengeDeleted. */
int api_json_check_challenge_deleted(const char *body, size_t body_len);

/* A JWK set, in as far as it has an array of keys. What they are is key_set_parse()'s to say. */
int api_json_check_key_set(const char *body, size_t body_len);

/* What the body of a reply that is no success says. */
#define API_TAG_LEN_MAX 64U
typedef struct ApiErrorBody {
        char tag[API_TAG_LEN_MAX + 1]; /* "": none, or a longer one */
        uint32_t retry_after_s;        /* 0: it does not say */
} ApiErrorBody;

/* Any body: one that is no JSON says nothing. Returns 0 or -ENOMEM. */
int api_json_read_error(const char *body, size_t body_len, ApiErrorBody *ret);
