/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/etcd/etcd-error.h"
#include "daemon/etcd/etcd-json.h"

/* A cluster has few members, and each has few alarms. */
#define MEMBERS_MAX 256U

void etcd_reply_clear(EtcdReply *reply)
{
        etcd_arena_clear(&reply->arena);
}

static int decode_range(const json_t *object, EtcdArena *arena, EtcdRangeReply *ret)
{
        int r;

        r = etcd_json_kvs(object, "kvs", arena, &ret->kvs, &ret->n_kvs);
        if (r == 0)
                r = etcd_json_bool(object, "more", &ret->more);
        if (r == 0)
                r = etcd_json_number(object, "count", &ret->count);
        if (r == 0 && ((uint64_t) ret->count < ret->n_kvs || (ret->more && ret->n_kvs == 0)))
                return ETCD_ERROR_MALFORMED;
        return r;
}

static int decode_delete(const json_t *object, EtcdArena *arena, EtcdDeleteReply *ret)
{
        int r;

        r = etcd_json_number(object, "deleted", &ret->deleted);
        if (r == 0)
                r = etcd_json_kvs(object, "prev_kvs", arena, &ret->prev_kvs, &ret->n_prev_kvs);
        return r;
}

static int decode_txn(const json_t *object, EtcdArena *arena, unsigned depth, EtcdTxnReply *ret);

/* Finds the only member of a response, a union. */
static int find_kind(const json_t *object, EtcdOpKind *ret_kind, const json_t **ret)
{
        static const char *const names[] = {"response_range", "response_put",
                                            "response_delete_range", "response_txn"};
        const json_t *found = NULL, *value;
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                r = etcd_json_object(object, names[i], &value);
                if (r != 0)
                        return r;
                if (value && found)
                        return ETCD_ERROR_MALFORMED;
                if (value) {
                        found = value;
                        *ret_kind = (EtcdOpKind) i;
                }
        }
        *ret = found;
        return found ? 0 : ETCD_ERROR_MALFORMED;
}

static int decode_op(const json_t *object, EtcdArena *arena, unsigned depth, EtcdOpReply *ret)
{
        const json_t *value;
        int r;

        r = find_kind(object, &ret->kind, &value);
        if (r != 0)
                return r;
        switch (ret->kind) {
        case ETCD_OP_RANGE:
                return decode_range(value, arena, &ret->range);
        case ETCD_OP_PUT:
                return etcd_json_optional_kv(value, "prev_kv", arena, &ret->put.prev_kv);
        case ETCD_OP_DELETE:
                return decode_delete(value, arena, &ret->delete_range);
        case ETCD_OP_TXN:
                return decode_txn(value, arena, depth + 1, &ret->txn);
        }
        return ETCD_ERROR_MALFORMED;
}

static int decode_txn(const json_t *object, EtcdArena *arena, unsigned depth, EtcdTxnReply *ret)
{
        const json_t *array;
        int r;

        if (depth > ETCD_TXN_DEPTH_MAX)
                return ETCD_ERROR_MALFORMED;
        r = etcd_json_bool(object, "succeeded", &ret->succeeded);
        if (r == 0)
                r = etcd_json_array(object, "responses", &array, &ret->n_replies);
        if (r != 0)
                return r;
        if (ret->n_replies > ETCD_TXN_OPS_MAX)
                return ETCD_ERROR_MALFORMED;
        ret->replies = etcd_arena_alloc(arena, ret->n_replies, sizeof(EtcdOpReply));
        if (!ret->replies)
                return -ENOMEM;
        for (size_t i = 0; i < ret->n_replies && r == 0; i++)
                r = decode_op(json_array_get(array, i), arena, depth, ret->replies + i);
        return r;
}

static int decode_lease(const json_t *object, EtcdLeaseReply *ret)
{
        int r;

        r = etcd_json_number(object, "ID", &ret->id);
        return r != 0 ? r : etcd_json_number(object, "TTL", &ret->ttl_s);
}

static int decode_grant(const json_t *object, EtcdLeaseReply *ret)
{
        int r = decode_lease(object, ret);

        return r == 0 && (ret->id == 0 || ret->ttl_s == 0) ? ETCD_ERROR_MALFORMED : r;
}

static int decode_status(const json_t *object, EtcdArena *arena, EtcdStatusReply *ret)
{
        const json_t *errors;
        size_t n_errors;
        int r;

        r = etcd_json_label(object, "version", arena, &ret->version);
        if (r == 0)
                r = etcd_json_number(object, "dbSize", &ret->db_size);
        if (r == 0)
                r = etcd_json_number(object, "dbSizeInUse", &ret->db_size_in_use);
        if (r == 0)
                r = etcd_json_number(object, "dbSizeQuota", &ret->db_size_quota);
        if (r == 0)
                r = etcd_json_unsigned(object, "leader", &ret->leader);
        if (r == 0)
                r = etcd_json_bool(object, "isLearner", &ret->is_learner);
        if (r == 0)
                r = etcd_json_array(object, "errors", &errors, &n_errors);
        if (r == 0)
                ret->has_errors = n_errors > 0;
        return r;
}

static int decode_alarm(const json_t *object, EtcdArena *arena, EtcdAlarm *ret)
{
        const char *name;
        int r;

        r = etcd_json_unsigned(object, "memberID", &ret->member_id);
        if (r == 0)
                r = etcd_json_label(object, "alarm", arena, &name);
        if (r != 0)
                return r;
        if (isempty(name) || streq(name, "NONE"))
                ret->kind = ETCD_ALARM_NONE;
        else if (streq(name, "NOSPACE"))
                ret->kind = ETCD_ALARM_NOSPACE;
        else
                ret->kind = streq(name, "CORRUPT") ? ETCD_ALARM_CORRUPT : ETCD_ALARM_OTHER;
        return 0;
}

static int decode_alarms(const json_t *object, EtcdArena *arena, EtcdAlarmsReply *ret)
{
        const json_t *array;
        int r;

        r = etcd_json_array(object, "alarms", &array, &ret->n_alarms);
        if (r != 0)
                return r;
        if (ret->n_alarms > MEMBERS_MAX)
                return ETCD_ERROR_MALFORMED;
        ret->alarms = etcd_arena_alloc(arena, ret->n_alarms, sizeof(EtcdAlarm));
        if (!ret->alarms)
                return -ENOMEM;
        for (size_t i = 0; i < ret->n_alarms && r == 0; i++)
                r = decode_alarm(json_array_get(array, i), arena, ret->alarms + i);
        return r;
}

static int decode_member(const json_t *object, EtcdArena *arena, EtcdMember *ret)
{
        int r;

        r = etcd_json_unsigned(object, "ID", &ret->id);
        if (r == 0)
                r = etcd_json_label(object, "name", arena, &ret->name);
        if (r == 0)
                r = etcd_json_bool(object, "isLearner", &ret->is_learner);
        return r == 0 && ret->id == 0 ? ETCD_ERROR_MALFORMED : r;
}

static int decode_members(const json_t *object, EtcdArena *arena, EtcdMembersReply *ret)
{
        const json_t *array;
        int r;

        r = etcd_json_array(object, "members", &array, &ret->n_members);
        if (r != 0)
                return r;
        if (ret->n_members == 0 || ret->n_members > MEMBERS_MAX)
                return ETCD_ERROR_MALFORMED;
        ret->members = etcd_arena_alloc(arena, ret->n_members, sizeof(EtcdMember));
        if (!ret->members)
                return -ENOMEM;
        for (size_t i = 0; i < ret->n_members && r == 0; i++)
                r = decode_member(json_array_get(array, i), arena, ret->members + i);
        return r;
}

/* The error of an object with a code and a message. */
static int told_error(const json_t *object, const char *code_name)
{
        uint64_t code;
        int r;

        r = etcd_json_unsigned(object, code_name, &code);
        if (r != 0)
                return r;
        return etcd_failure_of_code(code, json_string_value(json_object_get(object, "message")))
                .error;
}

/* Gets the message of a stream, or the error in its place: an object within the stream; of a
 * request that has failed at once, a text beside its code. */
static int open_result(const json_t *root, const json_t **ret)
{
        const json_t *error, *result;
        int r;

        if (json_is_string(json_object_get(root, "error")))
                return told_error(root, "code");
        r = etcd_json_object(root, "error", &error);
        if (r == 0 && error)
                return told_error(error,
                                  json_object_get(error, "grpc_code") ? "grpc_code" : "code");
        if (r == 0)
                r = etcd_json_object(root, "result", &result);
        if (r != 0)
                return r;
        if (!result)
                return ETCD_ERROR_MALFORMED;
        *ret = result;
        return 0;
}

static int decode_payload(const json_t *object, EtcdReply *reply)
{
        switch (reply->kind) {
        case ETCD_REPLY_RANGE:
                return decode_range(object, &reply->arena, &reply->range);
        case ETCD_REPLY_TXN:
                return decode_txn(object, &reply->arena, 1, &reply->txn);
        case ETCD_REPLY_LEASE_GRANT:
                return decode_grant(object, &reply->lease);
        case ETCD_REPLY_LEASE_KEEPALIVE:
                return decode_lease(object, &reply->lease);
        case ETCD_REPLY_LEASE_REVOKE:
                return 0;
        case ETCD_REPLY_STATUS:
                return decode_status(object, &reply->arena, &reply->status);
        case ETCD_REPLY_ALARMS:
                return decode_alarms(object, &reply->arena, &reply->alarms);
        case ETCD_REPLY_MEMBERS:
                return decode_members(object, &reply->arena, &reply->members);
        }
        return ETCD_ERROR_MALFORMED;
}

static int decode_object(const json_t *object, EtcdReply *reply)
{
        bool has_revision = reply->kind == ETCD_REPLY_RANGE || reply->kind == ETCD_REPLY_TXN;
        bool has_header = reply->kind != ETCD_REPLY_ALARMS;
        int r;

        r = etcd_json_header(object, &reply->header);
        if (r != 0)
                return r;
        if ((has_header && reply->header.cluster_id == 0) ||
            (has_revision && reply->header.revision == 0))
                return ETCD_ERROR_MALFORMED;
        return decode_payload(object, reply);
}

int etcd_reply_decode(EtcdReplyKind kind, const char *body, size_t body_len, EtcdReply *ret)
{
        EtcdReply reply = {.kind = kind};
        json_auto_t *root = NULL;
        const json_t *object;
        int r;

        r = etcd_json_read(body, body_len, &root);
        if (r != 0)
                return r;
        object = root;
        if (kind == ETCD_REPLY_LEASE_KEEPALIVE)
                r = open_result(root, &object);
        if (r == 0)
                r = decode_object(object, &reply);
        if (r != 0) {
                etcd_reply_clear(&reply);
                return r;
        }
        *ret = reply;
        return 0;
}

void etcd_watch_reply_clear(EtcdWatchReply *reply)
{
        etcd_arena_clear(&reply->arena);
}

bool etcd_watch_reply_is_progress(const EtcdWatchReply *reply)
{
        return !reply->created && !reply->canceled && !reply->fragment && reply->n_events == 0;
}

static int decode_event(const json_t *object, EtcdArena *arena, EtcdEvent *ret)
{
        const json_t *kv;
        const char *type;
        int r;

        r = etcd_json_label(object, "type", arena, &type);
        if (r == 0)
                r = etcd_json_object(object, "kv", &kv);
        if (r == 0)
                r = etcd_json_kv(kv, arena, &ret->kv);
        if (r == 0)
                r = etcd_json_optional_kv(object, "prev_kv", arena, &ret->prev_kv);
        if (r != 0)
                return r;
        ret->is_delete = streq(type, "DELETE");
        return ret->is_delete || isempty(type) || streq(type, "PUT") ? 0 : ETCD_ERROR_MALFORMED;
}

/* Revisions ascend, up to that of the header. */
static int decode_events(const json_t *object, EtcdWatchReply *reply)
{
        int64_t revision = 0;
        const json_t *array;
        int r;

        r = etcd_json_array(object, "events", &array, &reply->n_events);
        if (r != 0)
                return r;
        reply->events = etcd_arena_alloc(&reply->arena, reply->n_events, sizeof(EtcdEvent));
        if (!reply->events)
                return -ENOMEM;
        for (size_t i = 0; i < reply->n_events; i++) {
                r = decode_event(json_array_get(array, i), &reply->arena, reply->events + i);
                if (r != 0)
                        return r;
                if (reply->events[i].kv.mod_revision < revision)
                        return ETCD_ERROR_MALFORMED;
                revision = reply->events[i].kv.mod_revision;
        }
        return revision > reply->header.revision ? ETCD_ERROR_MALFORMED : 0;
}

static int decode_watch(const json_t *object, EtcdWatchReply *reply)
{
        int r;

        r = etcd_json_header(object, &reply->header);
        if (r == 0)
                r = etcd_json_bool(object, "created", &reply->created);
        if (r == 0)
                r = etcd_json_bool(object, "canceled", &reply->canceled);
        if (r == 0)
                r = etcd_json_bool(object, "fragment", &reply->fragment);
        if (r == 0)
                r = etcd_json_number(object, "compact_revision", &reply->compact_revision);
        if (r == 0)
                r = etcd_json_label(object, "cancel_reason", &reply->arena, &reply->cancel_reason);
        if (r == 0 && reply->header.cluster_id == 0)
                return ETCD_ERROR_MALFORMED;
        return r == 0 ? decode_events(object, reply) : r;
}

int etcd_watch_reply_decode(const char *line, size_t line_len, EtcdWatchReply *ret)
{
        EtcdWatchReply reply = {};
        json_auto_t *root = NULL;
        const json_t *result;
        int r;

        r = etcd_json_read(line, line_len, &root);
        if (r == 0)
                r = open_result(root, &result);
        if (r == 0)
                r = decode_watch(result, &reply);
        if (r != 0) {
                etcd_watch_reply_clear(&reply);
                return r;
        }
        *ret = reply;
        return 0;
}
