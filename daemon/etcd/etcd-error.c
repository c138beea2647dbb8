/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/etcd/etcd-error.h"
#include "daemon/json/json.h"

/* Codes of gRPC. */
enum {
        GRPC_INVALID_ARGUMENT = 3,
        GRPC_NOT_FOUND = 5,
        GRPC_ALREADY_EXISTS = 6,
        GRPC_PERMISSION_DENIED = 7,
        GRPC_FAILED_PRECONDITION = 9,
        GRPC_OUT_OF_RANGE = 11,
        GRPC_UNAUTHENTICATED = 16,
};

const char *etcd_error_text(int r)
{
        switch (r) {
#define ETCD_ERROR_CASE(name, value, text) \
        case value: \
                return text;
                ETCD_ERROR_TABLE(ETCD_ERROR_CASE)
#undef ETCD_ERROR_CASE
        default:
                return r == 0 ? "success" : strerror(r < 0 ? -r : EPROTO);
        }
}

/* Errors whose code alone is ambiguous. Texts are of rpctypes/error.go. */
static const struct {
        const char *text;
        EtcdFailure failure;
} texts[] = {
        /* The member checks these before it proposes a request. */
        {"etcdserver: no leader", {ETCD_ERROR_NO_LEADER, .transient = true}},
        {"etcdserver: too many requests", {ETCD_ERROR_UNAVAILABLE, .transient = true}},
        {"etcdserver: not capable", {ETCD_ERROR_UNAVAILABLE, .transient = true}},
        {"etcdserver: rpc not supported for learner", {ETCD_ERROR_UNAVAILABLE, .transient = true}},
        {"etcdserver: mvcc: database space exceeded", {ETCD_ERROR_NO_SPACE}},
        {"etcdserver: request is too large", {ETCD_ERROR_TOO_LARGE}},
        {"trying to send message larger than max", {ETCD_ERROR_TOO_LARGE}},
        {"received message larger than max", {ETCD_ERROR_TOO_LARGE, .executed = true}},
        {"etcdserver: too many operations in txn request", {ETCD_ERROR_TOO_MANY_OPS}},
        {"required revision has been compacted", {ETCD_ERROR_COMPACTED}},
        /* A member that lags behind, or a restored cluster. */
        {"required revision is a future revision", {ETCD_ERROR_UNAVAILABLE, .transient = true}},
        {"etcdserver: requested lease not found", {ETCD_ERROR_LEASE_NOT_FOUND}},
        {"etcdserver: user name is empty", {ETCD_ERROR_DENIED}},
        {"etcdserver: authentication failed", {ETCD_ERROR_DENIED}},
        /* The transport perhaps renews it. */
        {"etcdserver: invalid auth token", {ETCD_ERROR_DENIED, .transient = true}},
        {"etcdserver: permission denied", {ETCD_ERROR_DENIED}},
};

EtcdFailure etcd_failure_of_code(uint64_t grpc_code, const char *message)
{
        for (size_t i = 0; message && i < ARRAY_SIZE(texts); i++)
                if (strstr(message, texts[i].text))
                        return texts[i].failure;
        switch (grpc_code) {
        case GRPC_PERMISSION_DENIED:
        case GRPC_UNAUTHENTICATED:
                return (EtcdFailure){ETCD_ERROR_DENIED};
        case GRPC_INVALID_ARGUMENT:
        case GRPC_NOT_FOUND:
        case GRPC_ALREADY_EXISTS:
        case GRPC_FAILED_PRECONDITION:
        case GRPC_OUT_OF_RANGE:
                return (EtcdFailure){ETCD_ERROR_REFUSED};
        default:
                return (EtcdFailure){ETCD_ERROR_UNAVAILABLE, .executed = true, .transient = true};
        }
}

static EtcdFailure failure_of_transport(int r)
{
        switch (r) {
        case -ENOMEM:
                return (EtcdFailure){-ENOMEM, .executed = true};
        case -EMSGSIZE:
                return (EtcdFailure){ETCD_ERROR_TOO_LARGE, .executed = true};
        case -EACCES:
        case -ENOKEY:
                return (EtcdFailure){ETCD_ERROR_DENIED, .transient = true};
        case -ENOTCONN:
        case -ECONNREFUSED:
        case -EHOSTUNREACH:
        case -EKEYREJECTED:
        case -ENOENT:
                return (EtcdFailure){ETCD_ERROR_UNAVAILABLE, .transient = true};
        default:
                return (EtcdFailure){ETCD_ERROR_UNAVAILABLE, .executed = true, .transient = true};
        }
}

/* Before 3.6 the text is the member "error" as well as "message". */
static EtcdFailure failure_of_body(const char *body, size_t body_len)
{
        json_auto_t *root = NULL;
        const char *message;
        uint64_t code;
        int r;

        r = json_read_reply(body, body_len, &root);
        if (r == 0)
                r = json_read_number(root, "code", &code);
        if (r < 0)
                return (EtcdFailure){-ENOMEM, .executed = true};
        if (r > 0)
                return (EtcdFailure){ETCD_ERROR_MALFORMED, .executed = true, .transient = true};
        message = json_string_value(json_object_get(root, "message"));
        if (!message)
                message = json_string_value(json_object_get(root, "error"));
        return etcd_failure_of_code(code, message);
}

bool etcd_failure_of_reply(int r, unsigned status, const char *body, size_t body_len,
                           EtcdFailure *ret)
{
        if (r == 0 && status == 200)
                return false;
        *ret = r < 0 ? failure_of_transport(r) : failure_of_body(body, body_len);
        return true;
}

EtcdFailure etcd_failure_of_decoding(int r)
{
        return r < 0 ? (EtcdFailure){r, .executed = true}
                     : (EtcdFailure){ETCD_ERROR_MALFORMED, .executed = true, .transient = true};
}
