/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "base/text.h"
#include "client/passlockctl/command-line/option.h"

#define TIMEOUT_SEC_MAX 86400U

/* Where an option is stored: as an option of the D-Bus call, or in the Invocation. */
typedef enum Kind {
        CALL_STRING,
        CALL_TRUE,
        CALL_FALSE,
        CALL_NUMBER,
        CALL_LIST, /* repeatable */
        OWN_STRING,
        OWN_TRUE,
        OWN_SECONDS, /* in milliseconds */
} Kind;

static const struct {
        const char *name;
        Kind kind;
        const char *bus_name;
        size_t offset; /* in Invocation */
} table[] = {
#define CALL(name, kind, bus_name) \
        { \
                (name), (kind), (bus_name), 0 \
        }
#define LIST(name, bus_name, member) \
        { \
                (name), CALL_LIST, (bus_name), offsetof(Invocation, member) \
        }
#define OWN(name, kind, member) \
        { \
                (name), (kind), NULL, offsetof(Invocation, member) \
        }
        [OPTION_TENANCY] = OWN("tenancy", OWN_STRING, tenancy),
        [OPTION_JSON] = OWN("json", OWN_TRUE, json),
        [OPTION_TIMEOUT] = OWN("timeout", OWN_SECONDS, timeout_ms),
        [OPTION_NO_LEGEND] = OWN("no-legend", OWN_TRUE, no_legend),
        [OPTION_NO_ASK_PASSWORD] = OWN("no-ask-password", OWN_TRUE, no_ask_password),
        [OPTION_COMPLETE] = OWN("complete", OWN_STRING, complete), /* hidden, for completions/ */
        [OPTION_HELP] = OWN("help", OWN_TRUE, help),
        [OPTION_VERSION] = OWN("version", OWN_TRUE, version),
        [OPTION_ALLOW] = LIST("allow", "allow_credentials", allow),
        [OPTION_ANY_TENANCY] = OWN("any-tenancy", OWN_TRUE, any_tenancy),
        [OPTION_APPLY] = OWN("apply", OWN_TRUE, apply),
        [OPTION_AUTHENTICATOR] = OWN("authenticator", OWN_STRING, authenticator),
        [OPTION_CA_FILE] = OWN("ca-file", OWN_STRING, ca_file),
        [OPTION_CEREMONY_TIMEOUT_MS] = CALL("ceremony-timeout-ms", CALL_NUMBER, "timeout_ms"),
        [OPTION_CREDENTIAL] = OWN("credential", OWN_STRING, credential),
        [OPTION_DIRECTORY] = OWN("directory", OWN_STRING, directory),
        [OPTION_DISCOVERABLE] = CALL("discoverable", CALL_TRUE, "discoverable"),
        [OPTION_DISPLAY_NAME] = CALL("display-name", CALL_STRING, "display_name"),
        [OPTION_DRY_RUN] = OWN("dry-run", OWN_TRUE, dry_run),
        [OPTION_EVENT] = OWN("event", OWN_STRING, event),
        [OPTION_EXCLUDE] = LIST("exclude", "exclude_credentials", exclude),
        [OPTION_FOLLOW] = OWN("follow", OWN_TRUE, follow),
        [OPTION_INVALIDATE_OTHERS] = CALL("invalidate-others", CALL_TRUE, "invalidate_others"),
        [OPTION_LINES] = OWN("lines", OWN_STRING, lines),
        [OPTION_MEDIATION] = CALL("mediation", CALL_STRING, "mediation"),
        [OPTION_METADATA] = CALL("metadata", CALL_STRING, "metadata"),
        [OPTION_METHOD] = OWN("method", OWN_STRING, method),
        [OPTION_NAME] = CALL("name", CALL_STRING, "name"),
        [OPTION_NO_EMAIL] = CALL("no-email", CALL_FALSE, "send_email"),
        [OPTION_NO_EXCLUDE_LINKED] = CALL("no-exclude-linked", CALL_FALSE, "exclude_linked"),
        [OPTION_NO_LINK] = CALL("no-link", CALL_FALSE, "link"),
        [OPTION_PLAIN] = OWN("plain", OWN_TRUE, plain),
        [OPTION_RELYING_PARTY] = CALL("relying-party", CALL_STRING, "rp_id"),
        [OPTION_REMOVE_UP_TO] = OWN("remove-up-to", OWN_STRING, remove_up_to),
        [OPTION_REQUEST_ID] = CALL("request-id", CALL_STRING, "request_id"),
        [OPTION_RP_NAME] = CALL("rp-name", CALL_STRING, "rp_name"),
        [OPTION_SINCE] = OWN("since", OWN_STRING, since),
        [OPTION_SKIP_RATE_LIMIT] = CALL("skip-rate-limit", CALL_TRUE, "skip_rate_limit"),
        [OPTION_STORE_DIR] = OWN("store-dir", OWN_STRING, store_dir),
        [OPTION_UID] = OWN("uid", OWN_STRING, uid),
        [OPTION_UNTIL] = OWN("until", OWN_STRING, until),
        [OPTION_USER] = OWN("user", OWN_STRING, user),
        [OPTION_USER_ID] = CALL("user-id", CALL_STRING, "user_id"),
        [OPTION_USER_VERIFICATION] = CALL("user-verification", CALL_STRING, "user_verification"),
        [OPTION_YES] = OWN("yes", OWN_TRUE, yes),
#undef CALL
#undef LIST
#undef OWN
};

_Static_assert(ARRAY_SIZE(table) == N_OPTIONS && N_OPTIONS <= 64,
               "each option has a row and a bit");

const char *option_name(Option option)
{
        return table[option].name;
}

bool option_takes_value(Option option)
{
        switch (table[option].kind) {
        case CALL_TRUE:
        case CALL_FALSE:
        case OWN_TRUE:
                return false;
        default:
                return true;
        }
}

static int set_number(passlock_options *options, const char *name, const char *value)
{
        uint32_t number = text_parse_number(value, UINT32_MAX);

        return number > 0 ? passlock_options_set_uint32(options, name, number) : -EINVAL;
}

/* passlock_options_set_strv() replaces the list, so set all elements again. */
static int append_to_list(passlock_options *options, const char *name, const char *value,
                          char ***list)
{
        int r;

        r = strv_push(list, value);
        if (r < 0)
                return r;
        return passlock_options_set_strv(options, name, (const char *const *) *list);
}

int option_set(Option option, const char *value, Invocation *invocation)
{
        void *member = (char *) invocation + table[option].offset;
        passlock_options *options = invocation->options;
        const char *bus_name = table[option].bus_name;

        switch (table[option].kind) {
        case CALL_STRING:
                return passlock_options_set_string(options, bus_name, value);
        case CALL_TRUE:
                return passlock_options_set_bool(options, bus_name, true);
        case CALL_FALSE:
                return passlock_options_set_bool(options, bus_name, false);
        case CALL_NUMBER:
                return set_number(options, bus_name, value);
        case CALL_LIST:
                return append_to_list(options, bus_name, value, member);
        case OWN_STRING:
                *(const char **) member = value;
                return 0;
        case OWN_TRUE:
                *(bool *) member = true;
                return 0;
        case OWN_SECONDS:
                *(uint32_t *) member = text_parse_number(value, TIMEOUT_SEC_MAX) * 1000;
                return *(uint32_t *) member > 0 ? 0 : -EINVAL;
        }
        return -EINVAL;
}
