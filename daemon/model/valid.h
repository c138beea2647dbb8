/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/text.h"

/*
 * What an acceptable string is, for everything that comes from a caller or from the API. All take
 * NUL-terminated text and accept neither NULL nor anything that is not UTF-8.
 */

bool user_id_is_valid(const char *s);  /* 1..256 bytes */
bool username_is_valid(const char *s); /* 1..256 bytes */
bool rp_id_is_valid(const char *s);    /* 1..253 bytes; its syntax is the API's to judge */
/* A domain name, as a relying party id has to be: localhost, or labels of letters, digits and inner
 * hyphens (others as xn--…), of which the last is no number; not an IP address, no dot at the end.
 */
bool domain_name_is_valid(const char *s);
bool platform_name_is_valid(const char *s);     /* 1..256 bytes */
bool code_is_valid(const char *s);              /* 1..512 bytes */
bool id_is_valid(const char *s);                /* an authenticator's: 1..512 bytes */
bool request_id_is_valid(const char *s);        /* 16..64 of [A-Za-z0-9_-] */
bool tenancy_label_is_valid(const char *s);     /* 1..32 of [a-z0-9_] */
bool tenancy_id_is_valid(const char *s);        /* 1..256 of printable ASCII */
bool user_verification_is_valid(const char *s); /* required, preferred, discouraged */
bool mediation_is_valid(const char *s);         /* required, conditional */
bool id_token_is_valid(const char *s);          /* 1..8192 bytes */
bool email_is_valid(const char *s);             /* something@something, 3..254 bytes */
bool purpose_is_valid(const char *s);           /* 1..64 of [A-Za-z0-9._:-] */
bool secret_is_valid(const char *s);            /* a challenge's: 1..512 bytes */
bool challenge_code_is_valid(const char *s);    /* 1..64 bytes */
bool metadata_is_valid(const char *s); /* 1..4096 bytes; that it is JSON, the API layer sees */
