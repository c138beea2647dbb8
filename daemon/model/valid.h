/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/domain-name.h"
#include "base/text.h"

/* Bounds and validation of callers' arguments and of strings from the API. The functions take
 * NUL-terminated text, and reject NULL and invalid UTF-8. */

/* Bounds in bytes of UTF-8. The minimum is 1 unless stated otherwise. */
#define USER_ID_LEN_MAX          256U
#define USERNAME_LEN_MAX         256U
#define RP_ID_LEN_MAX            253U
#define PLATFORM_NAME_LEN_MAX    256U
#define CODE_LEN_MAX             512U
#define PASSKEY_ID_LEN_MAX       512U /* also called authenticator id */
#define REQUEST_ID_LEN_MIN       16U
#define REQUEST_ID_LEN_MAX       64U
#define TENANCY_LABEL_LEN_MAX    32U
#define TENANCY_ID_LEN_MAX       256U
#define ID_TOKEN_LEN_MAX         8192U
#define EMAIL_LEN_MAX            254U
#define PURPOSE_LEN_MAX          64U
#define CHALLENGE_SECRET_LEN_MAX 512U
#define CHALLENGE_CODE_LEN_MAX   64U
#define METADATA_LEN_MAX         4096U
#define VAULT_CURSOR_LEN_MAX     1024U

/* Items in a list. */
#define LINKS_PAGE_MAX      1000U /* `limit` of List */
#define LINKS_PAGE_DEFAULT  100U  /* for limit 0 */
#define LINKS_PAGE_BYTES    (64U * 1024U)
#define LINKS_IMPORT_MAX    1000U
#define PASSKEYS_DELETE_MAX 100U
#define OPTION_LIST_MAX     256U

/* The largest integer that JSON numbers represent exactly. */
#define TIME_MS_MAX ((UINT64_C(1) << 53) - 1)

/* For error messages. */
#define TENANCY_LABEL_RULE "1 to 32 of a-z, 0-9 and _"

/* Defines a function that validates text of 1 to `len_max` bytes. */
#define DEFINE_TEXT_RULE(func, len_max) \
        bool func(const char *s) \
        { \
                return text_is_valid(s, (len_max)); \
        } \
        struct swallow_semicolon

bool user_id_is_valid(const char *s);
bool username_is_valid(const char *s);
bool rp_id_is_valid(const char *s); /* the API checks the syntax */
bool platform_name_is_valid(const char *s);
bool code_is_valid(const char *s);
bool id_is_valid(const char *s);                /* of a passkey */
bool request_id_is_valid(const char *s);        /* [A-Za-z0-9_-] */
bool tenancy_label_is_valid(const char *s);     /* [a-z0-9_] */
bool tenancy_id_is_valid(const char *s);        /* printable ASCII */
bool user_verification_is_valid(const char *s); /* required, preferred, discouraged */
bool mediation_is_valid(const char *s);         /* required, conditional */
bool id_token_is_valid(const char *s);
bool email_is_valid(const char *s);          /* something@something */
bool purpose_is_valid(const char *s);        /* [A-Za-z0-9._:-] */
bool secret_is_valid(const char *s);         /* of a challenge */
bool challenge_code_is_valid(const char *s); /* of a challenge */
bool metadata_is_valid(const char *s);       /* the API layer checks that it is JSON */
