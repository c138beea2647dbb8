/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "base/text.h"
#include "client/passlockctl/links-file/link-format.h"

#define FORMAT  "passlock-links"
#define VERSION 1

/* The daemon's limits; JSON integers are exact up to 2^53. */
#define AUTHENTICATOR_ID_LEN_MAX 512U
#define USER_ID_LEN_MAX          256U
#define PLATFORM_NAME_LEN_MAX    256U
#define TIME_MS_MAX              ((UINT64_C(1) << 53) - 1)

#define TEXT_LEN 256

/* Takes ownership of the object. */
static char *dump(json_t *object)
{
        char *line = object ? json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;

        json_decref(object);
        return line;
}

char *link_format_header(const char *tenancy_id, uint64_t exported_at_ms)
{
        return dump(json_pack("{s:s, s:i, s:s, s:I}", "format", FORMAT, "version", VERSION,
                              "tenancy_id", tenancy_id, "exported_at",
                              (json_int_t) exported_at_ms));
}

/* Whether JSON has the text as it is. */
static bool is_plain(const char *text)
{
        for (; *text; text++)
                if ((unsigned char) *text < ' ' || *text == '"' || *text == '\\')
                        return false;
        return true;
}

static char *append_number(char *end, uint64_t number)
{
        char digits[20];
        size_t n = 0;

        do
                digits[n++] = (char) ('0' + number % 10);
        while ((number /= 10) > 0);
        while (n > 0)
                *end++ = digits[--n];
        return end;
}

#define BEFORE_ID       "{\"authenticator_id\":\""
#define BEFORE_USER     "\",\"user_id\":\""
#define BEFORE_CREATED  "\",\"created_at\":"
#define BEFORE_USED     ",\"last_used_at\":"
#define BEFORE_PLATFORM ",\"platform_name\":\""
#define LINK_SIZE_MAX \
        (sizeof(BEFORE_ID BEFORE_USER BEFORE_CREATED BEFORE_USED BEFORE_PLATFORM "\"}") + 2 * 20)

/* Four times as fast as jansson, which counts for millions of links. NULL if a text needs escapes.
 */
static char *format_plain_link(const char *authenticator_id, const char *user_id,
                               const char *platform_name, const passlock_link *link)
{
        char *line, *end;

        if (!is_plain(authenticator_id) || !is_plain(user_id) ||
            (platform_name && !is_plain(platform_name)))
                return NULL;
        line = malloc(LINK_SIZE_MAX + strlen(authenticator_id) + strlen(user_id) +
                      (platform_name ? strlen(platform_name) : 0));
        if (!line)
                return NULL;
        end = stpcpy(stpcpy(line, BEFORE_ID), authenticator_id);
        end = stpcpy(stpcpy(end, BEFORE_USER), user_id);
        end = append_number(stpcpy(end, BEFORE_CREATED), passlock_link_get_created_at_ms(link));
        end = append_number(stpcpy(end, BEFORE_USED), passlock_link_get_last_used_at_ms(link));
        if (platform_name)
                end = stpcpy(stpcpy(stpcpy(end, BEFORE_PLATFORM), platform_name), "\"");
        (void) stpcpy(end, "}");
        return line;
}

char *link_format_link(const passlock_link *link)
{
        char *line = format_plain_link(passlock_link_get_authenticator_id(link),
                                       passlock_link_get_user_id(link),
                                       passlock_link_get_platform_name(link), link);

        if (line)
                return line;
        return dump(json_pack("{s:s, s:s, s:I, s:I, s:s*}", "authenticator_id",
                              passlock_link_get_authenticator_id(link), "user_id",
                              passlock_link_get_user_id(link), "created_at",
                              (json_int_t) passlock_link_get_created_at_ms(link), "last_used_at",
                              (json_int_t) passlock_link_get_last_used_at_ms(link), "platform_name",
                              passlock_link_get_platform_name(link)));
}

char *link_format_trailer(uint64_t n_links)
{
        return dump(json_pack("{s:I}", "links", (json_int_t) n_links));
}

void line_clear(Line *line)
{
        free(line->tenancy_id);
        passlock_link_unref(line->link);
        *line = (Line){};
}

/* Schema of a JSON member. */
typedef struct Member {
        const char *name;
        size_t len_max; /* of a string; 0: a number */
        uint64_t number_max;
        bool optional;
        void *value; /* const char **, uint64_t * */
} Member;

static int take_text(const json_t *value, const Member *member, char ret_text[static TEXT_LEN])
{
        const char *text = json_string_value(value);

        if (!text_is_valid(text, member->len_max)) {
                snprintf(ret_text, TEXT_LEN,
                         "%s is not a string of 1 to %zu bytes without control characters",
                         member->name, member->len_max);
                return -EBADMSG;
        }
        *(const char **) member->value = text;
        return 0;
}

static int take_number(const json_t *value, const Member *member, char ret_text[static TEXT_LEN])
{
        json_int_t number = json_integer_value(value);

        if (!json_is_integer(value) || number < 0 || (uint64_t) number > member->number_max) {
                snprintf(ret_text, TEXT_LEN, "%s is not an integer from 0 to %llu", member->name,
                         (unsigned long long) member->number_max);
                return -EBADMSG;
        }
        *(uint64_t *) member->value = (uint64_t) number;
        return 0;
}

/* Parses all members; unknown and missing ones are errors. */
static int take_members(const json_t *object, const Member *members, size_t n_members,
                        char ret_text[static TEXT_LEN])
{
        size_t n_taken = 0;

        for (size_t i = 0; i < n_members; i++) {
                const json_t *value = json_object_get(object, members[i].name);
                int r;

                if (!value && members[i].optional)
                        continue;
                if (!value) {
                        snprintf(ret_text, TEXT_LEN, "%s is missing", members[i].name);
                        return -EBADMSG;
                }
                r = members[i].len_max > 0 ? take_text(value, &members[i], ret_text)
                                           : take_number(value, &members[i], ret_text);
                if (r < 0)
                        return r;
                n_taken++;
        }
        if (json_object_size(object) > n_taken) {
                snprintf(ret_text, TEXT_LEN, "unknown member");
                return -EBADMSG;
        }
        return 0;
}

static int read_header(const json_t *object, Line *ret, char ret_text[static TEXT_LEN])
{
        const char *format, *tenancy_id;
        uint64_t version, exported_at;
        const Member members[] = {
                {"format", .len_max = 64, .value = &format},
                {"version", .number_max = TIME_MS_MAX, .value = &version},
                {"tenancy_id", .len_max = 256, .value = &tenancy_id},
                {"exported_at", .number_max = TIME_MS_MAX, .value = &exported_at},
        };
        const char *is = json_string_value(json_object_get(object, "format"));
        int r;

        if (!is || !streq(is, FORMAT)) {
                snprintf(ret_text, TEXT_LEN, "not a file exported by passlockctl export");
                return -EBADMSG;
        }
        /* Check the version first: other versions may have other members. */
        r = take_number(json_object_get(object, "version"), &members[1], ret_text);
        if (r < 0)
                return r;
        if (version != VERSION) {
                snprintf(ret_text, TEXT_LEN, "unsupported version %llu, expected %u",
                         (unsigned long long) version, VERSION);
                return -EBADMSG;
        }
        r = take_members(object, members, ARRAY_SIZE(members), ret_text);
        if (r < 0)
                return r;
        ret->kind = LINE_HEADER;
        ret->tenancy_id = strdup(tenancy_id);
        return ret->tenancy_id ? 0 : -ENOMEM;
}

static int read_link(const json_t *object, Line *ret, char ret_text[static TEXT_LEN])
{
        const char *authenticator_id, *user_id, *platform_name = NULL;
        uint64_t created_at_ms, last_used_at_ms;
        const Member members[] = {
                {"authenticator_id", .len_max = AUTHENTICATOR_ID_LEN_MAX,
                 .value = &authenticator_id},
                {"user_id", .len_max = USER_ID_LEN_MAX, .value = &user_id},
                {"created_at", .number_max = TIME_MS_MAX, .value = &created_at_ms},
                {"last_used_at", .number_max = TIME_MS_MAX, .value = &last_used_at_ms},
                {"platform_name", .len_max = PLATFORM_NAME_LEN_MAX, .optional = true,
                 .value = &platform_name},
        };
        int r;

        r = take_members(object, members, ARRAY_SIZE(members), ret_text);
        if (r < 0)
                return r;
        ret->kind = LINE_LINK;
        r = passlock_link_new(authenticator_id, user_id, platform_name, created_at_ms,
                              last_used_at_ms, &ret->link);
        return r > 0 ? -EBADMSG : r;
}

static int read_trailer(const json_t *object, Line *ret, char ret_text[static TEXT_LEN])
{
        const Member members[] = {
                {"links", .number_max = TIME_MS_MAX, .value = &ret->n_links},
        };

        ret->kind = LINE_TRAILER;
        return take_members(object, members, ARRAY_SIZE(members), ret_text);
}

int link_format_parse(const char *bytes, size_t len, Line *ret, char ret_text[static 256])
{
        json_error_t error;
        json_t *object = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &error);
        int r;

        if (!object) {
                /* Drop jansson's message, because it quotes the input. */
                snprintf(ret_text, TEXT_LEN, "byte %d: not a JSON object", error.position);
                return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EBADMSG;
        }
        if (!json_is_object(object)) {
                snprintf(ret_text, TEXT_LEN, "not a JSON object");
                r = -EBADMSG;
        } else if (json_object_get(object, "format"))
                r = read_header(object, ret, ret_text);
        else if (json_object_get(object, "links"))
                r = read_trailer(object, ret, ret_text);
        else
                r = read_link(object, ret, ret_text);
        json_decref(object);
        return r;
}
