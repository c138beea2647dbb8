/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/text.h"
#include "daemon/etcd/base64.h"
#include "daemon/etcd/etcd-error.h"
#include "daemon/etcd/etcd-json.h"
#include "daemon/json/json.h"

/* Returns NULL for a member that has its default. */
static const json_t *member(const json_t *object, const char *name)
{
        const json_t *value = json_object_get(object, name);

        return json_is_null(value) ? NULL : value;
}

int etcd_json_read(const char *text, size_t len, json_t **ret)
{
        int r = json_read_reply(text, len, ret);

        return r > 0 ? ETCD_ERROR_MALFORMED : r;
}

/* Canonical: digits only, and no leading zero. */
static int parse_unsigned(const char *s, uint64_t *ret)
{
        uint64_t number = 0, digit;

        if (!*s || (s[0] == '0' && s[1]))
                return ETCD_ERROR_MALFORMED;
        for (; *s; s++) {
                if (*s < '0' || *s > '9')
                        return ETCD_ERROR_MALFORMED;
                digit = (uint64_t) (*s - '0');
                if (number > (UINT64_MAX - digit) / 10)
                        return ETCD_ERROR_MALFORMED;
                number = number * 10 + digit;
        }
        *ret = number;
        return 0;
}

int etcd_json_unsigned(const json_t *object, const char *name, uint64_t *ret)
{
        const json_t *value = member(object, name);

        if (json_is_string(value))
                return parse_unsigned(json_string_value(value), ret);
        if (value && (!json_is_integer(value) || json_integer_value(value) < 0))
                return ETCD_ERROR_MALFORMED;
        *ret = value ? (uint64_t) json_integer_value(value) : 0;
        return 0;
}

int etcd_json_number(const json_t *object, const char *name, int64_t *ret)
{
        uint64_t number;
        int r;

        r = etcd_json_unsigned(object, name, &number);
        if (r != 0)
                return r;
        if (number > INT64_MAX)
                return ETCD_ERROR_MALFORMED;
        *ret = (int64_t) number;
        return 0;
}

int etcd_json_bool(const json_t *object, const char *name, bool *ret)
{
        const json_t *value = member(object, name);

        if (value && !json_is_boolean(value))
                return ETCD_ERROR_MALFORMED;
        *ret = json_is_true(value);
        return 0;
}

int etcd_json_bytes(const json_t *object, const char *name, EtcdArena *arena, EtcdBytes *ret)
{
        const json_t *value = member(object, name);
        size_t len = json_string_length(value), n;
        uint8_t *data;

        if (value && !json_is_string(value))
                return ETCD_ERROR_MALFORMED;
        data = etcd_arena_alloc(arena, len / 4 * 3 + 1, 1);
        if (!data)
                return -ENOMEM;
        if (base64_decode(len > 0 ? json_string_value(value) : "", len, data, &n) < 0)
                return ETCD_ERROR_MALFORMED;
        data[n] = 0;
        *ret = (EtcdBytes){data, n};
        return 0;
}

int etcd_json_label(const json_t *object, const char *name, EtcdArena *arena, const char **ret)
{
        const json_t *value = member(object, name);
        size_t len = json_string_length(value);
        char *copy;

        if ((value && !json_is_string(value)) || len > ETCD_TEXT_LEN_MAX)
                return ETCD_ERROR_MALFORMED;
        copy = etcd_arena_alloc(arena, len + 1, 1);
        if (!copy)
                return -ENOMEM;
        if (text_is_valid(json_string_value(value), ETCD_TEXT_LEN_MAX))
                memcpy(copy, json_string_value(value), len);
        *ret = copy;
        return 0;
}

int etcd_json_object(const json_t *object, const char *name, const json_t **ret)
{
        const json_t *value = member(object, name);

        if (value && !json_is_object(value))
                return ETCD_ERROR_MALFORMED;
        *ret = value;
        return 0;
}

int etcd_json_array(const json_t *object, const char *name, const json_t **ret, size_t *ret_n)
{
        const json_t *value = member(object, name);

        if (value && !json_is_array(value))
                return ETCD_ERROR_MALFORMED;
        *ret = value;
        *ret_n = json_array_size(value);
        return 0;
}

int etcd_json_header(const json_t *object, EtcdHeader *ret)
{
        const json_t *header;
        int r;

        r = etcd_json_object(object, "header", &header);
        if (r == 0)
                r = etcd_json_unsigned(header, "cluster_id", &ret->cluster_id);
        if (r == 0)
                r = etcd_json_unsigned(header, "member_id", &ret->member_id);
        if (r == 0)
                r = etcd_json_number(header, "revision", &ret->revision);
        if (r == 0)
                r = etcd_json_unsigned(header, "raft_term", &ret->raft_term);
        return r;
}

int etcd_json_kv(const json_t *value, EtcdArena *arena, EtcdKv *ret)
{
        EtcdKv kv = {};
        int r;

        r = etcd_json_bytes(value, "key", arena, &kv.key);
        if (r == 0)
                r = etcd_json_bytes(value, "value", arena, &kv.value);
        if (r == 0)
                r = etcd_json_number(value, "create_revision", &kv.create_revision);
        if (r == 0)
                r = etcd_json_number(value, "mod_revision", &kv.mod_revision);
        if (r == 0)
                r = etcd_json_number(value, "version", &kv.version);
        if (r == 0)
                r = etcd_json_number(value, "lease", &kv.lease);
        if (r != 0)
                return r;
        if (kv.key.len == 0 || kv.mod_revision == 0)
                return ETCD_ERROR_MALFORMED;
        *ret = kv;
        return 0;
}

int etcd_json_kvs(const json_t *object, const char *name, EtcdArena *arena, EtcdKv **ret,
                  size_t *ret_n)
{
        const json_t *array;
        EtcdKv *kvs;
        size_t n;
        int r;

        r = etcd_json_array(object, name, &array, &n);
        if (r != 0)
                return r;
        kvs = etcd_arena_alloc(arena, n, sizeof(EtcdKv));
        if (!kvs)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                r = etcd_json_kv(json_array_get(array, i), arena, kvs + i);
                if (r != 0)
                        return r;
        }
        *ret = kvs;
        *ret_n = n;
        return 0;
}

int etcd_json_optional_kv(const json_t *object, const char *name, EtcdArena *arena, EtcdKv **ret)
{
        const json_t *value;
        EtcdKv *kv;
        int r;

        r = etcd_json_object(object, name, &value);
        if (r != 0 || !value)
                return r;
        kv = etcd_arena_alloc(arena, 1, sizeof(EtcdKv));
        if (!kv)
                return -ENOMEM;
        r = etcd_json_kv(value, arena, kv);
        if (r == 0)
                *ret = kv;
        return r;
}
