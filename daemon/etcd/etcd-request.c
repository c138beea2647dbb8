/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "daemon/etcd/base64.h"
#include "daemon/etcd/etcd-request.h"

/* A JSON text that grows. After a failure, the functions do nothing. */
typedef struct Writer {
        char *text;
        size_t len, size;
        bool separate; /* a comma goes before the next member or element */
        unsigned n_ops;
        int r;
} Writer;

EtcdBytes etcd_prefix_end(EtcdBytes prefix, uint8_t *buffer)
{
        size_t len = prefix.len;

        assert(len > 0);
        memcpy(buffer, prefix.data, len);
        while (len > 0 && buffer[len - 1] == 0xff)
                len--;
        if (len == 0) {
                buffer[0] = 0;
                return (EtcdBytes){buffer, 1};
        }
        buffer[len - 1]++;
        return (EtcdBytes){buffer, len};
}

/* Makes room for `len` more bytes and a NUL, and returns it; NULL after a failure. */
static char *reserve(Writer *w, size_t len)
{
        size_t size = w->size;
        char *text;

        if (w->r < 0)
                return NULL;
        if (len > ETCD_REQUEST_LEN_MAX || w->len + len > ETCD_REQUEST_LEN_MAX) {
                w->r = -E2BIG;
                return NULL;
        }
        while (size < w->len + len + 1)
                size = size > 0 ? size * 2 : 512;
        if (size > w->size) {
                text = realloc(w->text, size);
                if (!text) {
                        w->r = -ENOMEM;
                        return NULL;
                }
                w->text = text;
                w->size = size;
        }
        return w->text + w->len;
}

static void append(Writer *w, const char *s)
{
        size_t len = strlen(s);
        char *room = reserve(w, len);

        if (!room)
                return;
        memcpy(room, s, len + 1);
        w->len += len;
}

static void open_bracket(Writer *w, const char *bracket)
{
        if (w->separate)
                append(w, ",");
        append(w, bracket);
        w->separate = false;
}

static void close_bracket(Writer *w, const char *bracket)
{
        append(w, bracket);
        w->separate = true;
}

/* The name of a member, which needs no escapes. */
static void write_name(Writer *w, const char *name)
{
        open_bracket(w, "\"");
        append(w, name);
        append(w, "\":");
}

static void open_member(Writer *w, const char *name, const char *bracket)
{
        write_name(w, name);
        open_bracket(w, bracket);
}

static void write_word(Writer *w, const char *name, const char *word)
{
        write_name(w, name);
        append(w, "\"");
        append(w, word);
        close_bracket(w, "\"");
}

/* Integers of 64 bits are strings. */
static void write_number(Writer *w, const char *name, int64_t number)
{
        char digits[24];

        (void) snprintf(digits, sizeof(digits), "%" PRId64, number);
        write_word(w, name, digits);
}

/* Zero, false and empty are defaults. */

static void write_optional_number(Writer *w, const char *name, int64_t number)
{
        if (number != 0)
                write_number(w, name, number);
}

static void write_flag(Writer *w, const char *name, bool flag)
{
        if (!flag)
                return;
        write_name(w, name);
        close_bracket(w, "true");
}

static void write_bytes(Writer *w, const char *name, EtcdBytes bytes)
{
        char *room;

        if (bytes.len == 0)
                return;
        write_name(w, name);
        append(w, "\"");
        if (bytes.len > ETCD_REQUEST_LEN_MAX)
                w->r = -E2BIG;
        room = reserve(w, base64_encoded_len(bytes.len));
        if (!room)
                return;
        base64_encode(bytes.data, bytes.len, room);
        w->len += base64_encoded_len(bytes.len);
        close_bracket(w, "\"");
}

static void write_keys(Writer *w, EtcdBytes key, EtcdBytes range_end)
{
        write_bytes(w, "key", key);
        write_bytes(w, "range_end", range_end);
}

static void write_range(Writer *w, const EtcdRange *range)
{
        write_keys(w, range->key, range->range_end);
        write_optional_number(w, "limit", range->limit);
        write_optional_number(w, "revision", range->revision);
        write_flag(w, "serializable", range->serializable);
        write_flag(w, "keys_only", range->keys_only);
        write_flag(w, "count_only", range->count_only);
}

static void write_put(Writer *w, const EtcdPut *put)
{
        write_bytes(w, "key", put->key);
        write_bytes(w, "value", put->value);
        write_optional_number(w, "lease", put->lease);
        write_flag(w, "prev_kv", put->prev_kv);
}

static void write_delete(Writer *w, const EtcdDelete *delete)
{
        write_keys(w, delete->key, delete->range_end);
        write_flag(w, "prev_kv", delete->prev_kv);
}

static void write_compare(Writer *w, const EtcdCompare *compare)
{
        static const char *const targets[] = {"VERSION", "CREATE", "MOD", "VALUE"};
        static const char *const numbers[] = {"version", "create_revision", "mod_revision"};
        static const char *const results[] = {"EQUAL", "GREATER", "LESS", "NOT_EQUAL"};

        open_bracket(w, "{");
        write_word(w, "target", targets[compare->target]);
        write_word(w, "result", results[compare->result]);
        write_keys(w, compare->key, compare->range_end);
        if (compare->target == ETCD_COMPARE_VALUE)
                write_bytes(w, "value", compare->value);
        else
                write_number(w, numbers[compare->target], compare->number);
        close_bracket(w, "}");
}

static void write_txn(Writer *w, const EtcdTxn *txn, unsigned depth);

static void write_op(Writer *w, const EtcdOp *op, unsigned depth)
{
        static const char *const names[] = {"request_range", "request_put", "request_delete_range",
                                            "request_txn"};

        if (++w->n_ops > ETCD_TXN_OPS_MAX && w->r == 0)
                w->r = -E2BIG;
        open_bracket(w, "{");
        open_member(w, names[op->kind], "{");
        switch (op->kind) {
        case ETCD_OP_RANGE:
                write_range(w, &op->range);
                break;
        case ETCD_OP_PUT:
                write_put(w, &op->put);
                break;
        case ETCD_OP_DELETE:
                write_delete(w, &op->delete_range);
                break;
        case ETCD_OP_TXN:
                write_txn(w, op->txn, depth + 1);
                break;
        }
        close_bracket(w, "}");
        close_bracket(w, "}");
}

static void write_ops(Writer *w, const char *name, const EtcdOp *ops, size_t n_ops, unsigned depth)
{
        if (n_ops == 0)
                return;
        open_member(w, name, "[");
        for (size_t i = 0; i < n_ops && w->r == 0; i++)
                write_op(w, ops + i, depth);
        close_bracket(w, "]");
}

static void write_txn(Writer *w, const EtcdTxn *txn, unsigned depth)
{
        if (depth > ETCD_TXN_DEPTH_MAX) {
                w->r = w->r < 0 ? w->r : -E2BIG;
                return;
        }
        if (txn->n_compares > 0) {
                open_member(w, "compare", "[");
                for (size_t i = 0; i < txn->n_compares && w->r == 0; i++)
                        write_compare(w, txn->compares + i);
                close_bracket(w, "]");
        }
        write_ops(w, "success", txn->success, txn->n_success, depth);
        write_ops(w, "failure", txn->failure, txn->n_failure, depth);
}

static int finish(Writer *w, char **ret)
{
        close_bracket(w, "}");
        if (w->r < 0) {
                free(w->text);
                return w->r;
        }
        *ret = w->text;
        return 0;
}

int etcd_request_range(const EtcdRange *range, char **ret)
{
        Writer w = {};

        open_bracket(&w, "{");
        write_range(&w, range);
        return finish(&w, ret);
}

int etcd_request_txn(const EtcdTxn *txn, char **ret)
{
        Writer w = {};

        open_bracket(&w, "{");
        write_txn(&w, txn, 1);
        return finish(&w, ret);
}

int etcd_request_watch(const EtcdWatchCreate *create, char **ret)
{
        Writer w = {};

        open_bracket(&w, "{");
        open_member(&w, "create_request", "{");
        write_keys(&w, create->key, create->range_end);
        write_optional_number(&w, "start_revision", create->start_revision);
        write_flag(&w, "progress_notify", create->progress_notify);
        write_flag(&w, "prev_kv", create->prev_kv);
        write_flag(&w, "fragment", create->fragment);
        close_bracket(&w, "}");
        return finish(&w, ret);
}

int etcd_request_lease_grant(int64_t ttl_s, char **ret)
{
        Writer w = {};

        open_bracket(&w, "{");
        write_number(&w, "TTL", ttl_s);
        return finish(&w, ret);
}

int etcd_request_lease(int64_t id, char **ret)
{
        Writer w = {};

        open_bracket(&w, "{");
        write_number(&w, "ID", id);
        return finish(&w, ret);
}

int etcd_request_alarms(char **ret)
{
        Writer w = {};

        open_bracket(&w, "{");
        write_word(&w, "action", "GET");
        return finish(&w, ret);
}

int etcd_request_empty(char **ret)
{
        Writer w = {};

        open_bracket(&w, "{");
        return finish(&w, ret);
}
