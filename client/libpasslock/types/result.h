/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"
#include "client/libpasslock/passlock.h"

/* The result of a call; its ResultType selects the member. */
typedef union Result {
        char *string;
        uint64_t number;
        passlock_token *token;
        passlock_principal *principal;
        passlock_link_list *links;
        passlock_tenancy *tenancy;
        passlock_tenancy_list *tenancies;
        passlock_passkey *passkey;
        passlock_passkey_list *passkeys;
        passlock_management *management;
        passlock_challenge *challenge;
        passlock_reconciliation *reconciliation;
        passlock_import *import;
        passlock_finding_list *findings;
        passlock_right_list *rights;
} Result;

/* Any callback type of <passlock.h>, selected by the ResultType. */
typedef void (*Callback)(void);

typedef struct ResultType {
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
extern const ResultType result_findings; /* aa{sv} */
extern const ResultType result_rights;   /* aa{sv} */

/* Defines the public ref and unref functions of a type with an `n_ref` member. */
#define DEFINE_REF(type, destroy) \
        _public_ type *type##_ref(type *object) \
        { \
                if (object) \
                        object->n_ref++; \
                return object; \
        } \
        _public_ type *type##_unref(type *object) \
        { \
                if (object && --object->n_ref == 0) \
                        destroy(object); \
                return NULL; \
        } \
        DEFINE_CLEANUP(type *, type##_unref)
