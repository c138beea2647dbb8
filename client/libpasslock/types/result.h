/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/libpasslock/types/object.h"

/* The result of a call; its ResultType selects the member. */
typedef union Result {
        char *string;
        uint64_t number;
        void *object;
} Result;

/* Any callback type of <passlock.h>, selected by the ResultType. */
typedef void (*Callback)(void);

typedef struct ResultType {
        size_t size; /* of the member of Result; 0: no result */
        /* Reads a reply. Returns 0, -EPROTO or -ENOMEM. */
        int (*read)(sd_bus_message *reply, Result *ret);
        /* Frees the result. NULL: nothing to free. */
        void (*clear)(Result *result);
        /* `result` is all zero unless `r` is 0. */
        void (*deliver)(passlock *client, Callback callback, int r, const char *error_text,
                        const Result *result, void *userdata);
} ResultType;

extern const ResultType result_none;
extern const ResultType result_string; /* s, or s in a variant */
extern const ResultType result_number; /* u, or t in a variant */
extern const ResultType result_token;
extern const ResultType result_principal;
extern const ResultType result_links;     /* aa{sv} */
extern const ResultType result_link_page; /* aa{sv} and the next cursor */
extern const ResultType result_tenancy;
extern const ResultType result_tenancies;
extern const ResultType result_passkey;
extern const ResultType result_passkey_page; /* aa{sv} and the next cursor */
extern const ResultType result_management;
extern const ResultType result_challenge;
extern const ResultType result_new_challenge; /* with secret, code and mail */
extern const ResultType result_reconciliation;
extern const ResultType result_import;
extern const ResultType result_findings; /* aa{sv} */
extern const ResultType result_rights;   /* aa{sv} */
extern const ResultType result_store;
extern const ResultType result_metrics;
extern const ResultType result_verification;
extern const ResultType result_joined_links;
extern const ResultType result_left_store;
extern const ResultType result_explanation;

/* Releases a result object. */
void result_unref_object(Result *result);

/* Defines result_NAME: an object of a type, for passlock_CALLBACK_TYPE_callback. */
#define DEFINE_RESULT(name, callback_type, object_type) \
        static int name##_result_read(sd_bus_message *reply, Result *ret) \
        { \
                return object_read(reply, &(object_type), &ret->object); \
        } \
        static void name##_result_deliver(passlock *client, Callback callback, int r, \
                                          const char *error_text, const Result *result, \
                                          void *userdata) \
        { \
                ((passlock_##callback_type##_callback) callback)(client, r, error_text, \
                                                                 result->object, userdata); \
        } \
        const ResultType result_##name = { \
                .size = sizeof(void *), \
                .read = name##_result_read, \
                .clear = result_unref_object, \
                .deliver = name##_result_deliver, \
        }
