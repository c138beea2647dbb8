/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/model/valid.h"

#define ALPHA_LOWER "abcdefghijklmnopqrstuvwxyz"
#define ALPHA       ALPHA_LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS      "0123456789"

static bool made_of(const char *s, const char *alphabet, size_t len_min, size_t len_max)
{
        size_t len = s ? strnlen(s, len_max + 1) : 0;

        return len >= len_min && len <= len_max && strspn(s, alphabet) == len;
}

DEFINE_TEXT_RULE(user_id_is_valid, USER_ID_LEN_MAX);
DEFINE_TEXT_RULE(username_is_valid, USERNAME_LEN_MAX);
DEFINE_TEXT_RULE(rp_id_is_valid, RP_ID_LEN_MAX);

DEFINE_TEXT_RULE(platform_name_is_valid, PLATFORM_NAME_LEN_MAX);
DEFINE_TEXT_RULE(code_is_valid, CODE_LEN_MAX);
DEFINE_TEXT_RULE(id_is_valid, PASSKEY_ID_LEN_MAX);

bool request_id_is_valid(const char *s)
{
        return made_of(s, ALPHA DIGITS "_-", REQUEST_ID_LEN_MIN, REQUEST_ID_LEN_MAX);
}

bool tenancy_label_is_valid(const char *s)
{
        return made_of(s, ALPHA_LOWER DIGITS "_", 1, TENANCY_LABEL_LEN_MAX);
}

bool tenancy_id_is_valid(const char *s)
{
        /* "." and ".." would change the path of a URL. */
        if (!text_is_valid(s, TENANCY_ID_LEN_MAX) || streq(s, ".") || streq(s, ".."))
                return false;
        for (; *s; s++)
                if (*s <= ' ' || *s > '~')
                        return false;
        return true;
}

bool user_verification_is_valid(const char *s)
{
        return s && (streq(s, "required") || streq(s, "preferred") || streq(s, "discouraged"));
}

bool mediation_is_valid(const char *s)
{
        return s && (streq(s, "required") || streq(s, "conditional"));
}

DEFINE_TEXT_RULE(id_token_is_valid, ID_TOKEN_LEN_MAX);

bool email_is_valid(const char *s)
{
        const char *at;

        if (!text_is_valid(s, EMAIL_LEN_MAX))
                return false;
        at = strchr(s, '@');
        return at && at > s && at[1] && !strchr(at + 1, '@');
}

bool purpose_is_valid(const char *s)
{
        return made_of(s, ALPHA DIGITS "._:-", 1, PURPOSE_LEN_MAX);
}

DEFINE_TEXT_RULE(secret_is_valid, CHALLENGE_SECRET_LEN_MAX);
DEFINE_TEXT_RULE(challenge_code_is_valid, CHALLENGE_CODE_LEN_MAX);
DEFINE_TEXT_RULE(metadata_is_valid, METADATA_LEN_MAX);
