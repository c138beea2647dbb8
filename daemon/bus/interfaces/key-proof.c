/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/bus/dispatch/dispatch.h"
#include "daemon/bus/interfaces/interfaces.h"
#include "daemon/model/valid.h"
#include "dbus/error.h"
#include "dbus/key-proof.h"

static int reply_with_proof(Request *request, const Tenancy *tenancy, const char *nonce)
{
        const Secret *key = tenancy_key(tenancy);
        char proof[KEY_PROOF_LEN + 1];
        int r;

        if (!key)
                return ERROR_NOT_CONFIGURED;
        r = key_proof(key, nonce, proof);
        return r < 0 ? r : request_reply_text(request, 's', proof);
}

static int run_prove_key(Request *request, sd_bus_message *m)
{
        const char *label, *nonce;
        const BusTenancy *object;
        int r;

        r = sd_bus_message_read(m, "ss", &label, &nonce);
        if (r < 0)
                return r;
        if ((*label && !tenancy_label_is_valid(label)) || !key_proof_nonce_is_valid(nonce))
                return request_explain(request, ERROR_INVALID_ARGS,
                                       "tenancy must be " TENANCY_LABEL_RULE "; nonce must be %u "
                                       "to %u of A-Z, a-z, 0-9, _ and -",
                                       KEY_PROOF_NONCE_MIN, KEY_PROOF_NONCE_MAX);
        object = bus_find_tenancy(request->bus, *label ? label : request->bus->default_tenancy);
        return object ? reply_with_proof(request, object->tenancy, nonce) : ERROR_UNKNOWN_OBJECT;
}

/* Only root may call this: there is neither a right nor a question for polkit. */
int bus_method_prove_key(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        static const Method method = {.rights = 0, .run = run_prove_key};

        return dispatch_method(userdata, NULL, m, &method);
}
