/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "daemon/model/valid.h"
#include "daemon/store/shared/shared-key.h"

static const char *const kinds[] = {
        [SHARED_LINK] = "links",      [SHARED_USER] = "users",
        [SHARED_ANSWER] = "answers",  [SHARED_EXCHANGE] = "exchanges",
        [SHARED_DELETE] = "deletes",  [SHARED_TOMBSTONE] = "tombstones",
        [SHARED_HOST] = "hosts",      [SHARED_ALIVE] = "alive",
        [SHARED_HISTORY] = "history",
};

#define ESCAPED_LEN_MAX (3U * TENANCY_ID_LEN_MAX)

static void escape(const char *s, char ret[static ESCAPED_LEN_MAX + 1])
{
        for (; *s; s++) {
                if (*s == '%' || *s == '/')
                        ret += sprintf(ret, "%%%02X", (unsigned) *s);
                else
                        *ret++ = *s;
        }
        *ret = '\0';
}

static char *format(SharedKind kind, const char *tenancy_id, const char *name)
{
        char escaped[ESCAPED_LEN_MAX + 1], *key;

        escape(tenancy_id, escaped);
        return asprintf(&key, "%s/%s/%s", kinds[kind], escaped, name) < 0 ? NULL : key;
}

char *shared_key_for_link(const char *tenancy_id, const char *authenticator_id)
{
        return format(SHARED_LINK, tenancy_id, authenticator_id);
}

char *shared_key_for_user(const char *tenancy_id, const uint8_t digest[static 2])
{
        char shard[5];

        (void) snprintf(shard, sizeof(shard), "%02x%02x", digest[0], digest[1]);
        return format(SHARED_USER, tenancy_id, shard);
}

char *shared_key_for_answer(const uint8_t key[static IDEMPOTENCY_KEY_LEN])
{
        char hex[2 * IDEMPOTENCY_KEY_LEN + 1], *text;

        for (size_t i = 0; i < IDEMPOTENCY_KEY_LEN; i++)
                (void) snprintf(hex + 2 * i, 3, "%02x", key[i]);
        return asprintf(&text, "%s/%s", kinds[SHARED_ANSWER], hex) < 0 ? NULL : text;
}

char *shared_key_for_id(SharedKind kind, const char *tenancy_id, uint64_t id)
{
        char hex[17];

        (void) snprintf(hex, sizeof(hex), "%016" PRIx64, id);
        return format(kind, tenancy_id, hex);
}

bool shared_key_is_mark(const char *key)
{
        size_t len = strlen(kinds[SHARED_USER]);

        return strncmp(key, kinds[SHARED_USER], len) == 0 && key[len] == '/';
}

char *shared_key_for_alive(unsigned host)
{
        char *key;

        return asprintf(&key, "%s/%03u", kinds[SHARED_ALIVE], host) < 0 ? NULL : key;
}

void shared_key_clear(SharedKey *key)
{
        free(key->tenancy_id);
        free(key->authenticator_id);
        *key = (SharedKey){};
}

/* Lowercase only, so that each key has one form. */
static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_hex(const char *s, uint8_t *ret, size_t len)
{
        for (size_t i = 0; i < len; i++, s += 2) {
                int high = hex_digit(s[0]), low = high < 0 ? -1 : hex_digit(s[1]);

                if (low < 0)
                        return false;
                ret[i] = (uint8_t) (high << 4 | low);
        }
        return *s == '\0';
}

static bool parse_id(const char *s, uint64_t *ret)
{
        uint8_t bytes[sizeof(*ret)];

        if (!parse_hex(s, bytes, sizeof(bytes)))
                return false;
        *ret = 0;
        for (size_t i = 0; i < sizeof(bytes); i++)
                *ret = *ret << 8 | bytes[i];
        return true;
}

static bool unescape(const char *s, size_t len, char ret[static TENANCY_ID_LEN_MAX + 1])
{
        size_t n = 0;

        for (size_t i = 0; i < len; i++, n++) {
                if (n == TENANCY_ID_LEN_MAX)
                        return false;
                ret[n] = s[i];
                if (s[i] != '%')
                        continue;
                if (len - i >= 3 && memcmp(s + i, "%25", 3) == 0)
                        ret[n] = '%';
                else if (len - i >= 3 && memcmp(s + i, "%2F", 3) == 0)
                        ret[n] = '/';
                else
                        return false;
                i += 2;
        }
        ret[n] = '\0';
        return tenancy_id_is_valid(ret);
}

/* Splits "TENANCY/NAME". */
static int parse_tenancy(const char *s, SharedKey *key, const char **ret_name)
{
        const char *end = strchr(s, '/');
        char tenancy_id[TENANCY_ID_LEN_MAX + 1];

        if (!end || !unescape(s, (size_t) (end - s), tenancy_id))
                return -EBADMSG;
        key->tenancy_id = strdup(tenancy_id);
        *ret_name = end + 1;
        return key->tenancy_id ? 0 : -ENOMEM;
}

static int parse_name(const char *s, SharedKey *key)
{
        const char *name;
        int r;

        if (key->kind == SHARED_ANSWER)
                return parse_hex(s, key->answer, sizeof(key->answer)) ? 0 : -EBADMSG;
        if (key->kind == SHARED_HOST || key->kind == SHARED_ALIVE || key->kind == SHARED_HISTORY)
                return 0;
        r = parse_tenancy(s, key, &name);
        if (r < 0 || key->kind == SHARED_USER)
                return r;
        if (key->kind != SHARED_LINK)
                return parse_id(name, &key->id) ? 0 : -EBADMSG;
        if (!id_is_valid(name))
                return -EBADMSG;
        key->authenticator_id = strdup(name);
        return key->authenticator_id ? 0 : -ENOMEM;
}

int shared_key_parse(const char *key, SharedKey *ret)
{
        _cleanup_(shared_key_clear) SharedKey parsed = {};
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                size_t len = strlen(kinds[i]);

                if (strncmp(key, kinds[i], len) != 0 || key[len] != '/')
                        continue;
                parsed.kind = (SharedKind) i;
                r = parse_name(key + len + 1, &parsed);
                if (r == 0)
                        *ret = TAKE(parsed, (SharedKey){});
                return r;
        }
        return -EBADMSG;
}
