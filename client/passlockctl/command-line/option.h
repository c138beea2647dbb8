/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/passlockctl/invocation.h"

typedef enum Option {
        OPTION_TENANCY,
        OPTION_JSON,
        OPTION_TIMEOUT,
        OPTION_NO_LEGEND,
        OPTION_NO_ASK_PASSWORD,
        OPTION_COMPLETE,
        OPTION_HELP,
        OPTION_VERSION,
        N_COMMON_OPTIONS,

        /* Options of some verbs. */
        OPTION_ALLOW = N_COMMON_OPTIONS,
        OPTION_ANY_TENANCY,
        OPTION_APPLY,
        OPTION_AUTHENTICATOR,
        OPTION_CA_FILE,
        OPTION_CEREMONY_TIMEOUT_MS,
        OPTION_CREDENTIAL,
        OPTION_DIRECTORY,
        OPTION_DISCOVERABLE,
        OPTION_DISPLAY_NAME,
        OPTION_DRY_RUN,
        OPTION_EVENT,
        OPTION_EXCLUDE,
        OPTION_FOLLOW,
        OPTION_INVALIDATE_OTHERS,
        OPTION_LINES,
        OPTION_MEDIATION,
        OPTION_METADATA,
        OPTION_METHOD,
        OPTION_NAME,
        OPTION_NO_EMAIL,
        OPTION_NO_EXCLUDE_LINKED,
        OPTION_NO_LINK,
        OPTION_PLAIN,
        OPTION_RELYING_PARTY,
        OPTION_REMOVE_UP_TO,
        OPTION_REQUEST_ID,
        OPTION_RP_NAME,
        OPTION_SINCE,
        OPTION_SKIP_RATE_LIMIT,
        OPTION_STORE_DIR,
        OPTION_UID,
        OPTION_UNTIL,
        OPTION_USER,
        OPTION_USER_ID,
        OPTION_USER_VERIFICATION,
        OPTION_YES,
        N_OPTIONS,
} Option;

#define OPTION_BIT(option) (UINT64_C(1) << (option))
#define COMMON_OPTIONS     (OPTION_BIT(N_COMMON_OPTIONS) - 1)

const char *option_name(Option option);
bool option_takes_value(Option option);

/*
 * Sets an option of the call or a member of the invocation. `value` is borrowed for the
 * invocation's life, NULL for a flag. Returns as the library's setters; -EINVAL for an invalid
 * number.
 */
int option_set(Option option, const char *value, Invocation *invocation);
