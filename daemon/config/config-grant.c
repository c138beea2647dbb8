/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* [Grant <name>] */

#include <ctype.h>
#include <errno.h>

#include "base/strv.h"
#include "daemon/config/config-internal.h"
#include "daemon/model/valid.h"

#define NAME_LEN_MAX 256U

/* Adds a word of an assignment to a list of the grant. */
typedef int (*AddWordFunc)(Grant *grant, const char *place, const char *word, char **ret_error);

/* Parses a uid or gid; 4294967295 is reserved by the kernel ("no change"). */
static bool parse_numeric_id(const char *word, uint32_t *ret)
{
        unsigned long n;
        char *end;

        errno = 0;
        n = strtoul(word, &end, 10);
        if (*end || errno || n >= UINT32_MAX)
                return false;
        *ret = (uint32_t) n;
        return true;
}

/* Refuses only impossible names: others may be created later. */
static int check_name(const char *key, const char *word, char **ret_error)
{
        if (strchr(word, ','))
                return config_refuse(ret_error, "%s=%s: separate names by spaces", key, word);
        if (!text_is_valid(word, NAME_LEN_MAX) || strpbrk(word, ":/") || word[0] == '-')
                return config_refuse(ret_error, "%s=%s is not a valid name", key, word);
        return 0;
}

/* Adds a user or group, by id or by name. */
static int grant_account(Grant *grant, bool is_group, const char *place, const char *word,
                         char **ret_error)
{
        const char *key = is_group ? "Group" : "User";
        uint32_t id;
        int r;

        if (isdigit((unsigned char) *word) && parse_numeric_id(word, &id))
                return is_group ? grant_add_gid(grant, id) : grant_add_uid(grant, id);
        if (word[strspn(word, "0123456789")] == '\0')
                return config_refuse(ret_error, "%s=%s is not a valid %s", key, word,
                                     is_group ? "gid" : "uid");
        r = check_name(key, word, ret_error);
        return r < 0 ? r : grant_add_name(grant, is_group, word, place);
}

static int grant_user(Grant *grant, const char *place, const char *word, char **ret_error)
{
        return grant_account(grant, false, place, word, ret_error);
}

static int grant_group(Grant *grant, const char *place, const char *word, char **ret_error)
{
        return grant_account(grant, true, place, word, ret_error);
}

static int grant_right(Grant *grant, const char *place, const char *word, char **ret_error)
{
        Right right;

        if (right_from_name(word, &right) < 0)
                return config_refuse(ret_error, "unknown right %s in Allow=", word);
        return grant_allow(grant, right, place);
}

static int grant_rp_id(Grant *grant, const char *place _unused_, const char *word, char **ret_error)
{
        if (!domain_name_is_valid(word))
                return config_refuse(ret_error,
                                     "RpId=%s is not a domain name, such as "
                                     "shop.example.com or xn--mller-kva.example",
                                     word);
        return strv_push(&grant->rp_ids, word);
}

/* A list assignment: words are appended, an empty value clears. */
static int assign_words(Grant *grant, const ConfigPlace *place, const char *value, AddWordFunc add,
                        void (*clear)(Grant *grant), char **ret_error)
{
        _cleanup_(strv_freep) char **words = NULL;
        _cleanup_(freep) char *place_text = NULL;
        int r;

        r = config_place_print(place, &place_text);
        if (r >= 0)
                r = strv_split(value, &words);
        if (r < 0)
                return r;
        if (!words)
                clear(grant);
        for (char **w = words; w && *w; w++) {
                r = add(grant, place_text, *w, ret_error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void clear_rp_ids(Grant *grant)
{
        grant->rp_ids = strv_free(grant->rp_ids);
}

static int add_grant(Config *config, const ConfigPlace *place, const char *name, Grant **ret)
{
        _cleanup_(grant_freep) Grant *grant = calloc(1, sizeof(Grant));
        int r;

        if (!grant)
                return -ENOMEM;
        grant->name = strdup(name);
        if (!grant->name || config_place_print(place, &grant->place) < 0)
                return -ENOMEM;
        *ret = grant;
        r = grant_list_push(&config->grants, TAKE_PTR(grant));
        return r;
}

static int find_or_add_grant(Config *config, const ConfigPlace *place, const char *name,
                             Grant **ret)
{
        for (size_t i = 0; i < config->grants.n_grants; i++)
                if (streq(config->grants.grants[i]->name, name)) {
                        *ret = config->grants.grants[i];
                        return 0;
                }
        return add_grant(config, place, name, ret);
}

static int assign_max_calls(Grant *grant, const char *value, char **ret_error)
{
        grant->max_calls_per_s = 0;
        return !*value || config_parse_number(value, 1000000, &grant->max_calls_per_s)
                       ? 0
                       : config_refuse(ret_error,
                                       "MaxCallsPerSec= must be a number from 1 to 1000000");
}

static int assign_enforce(Grant *grant, const ConfigPlace *place, const char *value,
                          char **ret_error)
{
        bool enforced = true;

        if (*value && !config_parse_bool(value, &enforced))
                return config_refuse(ret_error, "Enforce= must be yes or no");
        grant->unenforced = !enforced;
        return config_replace_place(&grant->enforce_place, place);
}

int config_assign_grant(ConfigParser *parser, const ConfigPlace *place, const char *name,
                        const char *key, const char *value, char **ret_error)
{
        Grant *grant;
        int r;

        if (!text_is_valid(name, 64) || strchr(name, ' '))
                return config_refuse(
                        ret_error,
                        "the name of a grant must be one word, such as [Grant shop-web]");
        r = find_or_add_grant(parser->config, place, name, &grant);
        if (r < 0)
                return r;
        if (!key)
                return 0;
        if (streq(key, "Tenancy")) {
                if (!tenancy_label_is_valid(value))
                        return config_refuse(ret_error,
                                             "a tenancy label must be " TENANCY_LABEL_RULE);
                r = config_mention(parser, place, value);
                return r < 0 ? r : config_replace_string(&grant->tenancy, value);
        }
        if (streq(key, "User"))
                return assign_words(grant, place, value, grant_user, grant_clear_users, ret_error);
        if (streq(key, "Group"))
                return assign_words(grant, place, value, grant_group, grant_clear_groups,
                                    ret_error);
        if (streq(key, "Allow"))
                return assign_words(grant, place, value, grant_right, grant_clear_rights,
                                    ret_error);
        if (streq(key, "RpId"))
                return assign_words(grant, place, value, grant_rp_id, clear_rp_ids, ret_error);
        if (streq(key, "MaxCallsPerSec"))
                return assign_max_calls(grant, value, ret_error);
        if (streq(key, "Enforce"))
                return assign_enforce(grant, place, value, ret_error);
        return config_refuse(ret_error, "unknown key %s= in [Grant %s]", key, name);
}
