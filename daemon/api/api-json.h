/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/principal.h"
#include "daemon/model/registration.h"
#include "dbus/error.h"

/*
 * What travels to and from the API, as JSON. Pure. Replies are checked strictly: every promised
 * field must be there, of its type and within its bounds; what is not promised is ignored, and null
 * stands for an optional field that is absent. The readers return 0, -ENOMEM or, unless said
 * otherwise, ERROR_MALFORMED_REPLY.
 */

/* A longer reply is not read. */
#define API_REPLY_LEN_MAX (256U * 1024)

/* The body that authorises a registration, to be freed. rp_id goes out in lower case, and what is
 * not set does not go out. Returns 0, -ENOMEM, or -EINVAL if a member that must be set is NULL or
 * anything is not UTF-8. */
int api_json_write_registration(const Registration *registration, char **ret);

/* An AuthorizedPasskeyRegistration. Fills in the token, which the caller frees. */
int api_json_read_registration_token(const char *body, size_t body_len, Token *ret);

/* An ExtendedPrincipal. One whose authenticator is not a passkey is malformed: nobody shall take
 * for a passkey what is something else. */
int api_json_read_principal(const char *body, size_t body_len, Principal **ret);

/*
 * A complete reply whose status is not 2xx. `known` are the errors that the endpoint may answer
 * with, ending in 0; any may deny the key or limit the rate. Whatever is not understood is
 * ERROR_UNREACHABLE. `ret_retry_after_s` is 0 unless the body tells. Returns an Error or -ENOMEM.
 */
int api_json_read_error(unsigned status, const char *body, size_t body_len, const Error *known,
                        uint32_t *ret_retry_after_s);
