/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <errno.h>

#include "base/domain-name.h"
#include "base/strv.h"
#include "base/text.h"
#include "client/passlockctl/host/grant-suggestion.h"
#include "dbus/event.h"
#include "dbus/right.h"

#define LABEL_LEN_MAX 32U
/* The name of a section has 64 bytes at most. */
#define NAME_USER_LEN_MAX 20U

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool consists_of(const char *s, const char *alphabet, size_t len_max)
{
        return s && *s && strlen(s) <= len_max && s[strspn(s, alphabet)] == '\0';
}

static bool label_is_valid(const char *s)
{
        return consists_of(s, LOWER DIGITS "_", LABEL_LEN_MAX);
}

static bool right_is_valid(const char *s)
{
        static const char *const rights[] = {
#define X(right, bit, text) text,
                RIGHT_TABLE(X)
#undef X
        };

        for (size_t i = 0; s && i < ARRAY_SIZE(rights); i++)
                if (streq(s, rights[i]))
                        return true;
        return false;
}

static bool user_name_is_valid(const char *s)
{
        return consists_of(s, LOWER UPPER DIGITS "._-", NAME_USER_LEN_MAX) && !isdigit(*s) &&
               *s != '-' && *s != '.';
}

static bool right_has_rp(const char *right)
{
        return strncmp(right, "Authorize", strlen("Authorize")) == 0;
}

static GrantSuggestion *suggestion_free(GrantSuggestion *suggestion)
{
        if (!suggestion)
                return NULL;
        free(suggestion->tenancy);
        strv_free(suggestion->used);
        strv_free(suggestion->denied);
        strv_free(suggestion->rp_ids);
        free(suggestion);
        return NULL;
}
DEFINE_CLEANUP(GrantSuggestion *, suggestion_free);

void grant_suggestions_clear(GrantSuggestions *suggestions)
{
        GrantSuggestion *suggestion;

        while ((suggestion = STAILQ_FIRST(suggestions))) {
                STAILQ_REMOVE_HEAD(suggestions, entry);
                suggestion_free(suggestion);
        }
}

static int find_or_add(GrantSuggestions *suggestions, uid_t uid, const char *tenancy,
                       GrantSuggestion **ret)
{
        _cleanup_(suggestion_freep) GrantSuggestion *new = NULL;
        GrantSuggestion *suggestion;

        STAILQ_FOREACH(suggestion, suggestions, entry)
                if (suggestion->uid == uid && streq(suggestion->tenancy, tenancy)) {
                        *ret = suggestion;
                        return 0;
                }
        new = calloc(1, sizeof(GrantSuggestion));
        if (!new)
                return -ENOMEM;
        new->uid = uid;
        new->tenancy = strdup(tenancy);
        if (!new->tenancy)
                return -ENOMEM;
        STAILQ_INSERT_TAIL(suggestions, new, entry);
        *ret = TAKE_PTR(new);
        return 0;
}

static int push_new(char ***list, const char *word)
{
        return strv_contains(*list, word) ? 0 : strv_push(list, word);
}

static int push_rp_id(GrantSuggestion *suggestion, const char *rp_id)
{
        _cleanup_(freep) char *lower = strdup(rp_id);

        if (!lower)
                return -ENOMEM;
        for (char *c = lower; *c; c++)
                *c = (char) tolower((unsigned char) *c);
        return push_new(&suggestion->rp_ids, lower);
}

static bool is_denied(const RecordedCall *call)
{
        return streq_ptr(call->event, event_name(EVENT_CALL_REFUSED)) &&
               streq_ptr(call->error, "org.freedesktop.DBus.Error.AccessDenied");
}

/* Also a call that failed later. */
static bool is_used(const RecordedCall *call)
{
        return streq_ptr(call->decided_by, DECIDED_BY_GRANT) &&
               !streq_ptr(call->event, event_name(EVENT_CALL_REFUSED));
}

/* Root needs no grant. */
static bool is_valid(const RecordedCall *call)
{
        return call->uid && text_parse_number(call->uid, UINT32_MAX - 1) > 0 &&
               label_is_valid(call->tenancy) && right_is_valid(call->right);
}

int grant_suggestions_add(GrantSuggestions *suggestions, const RecordedCall *call)
{
        GrantSuggestion *suggestion;
        int r;

        if (!is_valid(call) || (!is_used(call) && !is_denied(call)))
                return 0;
        if (is_used(call) && right_has_rp(call->right) && !domain_name_is_valid(call->rp_id))
                return 0;
        r = find_or_add(suggestions, text_parse_number(call->uid, UINT32_MAX - 1), call->tenancy,
                        &suggestion);
        if (r < 0)
                return r;
        if (is_denied(call))
                return push_new(&suggestion->denied, call->right);
        r = push_new(&suggestion->used, call->right);
        return r == 0 && right_has_rp(call->right) ? push_rp_id(suggestion, call->rp_id) : r;
}

static void print_denied(const GrantSuggestion *suggestion, FILE *file)
{
        bool begun = false;

        for (char **right = suggestion->denied; right && *right; right++) {
                if (strv_contains(suggestion->used, *right))
                        continue;
                fprintf(file, "%s %s", begun ? "" : "# Denied, and not in this grant:", *right);
                begun = true;
        }
        if (begun)
                fputc('\n', file);
}

static void print_section(const GrantSuggestion *suggestion, const char *user, FILE *file)
{
        fprintf(file, "[Grant suggested-%s-%s]\nTenancy=%s\nUser=%s\nAllow=", user,
                suggestion->tenancy, suggestion->tenancy, user);
        for (char **right = suggestion->used; *right; right++)
                fprintf(file, "%s%s", right == suggestion->used ? "" : " ", *right);
        fputc('\n', file);
        for (char **rp_id = suggestion->rp_ids; rp_id && *rp_id; rp_id++)
                fprintf(file, "RpId=%s\n", *rp_id);
}

void grant_suggestion_print(const GrantSuggestion *suggestion, const char *user, FILE *file)
{
        char number[16];

        (void) snprintf(number, sizeof(number), "%u", suggestion->uid);
        if (!user_name_is_valid(user))
                user = number;
        fprintf(file, "\n# User %s, tenancy %s%s\n", user, suggestion->tenancy,
                suggestion->used ? "" : ": no call was allowed by a grant");
        if (suggestion->used)
                print_section(suggestion, user, file);
        print_denied(suggestion, file);
}
